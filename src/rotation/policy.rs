//! What the core decides by: the rules of one credential.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schedule::Schedule;

/// What the core decides by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The scheduled instants, splay and windows included.
    pub schedule: Schedule,
    /// Whether nothing is begun for it unless a person asks, not even when its token expires (default false).
    pub paused: bool,
    /// How long a token is to live; for ever, if absent.
    pub ttl: Option<Duration>,
    /// How long before its expiry a token is replaced.
    pub renew_before: Duration,
    /// Whether a missed run is made up for.
    pub catch_up: CatchUp,
    /// What happens when the gate's deadline passes.
    pub on_failure: OnFailure,
    /// How old an orphan must be before a write is made only for its sake (default 10 min).
    pub orphan_grace: Duration,
    /// The pace at which the gate is polled.
    pub gate: GatePace,
}

impl Policy {
    /// How long a token is to live, in seconds; 0 if for ever.
    pub fn ttl_seconds(&self) -> u64 {
        self.ttl.map_or(0, |ttl| ttl.as_secs())
    }
}

/// Whether a missed run is made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// It is run as soon as possible.
    Run,
    /// It is left out; the next scheduled instant, or the expiry, comes.
    Skip,
}

/// What happens when the gate's deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Both tokens stay valid, and a person has to act.
    Hold,
    /// The predecessor is served again.
    RollBack,
}

/// The pace at which the gate is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatePace {
    /// Nothing is asked.
    Open,
    /// A fixed time after the publication.
    Wait(Duration),
    /// Polled until it was healthy often enough in a row.
    Polled {
        /// Between two polls (default 10 s).
        interval: Duration,
        /// How many healthy polls in a row pass the gate (default 3).
        successes: u32,
        /// Counted from the publication (default 15 min).
        deadline: Duration,
    },
}

impl GatePace {
    /// The longest time that the gate may take from the publication on.
    pub fn longest(self) -> Duration {
        match self {
            Self::Open => Duration::ZERO,
            Self::Wait(duration) => duration,
            Self::Polled { deadline, .. } => deadline,
        }
    }
}

/// What it takes that a token is known to be its account's, where the endpoint is asked (default `if_answered`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRule {
    /// The endpoint must say so: a token of which it does not is not verified.
    Required,
    /// What the endpoint says counts, once it is seen to tell accounts.
    #[default]
    IfAnswered,
    /// The endpoint is not asked.
    Off,
}
