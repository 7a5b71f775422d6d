//! The clients' errors as answers; and why the store did not do what was asked.

use rustify::errors::ClientError;

use super::answer::Answer;
use super::rights::Capability;
use crate::fault::line;
use crate::fault::{Diagnostic, FaultKind};
use crate::tls::TlsError;

impl From<reqwest::Error> for Answer {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let text = line(&error);
        if error.is_connect() || error.is_builder() {
            Self::Unreachable(text)
        } else {
            Self::Broken(text)
        }
    }
}

/// Why no answer came, on its way through rustify.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(super) struct NoAnswer(pub(super) Answer);

impl From<ClientError> for Answer {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::ResponseError { source } => match source.downcast() {
                Ok(NoAnswer(answer)) => answer,
                Err(_) => Self::Broken("the request failed".to_owned()),
            },
            ClientError::DataParseError { .. }
            | ClientError::EndpointBuildError { .. }
            | ClientError::RequestBuildError { .. }
            | ClientError::ReqwestBuildError { .. }
            | ClientError::UrlBuildError { .. }
            | ClientError::UrlQueryParseError { .. }
            | ClientError::UrlParseError { .. } => {
                Self::Unreachable("the request could not be made".to_owned())
            }
            // Our client gives none of these. What is not understood counts as possibly sent.
            ClientError::GenericError { .. }
            | ClientError::RequestError { .. }
            | ClientError::ResponseConversionError { .. }
            | ClientError::ResponseParseError { .. }
            | ClientError::ServerResponseError { .. } => {
                Self::Broken("the request failed".to_owned())
            }
        }
    }
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// An address with more than a host and a port.
    #[error(
        "the Vault address must be scheme, host and port, without path, query, name or password"
    )]
    Address,
    /// A namespace or an auth mount with characters that a request cannot carry.
    #[error("{what} {text:?} has characters that a request to Vault cannot carry")]
    Text {
        /// What it names.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The certificates do not fit.
    #[error("cannot make the TLS configuration for Vault")]
    Tls(#[from] TlsError),
    /// The mount is an engine of another version.
    #[error("mount {mount:?} is KV version 1, which has no compare-and-set")]
    VersionOne {
        /// The mount.
        mount: String,
    },
    /// Vault did not do what was asked.
    #[error("cannot {verb} secret {path} on mount {mount}: {text}", verb = doing.verb())]
    Request {
        /// What was tried.
        doing: Capability,
        /// The mount.
        mount: String,
        /// The secret's path on the mount.
        path: String,
        /// What was answered.
        text: String,
        /// Whether trying again may help.
        kind: FaultKind,
        /// The HTTP status, if there was one.
        status: Option<u16>,
    },
}

impl VaultError {
    pub(super) fn new(doing: Capability, mount: &str, path: &str, answer: &Answer) -> Self {
        let kind =
            if answer.is_worth_repeating() { FaultKind::Transient } else { FaultKind::Permanent };
        let status = match answer {
            Answer::Status { status, .. } => Some(*status),
            // Whatever it was, it is the login that needs a look.
            Answer::LoginRefused(_) => Some(400),
            Answer::Unreachable(_)
            | Answer::Broken(_)
            | Answer::Nonsense
            | Answer::Login(_)
            | Answer::Unusable(_) => None,
        };
        let (mount, path) = (mount.to_owned(), path.to_owned());
        Self::Request { doing, mount, path, text: answer.text(), kind, status }
    }
}

impl Diagnostic for VaultError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Address | Self::Text { .. } | Self::VersionOne { .. } => FaultKind::Permanent,
            Self::Tls(error) => error.kind(),
            Self::Request { kind, .. } => *kind,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Address | Self::Text { .. } | Self::Tls(_) => None,
            Self::VersionOne { mount } => {
                Some(format!("upgrade it with `vault kv enable-versioning {mount}`, or name another mount"))
            }
            Self::Request { text, .. } if words_hint(text).is_some() => {
                words_hint(text).map(str::to_owned)
            }
            Self::Request { doing, mount, path, status, .. } => match status {
                Some(300..=399) => Some(
                    "redirects are not followed, since the Vault token would travel with them: name the active node's address"
                        .to_owned(),
                ),
                Some(400) => Some(
                    "check the role, the mount and what pintail logs in with".to_owned(),
                ),
                Some(403) if *doing == Capability::List => Some(format!(
                    "the policy lacks the capability `list` on {mount}/metadata/{path}, or the Vault token has expired; without it, name the secrets: --paths-from FILE"
                )),
                Some(403) => Some(format!(
                    "the policy lacks the capability `{}` on {mount}/data/{path}, or the Vault token has expired",
                    doing.as_str()
                )),
                Some(404) => Some(format!("check that a KV version 2 engine is mounted at {mount}")),
                _ => None,
            },
        }
    }
}

/// What a person can do about an answer that says more than its status.
fn words_hint(text: &str) -> Option<&'static str> {
    let hints = [
        (
            "namespace not found",
            "check `namespace` in the store's table: Vault knows none of that name",
        ),
        (
            "has been locked by an administrator",
            "the namespace is locked: whoever locked it can unlock it with `vault namespace unlock`",
        ),
        (
            "Vault is sealed",
            "unseal Vault; where it was never initialised, begin with `vault operator init`",
        ),
        ("not initialized", "initialise Vault with `vault operator init`"),
        (LOOKS_WRAPPED, "unwrap it with `vault unwrap`, and put what comes of it there"),
    ];
    hints.into_iter().find(|(words, _)| text.contains(words)).map(|(_, hint)| hint)
}

/// What is said of a secret ID that was refused and has the form of a Vault token.
pub(super) const LOOKS_WRAPPED: &str = "the secret ID has the form of a wrapping token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaults_own_words_decide_the_hint_before_the_status_does() {
        let hint = |status: u16, words: &str| {
            let answer = Answer::Status { status, errors: vec![words.to_owned()] };
            VaultError::new(Capability::Read, "secret", "motherduck/etl", &answer).hint().unwrap()
        };
        assert!(hint(404, "namespace not found").contains("`namespace`"));
        assert!(hint(404, "no handler for route").contains("KV version 2"));
        let locked = "API access to this namespace has been locked by an administrator - \"ns1/\" must be unlocked";
        assert!(hint(503, locked).contains("unlock"));
        assert!(hint(503, "Vault is sealed").contains("operator init"));
        assert!(hint(403, "permission denied").contains("capability `read`"));
    }
}
