//! The pace of a gate: the keys that all gates that ask have in common, and their check.

use std::time::Duration;

use super::findings::{Findings, Key};
use super::scalar::{Number, Span, spell};
use crate::rotation::policy::GatePace;

const DAY: Duration = Duration::from_hours(24);

/// Declares the table of a gate that asks: the keys of its own, and those of the polling.
macro_rules! polled {
    ($(#[$attribute:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub(in crate::config) struct $name {
            $($own)*
            /// The time between two polls: 100 ms to 1 day.
            #[schemars(extend("default" = "10s", "examples" = ["1m"]))]
            interval: Option<$crate::config::scalar::Span>,
            /// How many healthy polls in a row pass the gate: 1 to 1000.
            #[schemars(extend("default" = 3, "examples" = [5]))]
            successes: Option<$crate::config::scalar::Number>,
            /// How long after the publication the gate must have passed: 100 ms to 30 days. What follows then is for `on_failure` to say.
            #[schemars(extend("default" = "15m", "examples" = ["1h"]))]
            deadline: Option<$crate::config::scalar::Span>,
        }

        impl $name {
            /// The keys of the polling.
            pub(in crate::config) fn polling(&self) -> $crate::config::polling::Polling {
                $crate::config::polling::Polling {
                    interval: self.interval,
                    successes: self.successes,
                    deadline: self.deadline,
                }
            }
        }
    };
}

pub(super) use polled;

/// The keys of the polling.
pub(super) struct Polling {
    pub(super) interval: Option<Span>,
    pub(super) successes: Option<Number>,
    pub(super) deadline: Option<Span>,
}

impl Polling {
    /// The pace, the defaults filled in.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> GatePace {
        let Self { interval, successes, deadline } = self;
        let tenth = Duration::from_millis(100);
        let interval_key = key.child("interval");
        let interval = findings.span(&interval_key, interval, Duration::from_secs(10), tenth..=DAY);
        let successes = findings.number(&key.child("successes"), successes, 3_u32, 1..=1000);
        let deadline_key = key.child("deadline");
        let deadline =
            findings.span(&deadline_key, deadline, Duration::from_mins(15), tenth..=DAY * 30);
        let least = interval.saturating_mul(successes);
        if deadline < least {
            findings.problem(
            &deadline_key,
            format!(
                "{} is too short: {successes} successes at an interval of {} take {}; use at least that",
                spell(deadline),
                spell(interval),
                spell(least),
            ),
        );
        }
        GatePace::Polled { interval, successes, deadline }
    }
}
