//! How long a failing credential is left alone: twice as long each time, a little different for each credential.

use std::time::Duration;

use crate::names::CredentialName;
use crate::retry::{CREDENTIAL, Retry};
use jiff::SignedDuration;

/// Near the expiry of the served token pauses get shorter, down to this.
const LONGEST_AT_EXPIRY: Duration = Duration::from_secs(30);
/// Until the expiry there is time for at least so many tries.
const TRIES_UNTIL_EXPIRY: i32 = 20;

/// The pause after the `failures`th failure in a row (1 is the first), where the served token has `left` to live and
/// settled credentials are looked at every `sweep`.
pub(super) fn pause(
    name: &CredentialName,
    failures: u32,
    left: Option<SignedDuration>,
    sweep: Duration,
) -> Duration {
    let longest = left
        .map_or(CREDENTIAL.longest, |left| {
            let share = Duration::try_from(left / TRIES_UNTIL_EXPIRY).unwrap_or(Duration::ZERO);
            share.clamp(LONGEST_AT_EXPIRY, CREDENTIAL.longest)
        })
        .min(sweep.max(CREDENTIAL.first));
    Retry { longest, ..CREDENTIAL }.pause(failures, name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWEEP: Duration = Duration::from_hours(1);

    fn name(text: &str) -> CredentialName {
        text.parse().unwrap()
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_are_the_same_each_time() {
        let etl = name("etl");
        let mut before = Duration::ZERO;
        for failures in 1..=8 {
            let now = pause(&etl, failures, None, SWEEP);
            assert_eq!(now, pause(&etl, failures, None, SWEEP));
            assert!(now > before, "{failures}: {now:?} after {before:?}");
            before = now;
        }
        for failures in [9, 10, 40, u32::MAX] {
            let longest = pause(&etl, failures, None, SWEEP);
            assert!(
                (CREDENTIAL.longest * 3 / 4..=CREDENTIAL.longest).contains(&longest),
                "{longest:?}"
            );
        }
        let first = pause(&etl, 1, None, SWEEP);
        assert!((CREDENTIAL.first * 3 / 4..=CREDENTIAL.first).contains(&first), "{first:?}");
    }

    #[test]
    fn the_nearer_the_expiry_the_shorter_the_pause() {
        let etl = name("etl");
        let at = |left| pause(&etl, 20, Some(left), SWEEP);
        assert!(at(SignedDuration::from_hours(48)) > Duration::from_mins(10));
        assert!(at(SignedDuration::from_hours(1)) <= Duration::from_mins(3));
        assert!(at(SignedDuration::from_mins(1)) <= LONGEST_AT_EXPIRY);
        assert!(at(SignedDuration::from_hours(-1)) > Duration::from_secs(20));
    }

    #[test]
    fn a_failing_credential_is_looked_at_as_often_as_a_settled_one() {
        assert!(pause(&name("etl"), 20, None, Duration::from_mins(1)) <= Duration::from_mins(1));
        assert!(pause(&name("etl"), 20, None, Duration::from_secs(1)) > Duration::from_secs(3));
    }
}
