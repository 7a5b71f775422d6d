//! An account's Ducklings: how they are configured, and which of them run.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::TokenType;

/// The sizes that exist.
pub(super) const SIZES: [&str; 5] = ["pulse", "standard", "jumbo", "mega", "giga"];

/// How an account's Ducklings are configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ducklings {
    pub(super) read_write: ReadWrite,
    pub(super) read_scaling: ReadScaling,
}

/// The one for reading and writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReadWrite {
    pub(super) instance_size: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cooldown_seconds: Option<u64>,
}

/// Those for reading at scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReadScaling {
    pub(super) instance_size: String,
    pub(super) flock_size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cooldown_seconds: Option<u64>,
}

impl Default for Ducklings {
    fn default() -> Self {
        let [size, ..] = SIZES;
        Self {
            read_write: ReadWrite { instance_size: size.to_owned(), cooldown_seconds: None },
            read_scaling: ReadScaling {
                instance_size: size.to_owned(),
                flock_size: 16,
                cooldown_seconds: None,
            },
        }
    }
}

/// The shortest time that a Duckling is billed for, and thus stays up after its last session.
const COOLDOWN: Duration = Duration::from_mins(1);

/// Which Ducklings run, and since when they are idle. Forgotten at a restart, as sessions are.
#[derive(Debug, Default)]
pub(super) struct Flock(HashMap<(Uuid, &'static str), Running>);

#[derive(Debug)]
struct Running {
    token_type: TokenType,
    sessions: usize,
    idle_since: Timestamp,
}

/// A running Duckling, as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct Duckling {
    id: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
}

impl Flock {
    /// A session began: it wakes the Duckling.
    pub(super) fn wake(&mut self, user: Uuid, token_type: TokenType, now: Timestamp) {
        let asleep = Running { token_type, sessions: 0, idle_since: now };
        self.0.entry((user, token_type.as_str())).or_insert(asleep).sessions += 1;
    }

    /// A session ended.
    pub(super) fn leave(&mut self, user: Uuid, token_type: TokenType, now: Timestamp) {
        if let Some(running) = self.0.get_mut(&(user, token_type.as_str())) {
            running.sessions = running.sessions.saturating_sub(1);
            running.idle_since = now;
        }
    }

    /// The user's Ducklings that are active or cooling down.
    pub(super) fn of(&self, user: Uuid, now: Timestamp) -> Vec<Duckling> {
        let warm = |running: &&Running| {
            running.sessions > 0 || now.duration_since(running.idle_since).unsigned_abs() < COOLDOWN
        };
        let all = [TokenType::ReadWrite, TokenType::ReadScaling]
            .into_iter()
            .filter_map(|token_type| self.0.get(&(user, token_type.as_str())));
        all.filter(warm).map(Running::show).collect()
    }
}

impl Running {
    fn show(&self) -> Duckling {
        let (id, kind) = match self.token_type {
            TokenType::ReadWrite => ("rw", "read_write"),
            TokenType::ReadScaling => ("rs.0", "read_scaling"),
        };
        Duckling { id, kind, status: if self.sessions > 0 { "active" } else { "cooldown" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duckling_is_active_during_a_session_then_cools_down_then_is_gone() {
        let (mut flock, user) = (Flock::default(), Uuid::new_v4());
        let at = |second| Timestamp::from_second(second).unwrap();
        flock.wake(user, TokenType::ReadWrite, at(0));
        assert_eq!(flock.of(user, at(1000))[0].status, "active");
        flock.leave(user, TokenType::ReadWrite, at(1000));
        assert_eq!(flock.of(user, at(1059))[0].status, "cooldown");
        assert!(flock.of(user, at(1060)).is_empty());
    }
}
