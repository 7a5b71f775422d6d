//! What can go wrong between us and MotherDuck, what it means, and what a person can do about it.

use std::fmt;
use std::time::Duration;

use super::operation::Operation;
use crate::fault::{Diagnostic, Fault, FaultKind};
use crate::request_stats::Reach;
use crate::secret::{SecretError, TokenError};
use crate::tls::{TlsError, is_distrust};

/// Why the client could not be made, or an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error(
        "api_url {url} must be https (or http to a loopback address), without a user name or password"
    )]
    Url {
        /// The URL.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot make a client for {url}")]
    Setup {
        /// The base URL.
        url: String,
        /// What is wrong.
        source: TlsError,
    },
    /// An operation failed.
    #[error("cannot {operation}")]
    Operation {
        /// What was tried.
        operation: Box<Operation>,
        /// What came of it.
        source: Box<Failure>,
    },
}

impl Error {
    /// What came of the request, if it came to one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Url { .. } | Self::Setup { .. } => None,
            Self::Operation { source, .. } => Some(source),
        }
    }

    /// Whether the request may have taken effect, or may yet do so.
    pub fn may_have_effect(&self) -> bool {
        self.failure().is_some_and(|failure| !failure.is_without_effect())
    }

    /// Whether it is MotherDuck's own word that there is no such thing.
    pub fn is_absence(&self) -> bool {
        matches!(self.failure(), Some(Failure::NotFound(_)))
    }

    /// Whether it may mean that the list of users, which is young, is not to be had here.
    pub fn has_no_user_list(&self) -> bool {
        matches!(
            self.failure(),
            Some(Failure::Forbidden { .. } | Failure::NotFound(_) | Failure::PlainNotFound { .. })
        )
    }
}

impl Diagnostic for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Url { .. } => FaultKind::Permanent,
            Self::Setup { source, .. } => source.kind(),
            Self::Operation { source, .. } => source.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Url { .. } | Self::Setup { .. } => None,
            Self::Operation { source, .. } => source.hint(),
        }
    }
}

/// Why a creation gave no token.
#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    /// Certainly not created.
    #[error(transparent)]
    Refused(Error),
    /// It may have happened, or may yet happen; the text of such a token is lost.
    #[error(transparent)]
    Unknown(Error),
}

impl CreateTokenError {
    /// What an error of the request says about the token.
    pub(super) fn of(error: Error) -> Self {
        match error.failure() {
            // A proxy may have sent the request twice: the token that has the name may be the one that was asked for.
            Some(Failure::Conflict(_)) => Self::Unknown(error),
            Some(failure) if !failure.is_without_effect() => Self::Unknown(error),
            Some(_) | None => Self::Refused(error),
        }
    }

    /// Whether MotherDuck says that a token of that name exists.
    pub fn is_conflict(&self) -> bool {
        matches!(self.cause().failure(), Some(Failure::Conflict(_)))
    }

    /// What went wrong.
    pub fn cause(&self) -> &Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
}

impl Diagnostic for CreateTokenError {
    /// It is tried with another name.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unknown(_) if self.is_conflict() => FaultKind::Transient,
            Self::Refused(error) | Self::Unknown(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error.hint(),
        }
    }
}

/// An answer that says no, as far as it may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// MotherDuck's code, such as `BAD_REQUEST`.
    pub code: Option<String>,
    /// The texts of MotherDuck's issues, redacted and of limited length.
    pub issues: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if self.issues.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.issues.join("; "))
    }
}

