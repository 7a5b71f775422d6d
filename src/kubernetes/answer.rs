//! What the API server answered, told apart by what it means for a write: the judgement, without I/O.

use serde::Deserialize;

use crate::redact::foreign_text;

/// How much of the API server's words is shown.
const SHOWN: usize = 300;

/// What a write means that was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// The object is not, or no longer, what the write was made for.
    Conflict,
    /// It never left, or was refused.
    Refused,
    /// It may have taken effect, or may yet.
    Unknown,
}

/// An answer that is not the one hoped for, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A status, and what the API server said of it.
    Status {
        /// The HTTP status.
        code: u16,
        /// The API server's word for it, such as `Conflict`; empty where the answer is not the API server's.
        reason: String,
        /// Its words, fit to be shown.
        message: String,
    },
    /// No connection was made.
    Unreachable(String),
    /// The connection broke, or the time was up.
    Broken(String),
    /// A success that is not the API server's, or that is longer than any answer to what was asked.
    Nonsense(&'static str),
    /// What pintail shows to the API server cannot be had. Nothing was sent.
    NoIdentity(String),
}

/// The body of an answer that is no success.
#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<Details>,
}

/// What the answer is about.
#[derive(Deserialize, Default)]
struct Details {
    #[serde(default)]
    name: String,
}

impl Answer {
    /// The answer with this status and this body. `may_quote` says whether the body could repeat a secret that was
    /// sent: then its words are left out, but for those of refusals that look at names alone.
    pub(crate) fn of(code: u16, body: &[u8], may_quote: bool) -> Self {
        let status = serde_json::from_slice::<Status>(body).ok();
        let Some(status) = status.filter(|status| status.kind == "Status") else {
            return Self::Status { code, reason: String::new(), message: String::new() };
        };
        let looks_at_names = matches!(
            status.reason.as_str(),
            "Unauthorized"
                | "Forbidden"
                | "NotFound"
                | "AlreadyExists"
                | "Conflict"
                | "TooManyRequests"
        );
        let message = if may_quote && !looks_at_names {
            String::new()
        } else {
            foreign_text(&status.message, SHOWN)
        };
        // It does not know of such objects, and says nothing about this one.
        let is_of_no_object = status.reason == "NotFound"
            && status.details.is_none_or(|details| details.name.is_empty());
        let reason = if is_of_no_object { String::new() } else { foreign_text(&status.reason, 40) };
        Self::Status { code, reason, message }
    }

