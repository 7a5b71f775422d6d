//! When a request is sent again, and when it is not.

use std::time::Duration;

use super::error::Failure;
use crate::fault::{Diagnostic, FaultKind};
use crate::retry::{MOTHERDUCK_UNREACHED, Retry};

/// The error after the last attempt, which failed with `failure` though it could have been repeated.
pub(super) fn given_up(retry: &Retry, failure: Failure, attempts: u32) -> Failure {
    let limit = retry.longest_asked;
    match asked(&failure) {
        Some(asked) if asked > limit => {
            Failure::WaitTooLong { asked, limit, source: Box::new(failure) }
        }
        Some(_) | None => Failure::Exhausted { attempts, source: Box::new(failure) },
    }
}

/// How long to wait before the next attempt: what we chose, or longer if the service asked for it. `None` ends the
/// matter.
pub(super) fn wait(
    retry: &Retry,
    failure: &Failure,
    chosen: Option<Duration>,
    spent: Duration,
) -> Option<Duration> {
    let is_unconnected = matches!(failure, Failure::Connect { .. });
    let retry = if is_unconnected { &MOTHERDUCK_UNREACHED } else { retry };
    retry.wait(chosen?, asked(failure), spent)
}

fn asked(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::RateLimited { retry_after } | Failure::Unavailable { retry_after, .. } => {
            *retry_after
        }
        Failure::AdminToken(_)
        | Failure::AdminTokenElsewhere(_)
        | Failure::AdminTokenText(_)
        | Failure::Path { .. }
        | Failure::Connect { .. }
        | Failure::Broken { .. }
        | Failure::Unauthorized { .. }
        | Failure::Forbidden { .. }
        | Failure::Validation(_)
        | Failure::NotFound(_)
        | Failure::PlainNotFound { .. }
        | Failure::Conflict(_)
        | Failure::Unexpected(_)
        | Failure::Unfinished { .. }
        | Failure::Malformed { .. }
        | Failure::WaitTooLong { .. }
        | Failure::Exhausted { .. }
        | Failure::Stopping => None,
    }
}

/// Whether the request may be sent again at once. One that is not idempotent is repeated only where the service said
/// that it did not even look at it.
pub(super) fn may_repeat(failure: &Failure, idempotent: bool) -> bool {
    match failure {
        Failure::RateLimited { .. } => true,
        Failure::Unavailable { .. } | Failure::Broken { .. } => idempotent,
        Failure::Connect { .. } => idempotent && failure.kind() == FaultKind::Transient,
        Failure::AdminToken(_)
        | Failure::AdminTokenElsewhere(_)
        | Failure::AdminTokenText(_)
        | Failure::Path { .. }
        | Failure::Unauthorized { .. }
        | Failure::Forbidden { .. }
        | Failure::Validation(_)
        | Failure::NotFound(_)
        | Failure::PlainNotFound { .. }
        | Failure::Conflict(_)
        | Failure::Unexpected(_)
        | Failure::Unfinished { .. }
        | Failure::Malformed { .. }
        | Failure::WaitTooLong { .. }
        | Failure::Exhausted { .. }
        | Failure::Stopping => false,
    }
}
