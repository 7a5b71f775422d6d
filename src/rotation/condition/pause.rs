//! A pause that a person set by hand, as it is shown: who set it, until when and why.

use jiff::Timestamp;
use serde::Serialize;

use crate::record::Pause;
use crate::redact::presentable;
use crate::rotation::pause::Paused;
use crate::text::instant;

/// So much is shown of a name or of a reason: whoever may write into the store wrote it.
const MOST_CHARACTERS: usize = 200;

/// What is shown of a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PauseShown {
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; only a person ends it, if null.
    pub until: Option<Timestamp>,
    /// Who set it, as their machine knows them.
    pub by: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
}

impl From<&Pause> for PauseShown {
    fn from(pause: &Pause) -> Self {
        let shown = |text: &String| presentable(text, MOST_CHARACTERS);
        Self {
            since: pause.since,
            until: pause.until,
            by: pause.by.as_ref().map(shown),
            reason: pause.reason.as_ref().map(shown),
        }
    }
}

impl PauseShown {
    /// In one line: by whom, until when, and why.
    pub fn words(&self) -> String {
        let Self { until, by, reason, .. } = self;
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let until = until.map(|at| format!(" until {}", instant(at))).unwrap_or_default();
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("paused{by}{until}{reason}")
    }
}

/// What keeps it at rest, in one line.
pub fn pause_words(paused: Paused<'_>) -> String {
    let by_hand = paused.by_hand.map(|pause| PauseShown::from(pause).words());
    match (by_hand, paused.by_configuration) {
        (Some(by_hand), false) => by_hand,
        (Some(by_hand), true) => format!("{by_hand}; its configuration says `paused`, too"),
        (None, _) => "paused".to_owned(),
    }
}
