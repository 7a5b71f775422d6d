//! What Secrets Manager means by its words, where a code stands for several things that ask for different help.

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// The KMS key may not be used by whoever asks.
    KeyDenied,
    /// The KMS key is disabled, pending deletion, or does not fit.
    KeyUnusable,
    /// The secret is a copy of one in another region.
    Replica,
    /// The secret is scheduled for deletion.
    Deletion,
    /// Another AWS service keeps the secret.
    Owned,
    /// The value is larger than 64 KiB.
    Size,
    /// The clocks differ.
    Clock,
    /// A quota of the secret's is used up.
    Quota,
}

impl Matter {
    /// What a code and its message are about. The message is looked at, and not kept: it may quote a value.
    pub(super) fn of(code: &str, message: &str) -> Option<Self> {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let is_about_a_key = says(&["KMS"]);
        match code {
            "AccessDeniedException" if is_about_a_key => Some(Self::KeyDenied),
            "DecryptionFailure" | "EncryptionFailure" => Some(Self::KeyUnusable),
            "InvalidRequestException" | "InvalidParameterException" if is_about_a_key => {
                Some(Self::KeyUnusable)
            }
            "InvalidRequestException" | "InvalidParameterException"
                if says(&["replica secret"]) =>
            {
                Some(Self::Replica)
            }
            "InvalidRequestException" if says(&["managed by another service", "owned by"]) => {
                Some(Self::Owned)
            }
            "InvalidRequestException"
                if says(&["marked for deletion", "marked deleted", "scheduled for deletion"]) =>
            {
                Some(Self::Deletion)
            }
            "ValidationException" | "InvalidParameterException" if says(&["65536"]) => {
                Some(Self::Size)
            }
            "RequestExpired" | "RequestTimeTooSkewed" => Some(Self::Clock),
            "InvalidSignatureException" | "SignatureDoesNotMatch"
                if says(&["Signature expired", "Signature not yet current"]) =>
            {
                Some(Self::Clock)
            }
            "LimitExceededException" => Some(Self::Quota),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub(super) fn hint(self, secret: &str) -> String {
        match self {
            Self::KeyDenied => format!(
                "allow kms:Decrypt and kms:GenerateDataKey on the KMS key of {secret} to what pintail runs as, in its \
                 policy or in the key's"
            ),
            Self::KeyUnusable => format!(
                "look at the KMS key of {secret}: enable it or cancel its deletion, and allow kms:Decrypt and \
                 kms:GenerateDataKey to what pintail runs as"
            ),
            Self::Replica => format!(
                "a replica is written where it comes from: name the primary's region for this store, or give {secret} \
                 another path"
            ),
            Self::Deletion => {
                format!("`aws secretsmanager restore-secret --secret-id {secret}` brings it back")
            }
            Self::Owned => format!(
                "another AWS service writes {secret}: give the credential a path of its own"
            ),
            Self::Size => format!(
                "Secrets Manager takes 65536 bytes at most: move keys out of {secret} into another secret"
            ),
            Self::Clock => {
                "this machine's clock and AWS's differ: synchronise it, by NTP for example"
                    .to_owned()
            }
            Self::Quota => format!(
                "a secret has room for 20 staging labels over all of its versions, of which pintail uses few: \
                 `aws secretsmanager list-secret-version-ids --secret-id {secret}` shows them, and \
                 `update-secret-version-stage --remove-from-version-id` takes off those that nobody reads"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_matter_is_told_from_the_others_by_its_words() {
        for (code, message, matter) in [
            ("AccessDeniedException", "Access to KMS is not allowed", Some(Matter::KeyDenied)),
            (
                "AccessDeniedException",
                "User: x is not authorized to perform: secretsmanager:PutSecretValue",
                None,
            ),
            (
                "InvalidRequestException",
                "The KMS key is disabled or pending deletion",
                Some(Matter::KeyUnusable),
            ),
            ("DecryptionFailure", "can't decrypt", Some(Matter::KeyUnusable)),
            (
                "InvalidParameterException",
                "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
                Some(Matter::Replica),
            ),
            ("InvalidParameterException", "Not a valid version", None),
            (
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
                Some(Matter::Deletion),
            ),
            (
                "InvalidRequestException",
                "You tried to perform the operation on a secret that's currently marked deleted.",
                Some(Matter::Deletion),
            ),
            ("InvalidRequestException", "the model was deleted by its delegate", None),
            (
                "InvalidRequestException",
                "You can't perform this operation on a secret that is managed by another service.",
                Some(Matter::Owned),
            ),
            (
                "ValidationException",
                "Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
                Some(Matter::Size),
            ),
            (
                "InvalidSignatureException",
                "Signature expired: 20261125T000000Z is now earlier than 20261125T075500Z",
                Some(Matter::Clock),
            ),
            ("InvalidSignatureException", "The request signature does not match", None),
            (
                "LimitExceededException",
                "You have exceeded the maximum number of staging labels (20).",
                Some(Matter::Quota),
            ),
        ] {
            assert_eq!(Matter::of(code, message), matter, "{code}: {message}");
        }
    }
}
