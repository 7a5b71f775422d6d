//! When a request is sent again, and when it is not.

use std::time::Duration;

use backon::ExponentialBuilder;

use super::error::Failure;
use crate::fault::FaultKind;

/// How often and how fast a request is repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The wait before the first repetition; it doubles from one to the next, with jitter.
    pub(super) first: Duration,
    /// The longest wait that we choose ourselves.
    pub(super) longest: Duration,
    /// How many repetitions.
    pub(super) repetitions: usize,
    /// The longest wait that the service may ask for; a longer one ends the matter.
    pub(super) longest_asked: Duration,
    /// No repetition begins later than this after the first request.
    pub(super) in_all: Duration,
    /// The same where nobody listens: nothing was sent, and whoever asks tries again as a whole.
    pub(super) unconnected: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(10),
            repetitions: 5,
            longest_asked: Duration::from_mins(1),
            in_all: Duration::from_mins(3),
            unconnected: Duration::from_secs(1),
        }
    }
}

impl Pace {
    pub(super) fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(self.repetitions)
            .with_jitter()
    }

    /// The error after the last attempt, which failed with `failure` though it could have been repeated.
    pub(super) fn given_up(&self, failure: Failure, attempts: u32) -> Failure {
        let limit = self.longest_asked;
        match asked(&failure) {
            Some(asked) if asked > limit => {
                Failure::WaitTooLong { asked, limit, source: Box::new(failure) }
            }
            Some(_) | None => Failure::Exhausted { attempts, source: Box::new(failure) },
        }
    }

    /// How long to wait before the next attempt: what we chose, or longer if the service asked for it. `None` ends
    /// the matter.
    pub(super) fn wait(
        &self,
        failure: &Failure,
        chosen: Option<Duration>,
        spent: Duration,
    ) -> Option<Duration> {
        let chosen = chosen?;
        let wait = match asked(failure) {
            Some(asked) if asked > self.longest_asked => return None,
            Some(asked) => chosen.max(asked),
            None => chosen,
        };
        let is_unconnected = matches!(failure, Failure::Connect { .. });
        let in_all = if is_unconnected { self.unconnected } else { self.in_all };
        (spent.saturating_add(wait) <= in_all).then_some(wait)
    }
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
        | Failure::Exhausted { .. } => None,
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
        | Failure::Exhausted { .. } => false,
    }
}
