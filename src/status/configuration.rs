//! Which configuration is in force, and what became of the changes to it.

use jiff::Timestamp;
use serde::Serialize;

/// How the configuration came to be in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// When the one in force was read.
    pub loaded_at: Timestamp,
    /// How many changed ones were refused.
    pub refusals: u64,
    /// The changed one that waits to be put right.
    pub refused: Option<Refused>,
    /// The keys that were changed and that only a restart brings into force.
    pub needs_restart: Vec<&'static str>,
}

/// A configuration that was read and refused. The one before it stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// When, for the first time since the last one that was taken.
    pub since: Timestamp,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Configuration {
    pub(super) fn new(loaded_at: Timestamp) -> Self {
        Self { loaded_at, refusals: 0, refused: None, needs_restart: vec![] }
    }

    pub(super) fn reloaded(&mut self, now: Timestamp, needs_restart: Vec<&'static str>) {
        (self.loaded_at, self.refused, self.needs_restart) = (now, None, needs_restart);
    }

    pub(super) fn refused(&mut self, now: Timestamp, message: String, hint: Option<String>) {
        self.refusals += 1;
        let since = self.refused.as_ref().map_or(now, |refused| refused.since);
        self.refused = Some(Refused { since, message, hint });
    }
}
