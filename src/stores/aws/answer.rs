//! What AWS answered, without any value of a request, and what that means for what was asked.

use super::words::Matter;
use crate::redact::foreign_text;

/// How much of AWS's words is shown.
const MESSAGE_CHARACTERS: usize = 500;
const CODE_CHARACTERS: usize = 64;

/// The answers that mean something to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidParameter,
    InvalidRequest,
    Validation,
    ResourceExists,
    ResourceNotFound,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameter => "InvalidParameterException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::Validation => "ValidationException",
            Self::ResourceExists => "ResourceExistsException",
            Self::ResourceNotFound => "ResourceNotFoundException",
        }
    }
}

/// The codes whose messages speak of names, keys and permissions. The others' are not shown: a validation error may
/// quote the value that it found wanting, and that is the secret.
const HARMLESS: [&str; 14] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "EncryptionFailure",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidRequestException",
    "InvalidSignatureException",
    "LimitExceededException",
    "ResourceExistsException",
    "ResourceNotFoundException",
    "ThrottlingException",
    "UnrecognizedClientException",
    "RequestExpired",
];

const THROTTLED: [&str; 4] =
    ["ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"];

/// An answer that is not the one hoped for, or none.
#[derive(Debug)]
pub(crate) enum Answer {
    /// AWS said no.
    Answered { code: Option<String>, message: Option<String>, matter: Option<Matter>, status: u16 },
    /// Nothing was sent.
    NotSent(String),
    /// No answer, or none that can be understood.
    Unclear(String),
}

impl Answer {
    pub(crate) fn answered(code: Option<&str>, message: Option<&str>, status: u16) -> Self {
        let matter = code.zip(message).and_then(|(code, message)| Matter::of(code, message));
        let message = message.filter(|_| code.is_some_and(|code| HARMLESS.contains(&code)));
        Self::Answered {
            matter,
            code: code.map(|code| foreign_text(code, CODE_CHARACTERS)),
            message: message.map(|message| foreign_text(message, MESSAGE_CHARACTERS)),
            status,
        }
    }

    pub(crate) fn nonsense(what: &str) -> Self {
        Self::Unclear(format!("the answer is not that of Secrets Manager: {what}"))
    }

    pub(crate) fn is(&self, wanted: Code) -> bool {
        matches!(self, Self::Answered { code: Some(code), .. } if code == wanted.as_str())
    }

    /// What it is about, where that can be told.
    pub(super) fn matter(&self) -> Option<Matter> {
        match self {
            Self::Answered { matter, .. } => *matter,
            Self::NotSent(_) | Self::Unclear(_) => None,
        }
    }

    /// Whether what was asked may have happened, or may yet.
    pub(crate) fn may_land(&self) -> bool {
        match self {
            // 408 comes from a proxy that lost its patience, perhaps after it had passed the request on.
            Self::Answered { status, .. } => !(400..=499).contains(status) || *status == 408,
            Self::NotSent(_) => false,
            Self::Unclear(_) => true,
        }
    }

    pub(super) fn is_throttled(&self) -> bool {
        matches!(self, Self::Answered { code: Some(code), .. } if THROTTLED.contains(&code.as_str()))
            || matches!(self, Self::Answered { status: 429, .. })
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Answered { code, message, status, matter: _ } => {
                let code = code.clone().unwrap_or_else(|| format!("status {status}"));
                match message {
                    Some(message) => format!("{code}: {}", message.trim()),
                    None => code,
                }
            }
            Self::NotSent(cause) => format!("not sent: {cause}"),
            Self::Unclear(cause) => format!("no answer: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str, message: &str, status: u16) -> Answer {
        Answer::answered(Some(code), Some(message), status)
    }

    #[test]
    fn only_a_clear_no_cannot_land() {
        for (status, lands) in [(399, true), (400, false), (408, true), (499, false), (500, true)] {
            assert_eq!(said("Any", "", status).may_land(), lands, "{status}");
        }
        assert!(!Answer::NotSent(String::new()).may_land());
        assert!(Answer::nonsense("no version ID").may_land());
    }

    #[test]
    fn throttling_is_known_by_its_codes_and_by_its_status() {
        assert!(said("ThrottlingException", "", 400).is_throttled());
        assert!(said("Any", "", 429).is_throttled());
        assert!(!said("AccessDeniedException", "", 400).is_throttled());
        assert!(!Answer::NotSent(String::new()).is_throttled());
    }

    #[test]
    fn a_message_is_shown_only_where_it_cannot_quote_a_value() {
        assert_eq!(said("AccessDeniedException", " no ", 400).text(), "AccessDeniedException: no");
        assert_eq!(said("ValidationException", "s3cret", 400).text(), "ValidationException");
        assert_eq!(Answer::answered(None, None, 502).text(), "status 502");
        assert_eq!(Answer::NotSent("refused".to_owned()).text(), "not sent: refused");
        assert_eq!(Answer::Unclear("reset".to_owned()).text(), "no answer: reset");
    }

    #[test]
    fn a_code_is_matched_whole() {
        assert!(said("InvalidRequestException", "", 400).is(Code::InvalidRequest));
        assert!(!said("InvalidParameterException", "", 400).is(Code::InvalidRequest));
        assert!(!Answer::Unclear("InvalidRequestException".to_owned()).is(Code::InvalidRequest));
    }
}
