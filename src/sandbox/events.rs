//! What really happened, in order, so that tests can ask; never with a token's text.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

use crate::names::TokenId;

/// Older events are forgotten beyond this many, so that a sandbox can be left running.
const KEPT: usize = 100_000;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    AccountCreated,
    AccountDeleted,
    TokenCreated,
    TokensListed,
    TokenRevoked,
    DucklingsSet,
    SessionOpened,
    Connected,
    Refused,
    RequestFailed,
}

/// One thing that happened. Every key is always there, null where it does not apply.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Event {
    pub(super) seq: u64,
    pub(super) at: String,
    pub(super) kind: Kind,
    pub(super) username: Option<String>,
    pub(super) token_id: Option<TokenId>,
    pub(super) name: Option<String>,
    pub(super) detail: Option<String>,
}

/// What an event is about.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) username: Option<String>,
    pub(super) token_id: Option<TokenId>,
    pub(super) name: Option<String>,
    pub(super) detail: Option<String>,
}

/// The events, oldest first.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    last: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    pub(super) fn push(&mut self, kind: Kind, about: About) {
        self.last += 1;
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event {
            seq: self.last,
            // Always six digits, so that texts sort as the times do.
            at: format!("{:.6}", Timestamp::now()),
            kind,
            username: about.username,
            token_id: about.token_id,
            name: about.name,
            detail: about.detail,
        });
    }

    /// The events after number `seq`.
    pub(super) fn since(&self, seq: u64) -> Vec<Event> {
        let from = self.events.partition_point(|event| event.seq <= seq);
        self.events.range(from..).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_all_seven_keys_and_a_sub_second_time() {
        let mut log = EventLog::default();
        log.push(Kind::Refused, About::default());
        let event = serde_json::to_value(log.since(0)).unwrap()[0].clone();
        let mut keys: Vec<_> = event.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["at", "detail", "kind", "name", "seq", "token_id", "username"]);
        assert_eq!(event["kind"], "refused");
        let at = event["at"].as_str().unwrap();
        assert_eq!(at.len(), "2026-11-22T03:04:05.123456Z".len(), "{at}");
        assert!(at.ends_with('Z'));
    }

    #[test]
    fn only_events_after_the_asked_one_are_told() {
        let mut log = EventLog::default();
        for _ in 0..3 {
            log.push(Kind::Connected, About::default());
        }
        assert_eq!(log.since(2).iter().map(|event| event.seq).collect::<Vec<_>>(), [3]);
    }
}