    fn is_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Status { code, .. } if *code == wanted)
    }

    /// Whether there is no such object. A 404 of somebody else says nothing about what exists.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Status { code: 404, reason, .. } if reason == "NotFound")
    }

    /// Whether the API server does not know of such objects at all.
    pub(crate) fn is_of_an_unknown_kind(&self) -> bool {
        self.is_status(404) && !self.is_absence()
    }

    /// Whether the object is there already.
    pub(crate) fn is_presence(&self) -> bool {
        matches!(self, Self::Status { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// Whether the object has changed since it was read.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { code: 409, reason, .. } if reason == "Conflict")
    }

    /// Whether the right to do it is missing.
    pub(crate) fn is_denied(&self) -> bool {
        self.is_status(403)
    }

    /// Whether the API server does not know who asks.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.is_status(401)
    }

    /// Whether the namespace is being deleted.
    pub(crate) fn is_of_a_terminating_namespace(&self) -> bool {
        matches!(self, Self::Status { code: 403, message, .. } if message.contains("is being terminated"))
    }

    /// Whether the object's content was found wrong: an immutable Secret's change, for instance.
    pub(crate) fn is_invalid(&self) -> bool {
        self.is_status(422)
    }

    /// Whether trying again may help.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500..=599),
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::Nonsense(_) | Self::NoIdentity(_) => false,
        }
    }

    /// What a write means that was answered like this. Every write names the version or the absence that it is made
    /// over, so that any 409, and an object that is gone, is a conflict.
    pub(crate) fn of_write(&self) -> Unwritten {
        match self {
            Self::Status { code: 409, reason, .. } if !reason.is_empty() => Unwritten::Conflict,
            answer if answer.is_absence() => Unwritten::Conflict,
            // 408 comes from a proxy that lost its patience, perhaps after it had passed the request on.
            Self::Status { code: 300..=407 | 409..=499, .. }
            | Self::Unreachable(_)
            | Self::NoIdentity(_) => Unwritten::Refused,
            Self::Status { .. } | Self::Broken(_) | Self::Nonsense(_) => Unwritten::Unknown,
        }
    }

    /// A word for the metrics.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Status { code, .. } => code.to_string(),
            Self::Unreachable(_) => "connect".to_owned(),
            Self::Broken(_) => "broken".to_owned(),
            Self::Nonsense(_) => "nonsense".to_owned(),
            Self::NoIdentity(_) => "no_identity".to_owned(),
        }
    }

    /// What happened, for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Status { code, message, .. } if message.is_empty() => {
                format!("the API server answered with status {code}")
            }
            Self::Status { code, message, .. } => {
                format!("the API server answered with status {code}: {message}")
            }
            Self::Unreachable(cause) => format!("no connection: {cause}"),
            Self::Broken(cause) => format!("no answer: {cause}"),
            Self::Nonsense(what) => (*what).to_owned(),
            Self::NoIdentity(cause) => cause.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, reason: &str, message: &str) -> Answer {
        let body = serde_json::json!({
            "kind": "Status", "reason": reason, "message": message, "details": {"name": "etl"},
        });
        Answer::of(code, body.to_string().as_bytes(), true)
    }

    #[test]
    fn only_a_clear_no_is_a_refusal_and_only_the_api_servers_word_a_conflict() {
        let broken = || Answer::Broken("reset".to_owned());
        for (answer, expected) in [
            (said(409, "Conflict", ""), Unwritten::Conflict),
            (said(409, "AlreadyExists", ""), Unwritten::Conflict),
            (said(404, "NotFound", ""), Unwritten::Conflict),
            (Answer::of(404, b"404 page not found", true), Unwritten::Refused),
            (Answer::of(409, b"<html>", true), Unwritten::Refused),
            (said(400, "BadRequest", ""), Unwritten::Refused),
            (said(401, "Unauthorized", ""), Unwritten::Refused),
            (said(403, "Forbidden", ""), Unwritten::Refused),
            (said(422, "Invalid", ""), Unwritten::Refused),
            (said(429, "TooManyRequests", ""), Unwritten::Refused),
            (Answer::of(307, b"", true), Unwritten::Refused),
            (said(408, "", ""), Unwritten::Unknown),
            (said(500, "InternalError", ""), Unwritten::Unknown),
            (said(504, "Timeout", ""), Unwritten::Unknown),
            (Answer::of(200, b"hello", true), Unwritten::Unknown),
            (Answer::Nonsense("x"), Unwritten::Unknown),
            (broken(), Unwritten::Unknown),
            (Answer::Unreachable("refused".to_owned()), Unwritten::Refused),
            (Answer::NoIdentity("no token".to_owned()), Unwritten::Refused),
        ] {
            assert_eq!(answer.of_write(), expected, "{answer:?}");
        }
    }

    #[test]
    fn what_may_quote_the_secret_that_was_sent_is_not_shown() {
        let quoting = said(400, "BadRequest", "error found in #10 byte of ...|dDBrZW4|...");
        assert_eq!(quoting.text(), "the API server answered with status 400");
        let named = said(403, "Forbidden", "secrets \"etl\" is forbidden: no");
        assert!(named.text().ends_with("403: secrets \"etl\" is forbidden: no"), "{named:?}");
        let read = br#"{"kind":"Status","reason":"BadRequest","message":"unknown field"}"#;
        assert!(Answer::of(400, read, false).text().ends_with(": unknown field"));
    }

    #[test]
    fn what_may_pass_is_worth_repeating() {
        for code in [408, 429, 500, 503, 504] {
            assert!(said(code, "", "").is_worth_repeating(), "{code}");
        }
        for code in [400, 401, 403, 404, 409, 422] {
            assert!(!said(code, "", "").is_worth_repeating(), "{code}");
        }
        assert!(!Answer::NoIdentity(String::new()).is_worth_repeating());
        assert!(!Answer::Nonsense("").is_worth_repeating());
    }

    #[test]
    fn absence_is_the_api_servers_own_word() {
        assert!(said(404, "NotFound", "").is_absence());
        assert!(!Answer::of(404, b"404 page not found", false).is_absence());
        // As Kubernetes answers where it knows no such kind.
        let unknown = br#"{"kind":"Status","reason":"NotFound","details":{},"code":404}"#;
        let unknown = Answer::of(404, unknown, false);
        assert!(unknown.is_of_an_unknown_kind() && !unknown.is_absence());
        assert!(!said(404, "NotFound", "").is_of_an_unknown_kind());
        assert!(said(409, "AlreadyExists", "").is_presence());
        assert!(!said(409, "Conflict", "").is_presence());
        let going = "unable to create new content in namespace x because it is being terminated";
        assert!(said(403, "Forbidden", going).is_of_a_terminating_namespace());
        assert!(!said(403, "Forbidden", "no").is_of_a_terminating_namespace());
    }
}
