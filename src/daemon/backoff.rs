//! How long a failing credential is left alone: twice as long each time, a little different for each credential.

use std::time::Duration;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::names::CredentialName;

/// The pause after the first failure, which doubles.
const FIRST: Duration = Duration::from_secs(5);
/// No pause is longer.
const LONGEST: Duration = Duration::from_mins(15);
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
    let doublings = failures.saturating_sub(1).min(16);
    let longest = left
        .map_or(LONGEST, |left| {
            let share = Duration::try_from(left / TRIES_UNTIL_EXPIRY).unwrap_or(Duration::ZERO);
            share.clamp(LONGEST_AT_EXPIRY, LONGEST)
        })
        .min(sweep.max(FIRST));
    let pause = FIRST.saturating_mul(1 << doublings).min(longest);
    pause.mul_f64(1.0 - jitter(name, failures) / 4.0)
}

/// From 0 to 1, the same whenever it is asked for: drawn afresh at each look, the first lucky draw would win.
fn jitter(name: &CredentialName, failures: u32) -> f64 {
    let digest =
        Sha256::new().chain_update(name.as_str()).chain_update(failures.to_be_bytes()).finalize();
    digest.first().copied().map_or(0.0, |byte| f64::from(byte) / 255.0)
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
            assert!((LONGEST * 3 / 4..=LONGEST).contains(&longest), "{longest:?}");
        }
        let first = pause(&etl, 1, None, SWEEP);
        assert!((FIRST * 3 / 4..=FIRST).contains(&first), "{first:?}");
    }

    #[test]
    fn credentials_that_fail_together_do_not_come_back_together() {
        let pauses: std::collections::BTreeSet<_> =
            (0..100).map(|n| pause(&name(&format!("c{n}")), 5, None, SWEEP)).collect();
        assert!(pauses.len() > 50, "{}", pauses.len());
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