/// What came of a request.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The admin token could not be read; nothing was sent.
    #[error("there is no admin token")]
    AdminToken(#[source] SecretError),
    /// The admin token could not be read from its store; nothing was sent.
    #[error("cannot read the admin token: {0}")]
    AdminTokenElsewhere(Fault),
    /// The admin token cannot stand in a header; nothing was sent.
    #[error("the admin token cannot be used")]
    AdminTokenText(#[source] TokenError),
    /// No URL could be made; nothing was sent.
    #[error("no URL for it can be made below api_url {base}")]
    Path {
        /// The base URL.
        base: String,
    },
    /// No connection: nothing was sent.
    #[error("cannot connect to {base}")]
    Connect {
        /// The base URL.
        base: String,
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// The connection broke, or the time was up, before the whole answer had come.
    #[error("{base} did not answer to the end")]
    Broken {
        /// The base URL.
        base: String,
        /// What the HTTP client said.
        source: reqwest::Error,
    },
    /// 401.
    #[error("MotherDuck does not accept the admin token ({refusal})")]
    Unauthorized {
        /// Where the admin token is read from.
        place: String,
        /// The answer.
        refusal: Refusal,
    },
    /// 403.
    #[error("the admin token's user is not allowed to do this ({refusal})")]
    Forbidden {
        /// Where the admin token is read from.
        place: String,
        /// The answer.
        refusal: Refusal,
    },
    /// 400 or 422.
    #[error("MotherDuck did not accept the request ({0})")]
    Validation(Refusal),
    /// 404 in JSON with the code `NOT_FOUND`: the service's own word that there is no such thing.
    #[error("MotherDuck knows no such account, token or dive ({0})")]
    NotFound(Refusal),
    /// Any other 404. It says nothing about what exists.
    #[error("there is no such route below {base} (a 404 that is not MotherDuck's own)")]
    PlainNotFound {
        /// The base URL.
        base: String,
    },
    /// 409.
    #[error("it conflicts with what exists ({0})")]
    Conflict(Refusal),
    /// 429.
    #[error("too many requests (429)")]
    RateLimited {
        /// How long the service asks us to wait.
        retry_after: Option<Duration>,
    },
    /// 502, 503 or 504.
    #[error("MotherDuck is unavailable ({status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long the service asks us to wait.
        retry_after: Option<Duration>,
    },
    /// A status that no document names.
    #[error("MotherDuck answered with an unexpected status ({0})")]
    Unexpected(Refusal),
    /// A success that is not the one that says so: part of a list, or a deed that was only taken on.
    #[error("MotherDuck answered with status {status}, which does not say that it is done")]
    Unfinished {
        /// The HTTP status.
        status: u16,
    },
    /// An answer of success that cannot be read. `reason` holds no value of it.
    #[error("MotherDuck's answer cannot be read: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The service asks for a longer wait than we grant within one operation.
    #[error("it asks to wait {}, and we wait at most {}", humantime::format_duration(*asked), humantime::format_duration(*limit))]
    WaitTooLong {
        /// What it asks for.
        asked: Duration,
        /// What we grant.
        limit: Duration,
        /// The answer.
        source: Box<Failure>,
    },
    /// The last of several attempts failed, too.
    #[error("gave up after {attempts} attempts")]
    Exhausted {
        /// How many requests were sent.
        attempts: u32,
        /// What came of the last one.
        source: Box<Failure>,
    },
    /// A stop came while it waited to be sent, or sent again.
    #[error("pintail is stopping, and sends nothing more")]
    Stopping,
}

impl Failure {
    /// What it says about MotherDuck being there, and about the admin token.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Connect { .. } | Self::Broken { .. } | Self::Unavailable { .. } => {
                Reach::Unreachable
            }
            Self::Unexpected(refusal) if refusal.status >= 500 => Reach::Unreachable,
            Self::Unauthorized { .. } | Self::Forbidden { .. } => Reach::Refused,
            Self::AdminToken(_)
            | Self::AdminTokenElsewhere(_)
            | Self::AdminTokenText(_)
            | Self::Path { .. }
            | Self::Validation(_)
            | Self::NotFound(_)
            | Self::PlainNotFound { .. }
            | Self::Conflict(_)
            | Self::RateLimited { .. }
            | Self::Unexpected(_)
            | Self::Unfinished { .. }
            | Self::Malformed { .. }
            | Self::Stopping => Reach::Answered,
            Self::Exhausted { source, .. } | Self::WaitTooLong { source, .. } => source.reach(),
        }
    }

    /// What stands where a status would, if no answer came.
    pub(super) fn without_status(&self) -> &'static str {
        if matches!(self, Self::Connect { .. }) { "unconnected" } else { "broken" }
    }

    /// Whether the request had certainly no effect, and will have none.
    pub(super) fn is_without_effect(&self) -> bool {
        match self {
            Self::AdminToken(_)
            | Self::AdminTokenElsewhere(_)
            | Self::AdminTokenText(_)
            | Self::Path { .. }
            | Self::Connect { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Validation(_)
            | Self::NotFound(_)
            | Self::PlainNotFound { .. }
            | Self::Conflict(_)
            | Self::RateLimited { .. } => true,
            Self::Broken { .. }
            | Self::Unavailable { .. }
            | Self::Unexpected(_)
            | Self::Unfinished { .. }
            | Self::Malformed { .. }
            // It may have been sent before.
            | Self::Stopping => false,
            Self::Exhausted { source, .. } | Self::WaitTooLong { source, .. } => {
                source.is_without_effect()
            }
        }
    }
}

impl Diagnostic for Failure {
    /// Whether trying again later may help.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Connect { source, .. } if is_distrust(source) => FaultKind::Permanent,
            Self::Connect { .. }
            | Self::Broken { .. }
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Unfinished { .. }
            | Self::Malformed { .. }
            | Self::Stopping => FaultKind::Transient,
            Self::Unexpected(refusal) if refusal.status >= 500 => FaultKind::Transient,
            Self::AdminTokenElsewhere(fault) => fault.kind,
            Self::AdminToken(_)
            | Self::AdminTokenText(_)
            | Self::Path { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Validation(_)
            | Self::NotFound(_)
            | Self::PlainNotFound { .. }
            | Self::Conflict(_)
            | Self::Unexpected(_) => FaultKind::Permanent,
            Self::Exhausted { source, .. } | Self::WaitTooLong { source, .. } => source.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { base, source } if is_distrust(source) => Some(format!(
                "the certificate of {base} is not believed: is motherduck.api_url right? a private authority is named by motherduck.ca_file"
            )),
            Self::AdminTokenElsewhere(fault) => fault.hint.clone(),
            Self::AdminToken(_) | Self::AdminTokenText(_) => {
                Some("motherduck.admin_token must name a readable file or a variable that holds a read/write token of an Admin".to_owned())
            }
            Self::Unauthorized { place, .. } => Some(format!(
                "create a read/write token of a user with the Admin role and put it into {place}; pintail reads it again by itself"
            )),
            Self::Forbidden { place, .. } => Some(format!(
                "the token in {place} must be a read/write token of a user with the Admin role, and can manage service accounts and its own user only"
            )),
            Self::PlainNotFound { base } => Some(format!("is motherduck.api_url right? it is {base}")),
            Self::Unexpected(refusal) if (300..400).contains(&refusal.status) => {
                Some("redirects are not followed: is motherduck.api_url right?".to_owned())
            }
            Self::RateLimited { .. } => {
                Some("lower motherduck.requests_per_second if this goes on".to_owned())
            }
            Self::NotFound(_) => Some("check the username and the ID: `pintail account list` and `pintail token list` show what exists".to_owned()),
            Self::Path { .. }
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::Validation(_)
            | Self::Conflict(_)
            | Self::Unavailable { .. }
            | Self::Unexpected(_)
            | Self::Unfinished { .. }
            | Self::Malformed { .. }
            | Self::Stopping => None,
            Self::Exhausted { source, .. } | Self::WaitTooLong { source, .. } => source.hint(),
        }
    }
}
