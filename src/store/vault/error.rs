//! The client's errors as answers; and why the store did not do what was asked.

use super::answer::Answer;
use super::rights::Capability;
use crate::rotation::world::FaultKind;
use crate::store::chain;
use crate::tls::TlsError;

impl From<reqwest::Error> for Answer {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let text = chain(&error);
        if error.is_connect() || error.is_builder() {
            Self::Unreachable(text)
        } else {
            Self::Broken(text)
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

    /// Whether trying again may help.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Address | Self::Text { .. } | Self::Tls(_) | Self::VersionOne { .. } => {
                FaultKind::Permanent
            }
            Self::Request { kind, .. } => *kind,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address | Self::Text { .. } | Self::Tls(_) => None,
            Self::VersionOne { mount } => {
                Some(format!("upgrade it with `vault kv enable-versioning {mount}`, or name another mount"))
            }
            Self::Request { doing, mount, path, status, .. } => match status {
                Some(300..=399) => Some(
                    "redirects are not followed, since the Vault token would travel with them: name the active node's address"
                        .to_owned(),
                ),
                Some(400) => Some(
                    "check the role, the mount and what pintail logs in with".to_owned(),
                ),
                Some(403) => Some(format!(
                    "the policy lacks the capability `{}` on {mount}/data/{path}, or the Vault token has expired",
                    doing.as_str()
                )),
                Some(404) => Some(format!("check that a KV version 2 engine is mounted at {mount}")),
                Some(503) => Some("Vault may be sealed".to_owned()),
                _ => None,
            },
        }
    }
}
