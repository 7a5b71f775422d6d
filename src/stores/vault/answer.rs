//! What Vault answered, told apart by what it means for a write: the judgement of a publication, without I/O.

use crate::fault::line;
use crate::redact::foreign_text;
use crate::rotation::world::Version;
use crate::secret::{SecretError, TokenError};

/// How much of Vault's words is shown.
const WORDS: usize = 300;

/// The `cas` that makes a write one compare-and-set over `version`; none for what is no version of this store, which
/// nobody can have now.
pub(crate) fn cas(version: &Version) -> Option<u32> {
    if version.is_absent() { Some(0) } else { version.as_str().parse().ok() }
}

/// What a write means that was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// Somebody else wrote first.
    Conflict,
    /// It never left, or Vault refused it.
    Refused,
    /// It may have taken effect, or may yet.
    Unknown,
}

/// An answer that is not the one hoped for, or none.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A status, and Vault's own words where the body was Vault's.
    Status {
        /// The HTTP status.
        status: u16,
        /// The texts of `errors`.
        errors: Vec<String>,
    },
    /// No connection was made.
    Unreachable(String),
    /// The connection broke, or the time was up.
    Broken(String),
    /// A success that is not Vault's.
    Nonsense,
    /// The secret to log in with could not be read or used.
    Login(SecretError),
    /// Vault refused the login, or it failed otherwise. Nothing but the login was sent.
    LoginRefused(Box<Answer>),
    /// The text to log in with cannot stand in a header.
    Unusable(TokenError),
}

impl Answer {
    fn is_conflict(&self) -> bool {
        self.says(400, "check-and-set parameter did not match")
    }

    /// Whether it is this status, with these words among Vault's own.
    pub(super) fn says(&self, wanted: u16, words: &str) -> bool {
        matches!(self, Self::Status { status, errors }
            if *status == wanted && errors.iter().any(|error| error.contains(words)))
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Status { status: 403, .. })
    }

    /// Whether Vault had no time for it, or not yet: it was sent again for as long as that is worth it.
    pub(super) fn was_turned_away(&self) -> bool {
        matches!(self, Self::Status { status: 412 | 429, .. })
    }

    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self {
            // 412: a standby has not yet seen what was written.
            Self::Status { status, .. } => matches!(status, 408 | 412 | 429 | 500..=599),
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::LoginRefused(answer) => answer.is_worth_repeating(),
            Self::Nonsense | Self::Login(_) | Self::Unusable(_) => false,
        }
    }

    /// What a write means that was answered like this.
    pub(crate) fn of_write(&self) -> Unwritten {
        match self {
            Self::Status { .. } if self.is_conflict() => Unwritten::Conflict,
            // 408 comes from a proxy that lost its patience, perhaps after it had passed the request on.
            Self::Status { status, .. } if (300..=499).contains(status) && *status != 408 => {
                Unwritten::Refused
            }
            Self::Unreachable(_) | Self::Login(_) | Self::LoginRefused(_) | Self::Unusable(_) => {
                Unwritten::Refused
            }
            Self::Status { .. } | Self::Broken(_) | Self::Nonsense => Unwritten::Unknown,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Status { status, errors } if errors.is_empty() => {
                format!("the server answered with status {status}")
            }
            Self::Status { status, errors } => {
                let words = foreign_text(&errors.join("; "), WORDS);
                format!("the server answered with status {status}: {words}")
            }
            Self::Unreachable(cause) => format!("no connection: {cause}"),
            Self::Broken(cause) => format!("no answer: {cause}"),
            Self::Nonsense => "the answer is not Vault's".to_owned(),
            Self::Login(error) => line(error),
            Self::LoginRefused(answer) => format!("cannot log in: {}", answer.text()),
            Self::Unusable(error) => line(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Token;

    fn status(status: u16, words: &str) -> Answer {
        Answer::Status { status, errors: vec![words.to_owned()] }
    }

    #[test]
    fn a_write_over_nothing_must_be_the_first_and_a_foreign_version_is_nobodys() {
        assert_eq!(cas(&Version::absent()), Some(0));
        assert_eq!(cas(&Version::new(7)), Some(7));
        assert_eq!(cas(&Version::new("0190163d-8694-739b-aea5-966c26f8ad91")), None);
    }

    #[test]
    fn only_vaults_own_word_is_a_conflict_and_only_a_clear_no_is_a_refusal() {
        let conflict = "check-and-set parameter did not match the current version";
        let broken = || Answer::Broken("reset".to_owned());
        for (answer, expected) in [
            (status(400, conflict), Unwritten::Conflict),
            (status(500, conflict), Unwritten::Unknown),
            (status(400, "other"), Unwritten::Refused),
            (status(403, "permission denied"), Unwritten::Refused),
            (status(429, "slow down"), Unwritten::Refused),
            (status(499, ""), Unwritten::Refused),
            (status(307, ""), Unwritten::Refused),
            (status(408, ""), Unwritten::Unknown),
            (status(502, ""), Unwritten::Unknown),
            (status(200, ""), Unwritten::Unknown),
            (Answer::Nonsense, Unwritten::Unknown),
            (broken(), Unwritten::Unknown),
            (Answer::Unreachable("refused".to_owned()), Unwritten::Refused),
            (Answer::LoginRefused(Box::new(broken())), Unwritten::Refused),
            (Answer::Unusable(TokenError::Empty), Unwritten::Refused),
        ] {
            assert_eq!(answer.of_write(), expected, "{answer:?}");
        }
    }

    #[test]
    fn vaults_words_are_shown_short_and_never_with_the_secret() {
        let token = Token::new("hvs.the-s3cret").unwrap();
        let answer = Answer::Status {
            status: 400,
            errors: vec!["got the-s3cret".to_owned(), "two\nlines\u{202e}".to_owned()],
        };
        let text = "the server answered with status 400: got [redacted]; two lines";
        assert_eq!(answer.text(), text);
        drop(token);
        assert_eq!(Answer::Nonsense.text(), "the answer is not Vault's");
    }

    #[test]
    fn what_may_pass_is_worth_repeating_and_a_denial_is_known() {
        for code in [408, 412, 429, 500, 599] {
            assert!(status(code, "").is_worth_repeating(), "{code}");
        }
        for code in [400, 403, 404, 600] {
            assert!(!status(code, "").is_worth_repeating(), "{code}");
        }
        assert!(!Answer::Nonsense.is_worth_repeating());
        let login = |code| Answer::LoginRefused(Box::new(status(code, "")));
        assert!(login(503).is_worth_repeating() && !login(403).is_worth_repeating());
        assert!(status(403, "").is_denied() && !status(400, "").is_denied());
        assert!(!Answer::Nonsense.is_denied());
    }
}
