//! What a gate, a hook or a verifier is told about the rotation: as placeholders and as environment variables.

use crate::names::{AccountName, CredentialName, RotationId, TokenId};

/// What a gate, a hook or a verifier is told. Holds no secret.
#[derive(Debug, Clone)]
pub struct Context {
    /// The credential.
    pub credential: CredentialName,
    /// Its account.
    pub username: AccountName,
    /// The token in question: the served one, or the one that is being verified.
    pub token_id: TokenId,
    /// The token that it replaced, if there was one.
    pub previous_token_id: Option<TokenId>,
    /// The rotation.
    pub rotation_id: RotationId,
    /// The store's name.
    pub store: String,
    /// Where in the store the secret is.
    pub path: String,
}

/// How placeholders are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// For a URL: everything but RFC 3986's unreserved characters is percent-encoded.
    Url,
}

impl Context {
    /// The names that are used in braces, and in capitals behind `PINTAIL_`, with their values. What does not exist
    /// is empty.
    fn values(&self) -> [(&'static str, String); 7] {
        [
            ("credential", self.credential.to_string()),
            ("username", self.username.to_string()),
            ("token_id", self.token_id.to_string()),
            (
                "previous_token_id",
                self.previous_token_id.map(|id| id.to_string()).unwrap_or_default(),
            ),
            ("rotation_id", self.rotation_id.to_string()),
            ("store", self.store.clone()),
            ("path", self.path.clone()),
        ]
    }

    /// The environment of a command.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.values()
            .into_iter()
            .map(|(name, value)| (format!("PINTAIL_{}", name.to_ascii_uppercase()), value))
    }

    /// `template` with its placeholders filled in, in one pass: a value that looks like a placeholder stays as it is.
    pub fn fill(&self, template: &str, encoding: Encoding) -> String {
        let values = self.values();
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, tail)| {
                values.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, tail))
            });
            rest = if let Some((value, tail)) = known {
                match encoding {
                    Encoding::Plain => filled.push_str(value),
                    Encoding::Url => percent_encode(value, &mut filled),
                }
                tail
            } else {
                filled.push('{');
                after
            };
        }
        filled.push_str(rest);
        filled
    }
}

fn percent_encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push_str(&hex::encode_upper([byte]));
        }
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Context {
    Context {
        credential: "etl_prod".parse().unwrap(),
        username: "etl_account".parse().unwrap(),
        token_id: "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01".parse().unwrap(),
        previous_token_id: None,
        rotation_id: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
        store: "main".to_owned(),
        path: "a b/{credential}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_once_and_unknown_ones_stay() {
        let filled = sample().fill("{credential}:{path}:{nonsense}:{", Encoding::Plain);
        assert_eq!(filled, "etl_prod:a b/{credential}:{nonsense}:{");
    }

    #[test]
    fn in_a_url_values_cannot_add_structure() {
        assert_eq!(
            sample().fill("http://x/{path}", Encoding::Url),
            "http://x/a%20b%2F%7Bcredential%7D"
        );
    }

    #[test]
    fn a_missing_predecessor_is_empty_and_not_left_out() {
        assert_eq!(sample().fill("[{previous_token_id}]", Encoding::Plain), "[]");
        let names: Vec<_> = sample().variables().map(|(name, _)| name).collect();
        assert!(names.contains(&"PINTAIL_PREVIOUS_TOKEN_ID".to_owned()), "{names:?}");
    }
}
