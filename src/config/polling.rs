//! The pace of a gate: the keys that all gates that ask have in common, and their check.

use std::time::Duration;

use super::findings::{Findings, Key};
use super::limits::{Limits, Range};
use super::scalar::{Number, Span, format_duration};
use crate::rotation::policy::GatePace;

const TENTH: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_hours(24);

pub(super) const INTERVAL: Limits<Duration> = Range::new(TENTH, DAY).or(Duration::from_secs(10));
pub(super) const SUCCESSES: Limits<u32> = Range::new(1, 1000).or(3);
pub(super) const DEADLINE: Limits<Duration> =
    Range::new(TENTH, Duration::from_hours(30 * 24)).or(Duration::from_mins(15));

/// Declares the table of a gate that asks: the keys of its own, and those of the polling.
macro_rules! polled {
    ($(#[$attribute:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$attribute])*
        pub(in crate::config) struct $name {
            $($own)*
            /// The time between two polls.
            #[schemars(extend("examples" = ["1m"]), transform = $crate::config::polling::INTERVAL.schema())]
            interval: Option<$crate::config::scalar::Span>,
            /// How many healthy polls in a row pass the gate.
            #[schemars(extend("examples" = [5]), transform = $crate::config::polling::SUCCESSES.schema())]
            successes: Option<$crate::config::scalar::Number>,
            /// How long after the publication the gate must have passed. What follows then is for `on_failure` to say.
            #[schemars(extend("examples" = ["1h"]), transform = $crate::config::polling::DEADLINE.schema())]
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
        let interval = findings.span(&key.child("interval"), interval, &INTERVAL);
        let successes = findings.number(&key.child("successes"), successes, &SUCCESSES);
        let deadline_key = key.child("deadline");
        let deadline = findings.span(&deadline_key, deadline, &DEADLINE);
        let least = interval.saturating_mul(successes);
        if deadline < least {
            findings.problem(
            &deadline_key,
            format!(
                "{} is too short: {successes} successes at an interval of {} take {}; use at least that",
                format_duration(deadline),
                format_duration(interval),
                format_duration(least),
            ),
        );
        }
        GatePace::Polled { interval, successes, deadline }
    }
}
