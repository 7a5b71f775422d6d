//! The SDK's errors as answers without any value of a request; and why the store did not do what was asked.

use std::error::Error;
use std::io;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use super::answer::Answer;
use super::endpoint::UNSAFE;
use super::words::Matter;
use crate::fault::line;
use crate::fault::{Diagnostic, FaultKind};
use crate::tls::TlsError;

impl Answer {
    /// The SDK's error without what its `Debug` would show: whole responses, with the secret in them.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                Self::answered(context.err().code(), context.err().message(), status)
            }
            // What could not be parsed stays out of the text: the parser may quote it.
            SdkError::ResponseError(_) => Self::nonsense("it cannot be understood"),
            SdkError::ConstructionFailure(_) => Self::NotSent(line(error)),
            SdkError::DispatchFailure(failure) if failure.is_user() || is_refused(error) => {
                Self::NotSent(line(error))
            }
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | _ => {
                Self::Unclear(line(error))
            }
        }
    }
}

/// Whether the cause is that nobody listens: then nothing was sent.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The system's certificates do not do.
    #[error("cannot make the TLS configuration for AWS")]
    Tls(#[from] TlsError),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client for AWS: {0}")]
    Http(String),
    /// Neither the configuration nor the environment names a region.
    #[error("no AWS region is configured")]
    NoRegion,
    /// The secret is on its way out.
    #[error("secret {secret} is scheduled for deletion")]
    ScheduledForDeletion {
        /// The secret.
        secret: String,
    },
    /// There is no room for a record beside what people keep in the secret.
    #[error("secret {secret} has no room for a token: the other keys take up {taken} bytes")]
    TooLarge {
        /// The secret.
        secret: String,
        /// How much they take up.
        taken: usize,
    },
    /// Two wrote the first version of a secret that had none.
    #[error(
        "cannot tell whether secret {secret} was written: somebody else filled it at the same time"
    )]
    Overtaken {
        /// The secret.
        secret: String,
    },
    /// AWS did not do what was asked.
    #[error("cannot {doing} secret {secret}: {text}")]
    Request {
        /// What was tried.
        doing: &'static str,
        /// The secret.
        secret: String,
        /// What was answered.
        text: String,
        /// The code of the answer.
        code: Option<String>,
        /// What it is about.
        matter: Option<Matter>,
        /// Whether trying again may help.
        kind: FaultKind,
    },
}

impl AwsError {
    pub(super) fn new(doing: &'static str, secret: &str, answer: Answer) -> Self {
        let secret = secret.to_owned();
        let matter = answer.matter();
        if matter == Some(Matter::Deletion) {
            return Self::ScheduledForDeletion { secret };
        }
        let transient = match &answer {
            Answer::Answered { status, .. } => {
                *status >= 500 || *status == 408 || answer.is_throttled()
            }
            Answer::NotSent(text) => !text.contains(UNSAFE),
            Answer::Unclear(_) => true,
        };
        let kind = if transient { FaultKind::Transient } else { FaultKind::Permanent };
        let text = answer.text();
        let code = match answer {
            Answer::Answered { code, .. } => code,
            Answer::NotSent(_) | Answer::Unclear(_) => None,
        };
        Self::Request { doing, secret, text, code, matter, kind }
    }
}

impl Diagnostic for AwsError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Tls(error) => error.kind(),
            Self::Http(_)
            | Self::NoRegion
            | Self::ScheduledForDeletion { .. }
            | Self::TooLarge { .. } => FaultKind::Permanent,
            Self::Overtaken { .. } => FaultKind::Transient,
            Self::Request { kind, .. } => *kind,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Tls(_) | Self::Http(_) | Self::Overtaken { .. } => None,
            Self::NoRegion => Some(
                "set `region` in the store's table, or AWS_REGION in the environment".to_owned(),
            ),
            Self::ScheduledForDeletion { secret } => Some(Matter::Deletion.hint(secret)),
            Self::TooLarge { secret, .. } => Some(Matter::Size.hint(secret)),
            Self::Request { secret, matter: Some(matter), .. } => Some(matter.hint(secret)),
            Self::Request { text, .. } if text.contains(UNSAFE) => Some(
                "name one that begins with https:// by `endpoint_url`, AWS_ENDPOINT_URL or the profile: secrets travel \
                 to it"
                    .to_owned(),
            ),
            Self::Request { secret, code, text, .. } => match code.as_deref() {
                Some("AccessDeniedException") => Some(match denied(text) {
                    Some(action) => format!("allow {action} on {secret} to what pintail runs as"),
                    None => format!(
                        "allow secretsmanager:GetSecretValue, CreateSecret, PutSecretValue, UpdateSecretVersionStage, ListSecretVersionIds and TagResource on {secret}"
                    ),
                }),
                Some(
                    "ExpiredTokenException"
                    | "UnrecognizedClientException"
                    | "InvalidClientTokenId"
                    | "InvalidSignatureException",
                ) => Some("check the AWS credentials that pintail runs with".to_owned()),
                _ => None,
            },
        }
    }
}

/// The action that was denied, where AWS names it: `User: … is not authorized to perform: SERVICE:ACTION on …`.
fn denied(text: &str) -> Option<&str> {
    let action = text.split_once("not authorized to perform: ")?.1.split_whitespace().next()?;
    let is_action = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '*');
    (action.contains(':') && action.chars().all(is_action)).then_some(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_action_that_is_denied_is_named() {
        let hint = |message: &str| {
            let answer = Answer::answered(Some("AccessDeniedException"), Some(message), 400);
            AwsError::new("write", "motherduck/etl", answer).hint().unwrap()
        };
        let told = "User: arn:aws:sts::1:assumed-role/pintail/x is not authorized to perform: \
                    secretsmanager:UpdateSecretVersionStage on resource: motherduck/etl because no identity-based policy allows it";
        let named = hint(told);
        assert!(
            named.contains("allow secretsmanager:UpdateSecretVersionStage on motherduck/etl"),
            "{named}"
        );
        assert!(!named.contains("PutSecretValue"), "{named}");
        assert!(hint("no").contains("PutSecretValue"));
    }
}
