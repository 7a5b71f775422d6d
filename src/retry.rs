//! How long pintail tries: one policy, and every place where something is tried again, by its name.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// As long as there is reason to.
const FOR_EVER: Duration = Duration::MAX;

/// How often something is tried, and how long is waited in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The pause after the first failure.
    pub first: Duration,
    /// Each further pause is longer by this factor.
    pub factor: u32,
    /// No pause of ours is longer.
    pub longest: Duration,
    /// How often it is tried, the first time included.
    pub tries: u32,
    /// A longer wait that the other side asks for (`Retry-After`) ends the matter.
    pub longest_asked: Duration,
    /// No try begins later than this after the first one.
    pub in_all: Duration,
}

/// A request to MotherDuck, where repeating it is safe.
pub const MOTHERDUCK: Retry = Retry {
    first: Duration::from_millis(250),
    factor: 2,
    longest: Duration::from_secs(10),
    tries: 6,
    longest_asked: Duration::from_mins(1),
    in_all: Duration::from_mins(3),
}
.checked();

/// The same where nobody listens: nothing was sent, and whoever asks tries again as a whole.
pub const MOTHERDUCK_UNREACHED: Retry =
    Retry { in_all: Duration::from_secs(1), ..MOTHERDUCK }.checked();

/// A read from Vault.
pub const VAULT_READ: Retry = Retry {
    first: Duration::from_millis(200),
    factor: 4,
    longest: Duration::from_secs(10),
    tries: 3,
    longest_asked: Duration::ZERO,
    in_all: FOR_EVER,
}
.checked();

/// A request that Vault had no time for (429), or not yet (412): it was not carried out.
pub const VAULT_BUSY: Retry = Retry {
    first: Duration::from_millis(50),
    factor: 2,
    longest: Duration::from_secs(2),
    tries: u32::MAX,
    longest_asked: Duration::from_secs(30),
    in_all: Duration::from_secs(30),
}
.checked();

/// A read from Kubernetes.
pub const KUBERNETES_READ: Retry = VAULT_READ;

/// A step of a run of the daemon; after that the credential makes room for others.
pub const STEP: Retry = Retry {
    first: Duration::from_secs(2),
    factor: 2,
    longest: Duration::from_mins(1),
    tries: 2,
    longest_asked: Duration::ZERO,
    in_all: Duration::from_secs(15),
}
.checked();

/// A step of `pintail rotate-now`, which nobody runs again.
pub const STEP_ONCE: Retry = Retry { tries: 4, ..STEP }.checked();

/// A credential of the daemon that fails, until it is well again.
pub const CREDENTIAL: Retry = Retry {
    first: Duration::from_secs(5),
    factor: 2,
    longest: Duration::from_mins(15),
    tries: u32::MAX,
    longest_asked: Duration::ZERO,
    in_all: FOR_EVER,
}
.checked();

/// A notification.
pub const NOTIFICATION: Retry = Retry {
    first: Duration::from_secs(1),
    factor: 2,
    longest: Duration::from_mins(1),
    tries: u32::MAX,
    longest_asked: Duration::from_mins(15),
    in_all: Duration::from_mins(15),
}
.checked();

/// A trace.
pub const TRACE: Retry = Retry {
    first: Duration::from_millis(500),
    factor: 2,
    longest: Duration::from_secs(10),
    tries: 3,
    longest_asked: Duration::ZERO,
    in_all: FOR_EVER,
}
.checked();

/// What is tried again, for people: the manual prints this table.
pub const TABLE: [(&str, &Retry); 10] = [
    ("a request to MotherDuck that may be repeated", &MOTHERDUCK),
    ("the same, where nobody listens", &MOTHERDUCK_UNREACHED),
    ("a read from Vault", &VAULT_READ),
    ("a request that Vault turns away: 429, 412", &VAULT_BUSY),
    ("a read from Kubernetes", &KUBERNETES_READ),
    ("a step of a run of the daemon", &STEP),
    ("a step of `rotate-now`", &STEP_ONCE),
    ("a credential of the daemon that fails", &CREDENTIAL),
    ("a notification", &NOTIFICATION),
    ("a trace", &TRACE),
];

