//! The simulated world: what is really stored and alive, what is under way, and the promises, checked after each effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::names::{TokenId, TokenName};
use crate::record::{Phase, Record};
use crate::rotation::schedule::signed;

/// How the consumers behave with a living token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumers {
    /// They are healthy.
    Healthy,
    /// They are healthy from this instant on.
    HealthyFrom(Timestamp),
    /// They are not.
    Sick,
    /// Every third poll finds them sick.
    Flapping,
}

/// What may happen to one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It never arrives.
    LoseRequest,
    /// It takes place, and nobody is told.
    LoseReply,
    /// It takes place that many effects later, and nobody is told.
    Delay(u32),
    /// It takes place and is told, and takes place once more that many effects later.
    Duplicate(u32),
    /// It is refused for certain.
    Refuse,
    /// The process dies before it is sent.
    CrashBefore,
    /// The process dies after it took place.
    CrashAfter,
}

/// A change of the world, as data, so that it can arrive late.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Publish { expected: u64, record: Record, text: String },
    Create { name: String },
    Revoke { id: TokenId },
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applied {
    Published,
    Conflict,
    Created(TokenId),
    Revoked,
    AlreadyGone,
}

#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) record: Record,
    pub(super) text: String,
}

#[derive(Debug, Clone)]
pub(super) struct SimToken {
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
    ours: bool,
}

/// What one process was seen to prove.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The token that it last read from the store.
    pub(super) read: Option<TokenId>,
    /// Healthy polls in a row, for this token.
    healthy: (Option<TokenId>, u32),
}

/// The simulated world.
pub(super) struct Ground {
    pub(super) now: Timestamp,
    pub(super) versions: Vec<Stored>,
    pub(super) tokens: BTreeMap<TokenId, SimToken>,
    pub(super) consumers: Consumers,
    pub(super) listing_lag: Duration,
    pub(super) revocation_lag: Duration,
    pub(super) seen: Vec<Seen>,
    pub(super) violations: Vec<String>,
    pub(super) story: Vec<String>,
    pub(super) effects: u32,
    /// What the world itself killed: nobody promised to keep it alive.
    pub(super) excused: BTreeSet<TokenId>,
    /// Whether somebody asked for compromise mode, which waives the gate.
    pub(super) compromised: bool,
    pub(super) most_alive: usize,
    delayed: Vec<(u32, Message)>,
    served: BTreeSet<TokenId>,
    verified: BTreeSet<TokenId>,
    gated: BTreeSet<TokenId>,
    successes: u32,
    serial: u128,
    polls: u32,
}