impl Retry {
    /// The same policy, if it makes sense.
    ///
    /// # Panics
    ///
    /// Where it makes none: such a constant is not compiled.
    #[must_use]
    pub const fn checked(self) -> Self {
        assert!(self.tries > 0, "something must be tried");
        assert!(self.factor > 0, "pauses do not vanish");
        assert!(!self.first.is_zero() && self.first.as_nanos() <= self.longest.as_nanos());
        self
    }

    /// The pause after the `failures`th failure in a row (1 is the first): up to a quarter shorter than it could be,
    /// the same for a `name` whenever it is asked for. Drawn afresh, those that failed together might return together.
    pub fn pause(&self, failures: u32, name: &str) -> Duration {
        let growth = self.factor.saturating_pow(failures.saturating_sub(1));
        let pause = self.first.saturating_mul(growth).min(self.longest);
        pause.mul_f64(1.0 - jitter(name, failures) / 4.0)
    }

    /// The pauses, one after the other, until it was tried often enough.
    pub fn pauses(self, name: String) -> Pauses {
        Pauses { retry: self, name, failures: 0 }
    }

    /// How long to wait where `pause` is due and the other side asked for `asked`, `spent` after the first try; `None`
    /// ends the matter.
    pub fn wait(
        &self,
        pause: Duration,
        asked: Option<Duration>,
        spent: Duration,
    ) -> Option<Duration> {
        let asked = asked.unwrap_or_default();
        let wait = pause.max(asked);
        let is_worth_it = asked <= self.longest_asked || asked <= pause;
        (is_worth_it && spent.saturating_add(wait) <= self.in_all).then_some(wait)
    }
}

/// The pauses between tries.
#[derive(Debug)]
pub struct Pauses {
    retry: Retry,
    name: String,
    failures: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        (self.failures < self.retry.tries).then(|| self.retry.pause(self.failures, &self.name))
    }
}

/// From 0 to 1, the same whenever it is asked for.
fn jitter(name: &str, failures: u32) -> f64 {
    let digest = Sha256::new().chain_update(name).chain_update(failures.to_be_bytes()).finalize();
    digest.first().copied().map_or(0.0, |byte| f64::from(byte) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_are_the_same_each_time() {
        for (what, retry) in TABLE {
            let all: Vec<_> = retry.pauses("etl".to_owned()).take(40).collect();
            assert_eq!(all, retry.pauses("etl".to_owned()).take(40).collect::<Vec<_>>(), "{what}");
            assert!(all.iter().all(|pause| *pause <= retry.longest), "{what}: {all:?}");
            assert!(all.is_sorted() || all.len() > 5, "{what}: {all:?}");
        }
        assert!(CREDENTIAL.pause(u32::MAX, "etl") > CREDENTIAL.longest / 2);
    }

    #[test]
    fn what_fails_together_does_not_come_back_together() {
        let pauses: std::collections::BTreeSet<_> =
            (0..100).map(|n| CREDENTIAL.pause(5, &format!("c{n}"))).collect();
        assert!(pauses.len() > 50, "{}", pauses.len());
    }

    #[test]
    fn the_other_sides_wish_is_kept_within_its_limit_and_never_shortens_a_pause() {
        let (pause, none) = (Duration::from_secs(2), Duration::ZERO);
        let wait =
            |asked: u64, spent| MOTHERDUCK.wait(pause, Some(Duration::from_secs(asked)), spent);
        assert_eq!(wait(1, none), Some(pause));
        assert_eq!(wait(30, none), Some(Duration::from_secs(30)));
        assert_eq!(wait(61, none), None, "it would take too long");
        assert_eq!(wait(u64::MAX, Duration::MAX), None, "no sum overflows");
        assert_eq!(wait(30, MOTHERDUCK.in_all), None, "it has taken too long");
        assert_eq!(STEP.wait(pause, None, none), Some(pause));
    }

    #[test]
    fn a_policy_ends_after_its_tries() {
        assert_eq!(MOTHERDUCK.pauses("etl".to_owned()).count(), 5);
        assert_eq!(STEP.pauses("etl".to_owned()).count(), 1);
    }
}