impl Ground {
    pub(super) fn new(successes: u32, actors: usize) -> Self {
        Self {
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
            versions: vec![],
            tokens: BTreeMap::new(),
            consumers: Consumers::Healthy,
            listing_lag: Duration::ZERO,
            revocation_lag: Duration::ZERO,
            seen: vec![Seen::default(); actors],
            violations: vec![],
            story: vec![],
            effects: 0,
            excused: BTreeSet::new(),
            compromised: false,
            most_alive: 0,
            delayed: vec![],
            served: BTreeSet::new(),
            verified: BTreeSet::new(),
            gated: BTreeSet::new(),
            successes,
            serial: 0,
            polls: 0,
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.versions.len() as u64
    }

    pub(super) fn served(&self) -> Option<&Stored> {
        self.versions.last()
    }

    pub(super) fn text_of(id: TokenId) -> String {
        format!("text-of-{id}")
    }

    pub(super) fn token_with(&self, text: &str) -> Option<TokenId> {
        self.tokens.keys().copied().find(|id| Self::text_of(*id) == text)
    }

    /// Whether a fresh connection with the token succeeds.
    pub(super) fn connects(&self, id: TokenId) -> bool {
        self.tokens.get(&id).is_some_and(|token| {
            let lag = signed(self.revocation_lag);
            token.expires_at > self.now && token.revoked_at.is_none_or(|at| at + lag > self.now)
        })
    }

    fn alive(&self, id: TokenId) -> bool {
        self.tokens
            .get(&id)
            .is_some_and(|token| token.expires_at > self.now && token.revoked_at.is_none())
    }

    pub(super) fn alive_managed(&self) -> Vec<TokenId> {
        self.tokens.keys().copied().filter(|id| self.tokens[id].ours && self.alive(*id)).collect()
    }

    /// A token that a person made by hand.
    pub(super) fn foreign_token(&mut self, name: &str) -> TokenId {
        self.create(name.to_owned(), false)
    }

    fn create(&mut self, name: String, ours: bool) -> TokenId {
        self.serial += 1;
        let id = TokenId(Uuid::from_u128(0xffff_0000_0000_4000_8000_0000_0000_0000 + self.serial));
        let expires_at = self.now + SignedDuration::from_hours(24 * 30);
        let token = SimToken { name, created_at: self.now, expires_at, revoked_at: None, ours };
        self.tokens.insert(id, token);
        id
    }

    /// The world kills a token by itself: a person, or MotherDuck.
    pub(super) fn kill(&mut self, id: TokenId) {
        self.excused.insert(id);
        if let Some(token) = self.tokens.get_mut(&id) {
            token.revoked_at = Some(self.now);
        }
    }

    /// Counts one effect, lets late messages arrive, and moves the clock.
    pub(super) fn tick(&mut self) -> u32 {
        self.now += SignedDuration::from_millis(100);
        let index = self.effects;
        self.effects += 1;
        let mut due = vec![];
        for entry in &mut self.delayed {
            entry.0 = entry.0.saturating_sub(1);
        }
        self.delayed.retain(|(left, message)| {
            if *left == 0 {
                due.push(message.clone());
            }
            *left > 0
        });
        for message in due {
            self.story.push(format!("  (late) {message:?}"));
            self.apply(message);
        }
        index
    }

    pub(super) fn deliver_all(&mut self) {
        for (_, message) in std::mem::take(&mut self.delayed) {
            self.story.push(format!("  (very late) {message:?}"));
            self.apply(message);
        }
    }

    pub(super) fn delay(&mut self, effects: u32, message: Message) {
        self.delayed.push((effects + 1, message));
    }

    pub(super) fn apply(&mut self, message: Message) -> Applied {
        let applied = match message {
            Message::Create { name } => {
                let ours = TokenName::parse(&name).is_some();
                Applied::Created(self.create(name, ours))
            }
            Message::Publish { expected, record, text } => self.publish(expected, record, text),
            Message::Revoke { id } => self.revoke(id),
        };
        self.check();
        applied
    }

    fn publish(&mut self, expected: u64, record: Record, text: String) -> Applied {
        if self.version() != expected {
            return Applied::Conflict;
        }
        let before = self.served().map(|stored| stored.record.token_id);
        if before != Some(record.token_id) {
            self.verified.remove(&record.token_id);
            self.gated.remove(&record.token_id);
        }
        if Self::text_of(record.token_id) != text {
            self.violate("a record was published with another token's text");
        }
        if record.phase == Phase::Retiring && before != Some(record.token_id) {
            self.violate("a seal changed the served token");
        }
        self.served.insert(record.token_id);
        self.versions.push(Stored { record, text });
        Applied::Published
    }

    fn revoke(&mut self, id: TokenId) -> Applied {
        let Some(token) = self.tokens.get(&id).cloned() else { return Applied::AlreadyGone };
        if token.revoked_at.is_some() {
            return Applied::AlreadyGone;
        }
        let served = self.served().map(|stored| stored.record.token_id);
        if served == Some(id) {
            self.violate("the served token was revoked (promise 1)");
        }
        if self.served.contains(&id) && !self.excused.contains(&id) {
            let successor = served.unwrap_or(id);
            if !self.verified.contains(&successor) {
                self.violate("a token that was served was revoked before its successor was verified (promise 2)");
            }
            if !self.compromised && !self.gated.contains(&successor) {
                self.violate(
                    "a token that was served was revoked before the gate passed (promise 2)",
                );
            }
        }
        if !token.ours {
            self.violate("a token that pintail did not create was revoked (promise 3)");
        }
        if let Some(token) = self.tokens.get_mut(&id) {
            token.revoked_at = Some(self.now);
        }
        Applied::Revoked
    }

    /// A fresh connection of `actor`'s. It counts as a verification if the actor had read that token from the store.
    pub(super) fn connect(&mut self, actor: usize, text: &str) -> bool {
        let Some(id) = self.token_with(text) else { return false };
        let works = self.connects(id);
        let is_served = self.served().is_some_and(|stored| stored.record.token_id == id);
        if works && is_served && self.seen[actor].read == Some(id) {
            self.verified.insert(id);
        }
        works
    }

    /// A poll of the gate by `actor`: the consumers use what is served.
    pub(super) fn poll(&mut self, actor: usize) -> bool {
        self.polls += 1;
        let Some(id) = self.served().map(|stored| stored.record.token_id) else { return false };
        let healthy = self.connects(id)
            && match self.consumers {
                Consumers::Healthy => true,
                Consumers::HealthyFrom(at) => self.now >= at,
                Consumers::Sick => false,
                Consumers::Flapping => !self.polls.is_multiple_of(3),
            };
        let seen = &mut self.seen[actor];
        if seen.healthy.0 != Some(id) {
            seen.healthy = (Some(id), 0);
        }
        seen.healthy.1 = if healthy { seen.healthy.1 + 1 } else { 0 };
        if seen.healthy.1 >= self.successes {
            self.gated.insert(id);
        }
        healthy
    }

    fn check(&mut self) {
        if let Some(id) = self.served().map(|stored| stored.record.token_id)
            && !self.alive(id)
            && !self.excused.contains(&id)
        {
            self.violate("the served token is dead (promise 1)");
        }
        self.most_alive = self.most_alive.max(self.alive_managed().len());
    }

    pub(super) fn violate(&mut self, what: &str) {
        self.story.push(format!("  !!! {what}"));
        self.violations.push(what.to_owned());
    }
}
