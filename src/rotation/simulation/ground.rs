//! The simulated world: what is really stored and alive, what is under way, and the promises, checked after each effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Map;
use uuid::Uuid;

use super::account::Names;
use super::mirror::Mirror;
use super::store::{Answer, Content, Protocol, Request, Store, Stored};
use crate::names::{TokenId, TokenName};
use crate::record::{Fields, Object, Pause, Phase, Record, encode_with_token};
use crate::rotation::decide::Reason;
use crate::rotation::schedule::{Due, signed};
use crate::secret::Token;

/// The keys in the simulated secret.
pub(super) const TOKEN_KEY: &str = "motherduck_token";
pub(super) const USER_KEY: &str = "kept_by_the_user";
/// The keys that consumers read.
pub(super) const FIELDS: Fields<'static> = Fields { token: TOKEN_KEY, token_id: Some("token_id") };

/// A secret in which only the user keeps something.
pub(super) fn untouched() -> Object {
    let mut object = Object::default();
    object.set_text(USER_KEY, "precious");
    object
}

/// How long tokens live, if nothing else is said.
pub(super) const LIFE: Duration = Duration::from_hours(24 * 30);

/// How the consumers behave with a living token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumers {
    /// They are healthy.
    Healthy,
    /// They are not.
    Sick,
    /// Every third poll finds them sick.
    Flapping,
    /// They are healthy with what was made before the start, and with nothing newer.
    FondOfTheOld,
}

/// How far lists can be believed while the faults last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    Honest,
    /// There is nothing in them.
    Empty,
    /// The newest token is not in them.
    CutShort,
}

/// What a person does behind pintail's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Revokes the served token.
    RevokeServed,
    /// Puts a token of their own in place of the served one, and leaves the record.
    Edit,
    /// Deletes the secret's content.
    Delete,
    /// Makes the store anew, empty: nothing tells what was there.
    Lose,
    /// Serves an older version again, as a restored backup does.
    Restore,
    /// Puts the secret's other place into the configuration. Processes that run go on with what they read at their
    /// start.
    Move,
    /// Revokes the served token, and adopts another one of the account's.
    Adopt,
    /// Adopts another account's token.
    AdoptTheirs,
    /// Pauses the credential by hand; for so many minutes, or until somebody resumes it.
    Pause(Option<i64>),
    /// Ends that.
    Resume,
}

/// What may happen to one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It never arrives; a gateway says 502, which tells nothing.
    LoseRequest,
    /// It takes place, and nobody is told.
    LoseReply,
    /// It takes place that many effects later, and nobody is told.
    Delay(u32),
    /// It takes place and is told, and takes place once more that many effects later.
    Duplicate(u32),
    /// It is refused for certain, and may be asked for again: a 429.
    Refuse,
    /// It is refused for certain and for good: a 401 or 403.
    Deny,
    /// The process dies before it is sent.
    CrashBefore,
    /// The process dies after it took place.
    CrashAfter,
    /// The process is stopped before it, for so many hours.
    Pause(i64),
    /// The process's clock is set by so many minutes.
    Clock(i64),
    /// The `Date` of MotherDuck's answers is off by so many minutes from then on.
    Date(i64),
    /// A person acts just before it.
    Person(Act),
}

/// A change of the world, as data, so that it can arrive late.
#[derive(Debug, Clone)]
pub(super) enum Message {
    /// To the store of the place with this number.
    Store(usize, Request),
    Mirror(Request),
    Create {
        name: String,
    },
    Revoke {
        id: TokenId,
    },
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Store(Answer),
    Created(TokenId),
    Revoked,
    AlreadyGone,
}

#[derive(Debug, Clone)]
pub(super) struct SimToken {
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) ours: bool,
}

/// What one process was seen to prove.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The text that it last read from the store.
    pub(super) read: Option<String>,
    /// Healthy polls in a row, of what is served now.
    pub(super) healthy: u32,
    /// The tokens that connected as they were read from the store, in the run in hand.
    pub(super) connected: BTreeSet<TokenId>,
    /// The tokens of the last list, in the run in hand.
    pub(super) listed: BTreeSet<TokenId>,
    /// The pause in the record that it last read.
    pub(super) pause: Option<Box<Pause>>,
}

/// A place where the secret is kept, and what happened to those who read there.
pub(super) struct Place {
    pub(super) store: Store,
    /// What consumers could ever have read.
    pub(super) served: BTreeSet<TokenId>,
    /// What was served, and then had a successor that was proved.
    pub(super) superseded: BTreeSet<TokenId>,
    pub(super) verified: bool,
    pub(super) gated: bool,
}

impl Place {
    fn new(protocol: Protocol) -> Self {
        Self {
            store: Store::new(protocol),
            served: BTreeSet::new(),
            superseded: BTreeSet::new(),
            verified: false,
            gated: false,
        }
    }
}

/// The simulated world.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the world, not a state")]
pub(super) struct Ground {
    pub(super) now: Timestamp,
    /// When the history ended.
    pub(super) started: Timestamp,
    /// Where the secret was kept at first, and where it may be moved to.
    pub(super) places: [Place; 2],
    /// Which of them the configuration names.
    pub(super) configured: usize,
    /// Which of them whoever acts goes by.
    pub(super) here: usize,
    /// A second place where consumers read, if there is one.
    pub(super) mirror: Option<Mirror>,
    pub(super) tokens: BTreeMap<TokenId, SimToken>,
    pub(super) consumers: Consumers,
    pub(super) lists: Lists,
    pub(super) listing_lag: Duration,
    pub(super) revocation_lag: Duration,
    pub(super) seen: Vec<Seen>,
    pub(super) violations: Vec<String>,
    pub(super) story: Option<Vec<String>>,
    pub(super) effects: u32,
    /// What the world itself killed: nobody promised to keep it alive.
    pub(super) excused: BTreeSet<TokenId>,
    /// Whether somebody asked for compromise mode, which waives the gate.
    pub(super) compromised: bool,
    pub(super) most_alive: usize,
    pub(super) created: u32,
    /// How long tokens live.
    pub(super) life: Duration,
    /// The names of the tokens that were asked for because the served one nears its end.
    pub(super) renewals: BTreeSet<String>,
    /// Those of them that were ever served, and when the last one was first.
    pub(super) renewed: BTreeSet<TokenId>,
    pub(super) renewed_at: Option<Timestamp>,
    /// After an edit by hand, whatever was served before and was not sealed away must live.
    pub(super) edited: bool,
    pub(super) protected: BTreeSet<TokenId>,
    /// Taken away from consumers who may go on with it: the secret was deleted or lost, or an older one came back.
    pub(super) in_use: BTreeSet<TokenId>,
    /// Whether a person said that nobody needs such tokens any more.
    pub(super) given_up: bool,
    /// What the endpoint says of whose a token is.
    pub(super) names: Names,
    /// The other account's tokens.
    pub(super) theirs: BTreeSet<TokenId>,
    /// Whether a person gave the served token a wrong ID.
    pub(super) is_adopted_wrongly: bool,
    delayed: Vec<(u32, Message)>,
    /// The names of the tokens that were asked for.
    asked_for: BTreeSet<String>,
    /// Those of them that no person asked for.
    pub(super) by_itself: BTreeSet<String>,
    pub(super) successes: u32,
    serial: u128,
    pub(super) polls: u32,
}

impl Ground {
    pub(super) fn new(protocol: Protocol, successes: u32, actors: usize) -> Self {
        Self {
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
            started: Timestamp::MAX,
            places: [Place::new(protocol), Place::new(protocol)],
            configured: 0,
            here: 0,
            mirror: None,
            tokens: BTreeMap::new(),
            consumers: Consumers::Healthy,
            lists: Lists::Honest,
            listing_lag: Duration::ZERO,
            revocation_lag: Duration::ZERO,
            seen: vec![Seen::default(); actors],
            violations: vec![],
            story: None,
            effects: 0,
            excused: BTreeSet::new(),
            compromised: false,
            most_alive: 0,
            created: 0,
            life: LIFE,
            renewals: BTreeSet::new(),
            renewed: BTreeSet::new(),
            renewed_at: None,
            edited: false,
            protected: BTreeSet::new(),
            names: Names::Right,
            theirs: BTreeSet::new(),
            is_adopted_wrongly: false,
            delayed: vec![],
            asked_for: BTreeSet::new(),
            by_itself: BTreeSet::new(),
            in_use: BTreeSet::new(),
            given_up: false,
            successes,
            serial: 0,
            polls: 0,
        }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.places[self.here].store
    }

    pub(super) fn store_mut(&mut self) -> &mut Store {
        &mut self.places[self.here].store
    }

    pub(super) fn served(&self) -> Option<&Stored> {
        self.store().served()
    }

    /// The token that consumers read at the place with this number.
    pub(super) fn served_at(&self, place: usize) -> Option<TokenId> {
        self.token_with(&self.places[place].store.served()?.text)
    }

    /// The token that consumers read, whatever the record says.
    pub(super) fn served_id(&self) -> Option<TokenId> {
        self.token_with(&self.served()?.text)
    }

    pub(super) fn text_of(id: TokenId) -> String {
        id.to_string()
    }

    pub(super) fn token_with(&self, text: &str) -> Option<TokenId> {
        text.parse().ok().filter(|id| self.tokens.contains_key(id))
    }

    /// Whether a fresh connection with the token succeeds.
    pub(super) fn connects(&self, id: TokenId) -> bool {
        self.tokens.get(&id).is_some_and(|token| {
            let lag = signed(self.revocation_lag);
            token.expires_at > self.now && token.revoked_at.is_none_or(|at| at + lag > self.now)
        })
    }

    pub(super) fn alive(&self, id: TokenId) -> bool {
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
        let expires_at = self.now + signed(self.life);
        let token = SimToken { name, created_at: self.now, expires_at, revoked_at: None, ours };
        self.tokens.insert(id, token);
        id
    }

    /// A pintail sends a creation. Sent again after silence, it may leave two tokens of which one is nobody's.
    pub(super) fn asks_for(&mut self, actor: usize, name: &TokenName, reason: Reason) {
        if !matches!(reason, Reason::Forced | Reason::Compromised) {
            self.by_itself.insert(name.to_string());
            if self.seen[actor].pause.as_deref().is_some_and(|pause| self.lasts(pause)) {
                self.violate("a token was created by itself over a record that says paused");
            }
        }
        if matches!(reason, Reason::Due(Due::Expiring(_))) {
            self.renewals.insert(name.to_string());
        }
        if !self.asked_for.insert(name.to_string()) {
            self.violate("a token was asked for twice");
        }
    }

    /// The world kills a token by itself: a person, or MotherDuck.
    pub(super) fn kill(&mut self, id: TokenId) {
        self.excused.insert(id);
        if let Some(token) = self.tokens.get_mut(&id) {
            token.revoked_at = Some(self.now);
        }
    }

    pub(super) fn person(&mut self, act: Act) {
        self.here = self.configured;
        if self.store().lock.is_some() {
            // Who writes a file in the moment between pintail's look and its rename is overwritten: nothing can
            // compare there.
            return;
        }
        self.tell(|| format!("  (a person) {act:?}"));
        match act {
            Act::RevokeServed => {
                if let Some(id) = self.served_id() {
                    self.kill(id);
                }
            }
            Act::Edit => {
                let Some(record) = self.served().map(|stored| stored.record.clone()) else {
                    return;
                };
                self.edited = true;
                let sealed = match record.phase {
                    Phase::Retiring => record.previous_token_ids,
                    Phase::Published => vec![],
                };
                self.protected = self.places[self.here].served.clone();
                self.protected.retain(|id| !sealed.contains(id));
                let mine = self.foreign_token("made by hand");
                self.protected.insert(mine);
                let text = Self::text_of(mine);
                self.store_mut().overwrite(|stored| {
                    stored.object.set_text(TOKEN_KEY, &text);
                    stored.text = text;
                });
            }
            Act::Pause(minutes) => {
                let until = minutes.map(|minutes| self.now + SignedDuration::from_mins(minutes));
                self.set_pause(Some(Pause {
                    since: self.now,
                    until,
                    by: Some("a person".to_owned()),
                    reason: None,
                    unknown: Map::new(),
                }));
            }
            Act::Resume => self.set_pause(None),
            Act::Adopt => self.adopt_own(),
            Act::AdoptTheirs => self.adopt_theirs(),
            Act::Delete => {
                self.forget_renewals();
                let leaves_nothing = self.store().protocol == Protocol::Editions;
                if !leaves_nothing
                    || self.served_id().is_some_and(|id| self.is_older_than_grace(id))
                {
                    self.take_away();
                }
                self.store_mut().delete(|stored| {
                    stored.object = untouched();
                    stored.text = String::new();
                });
            }
            Act::Lose => {
                self.forget_renewals();
                if self.served_id().is_some_and(|id| self.is_older_than_grace(id)) {
                    self.take_away();
                }
                self.store_mut().lose();
            }
            Act::Restore => {
                self.forget_renewals();
                self.restore();
            }
            Act::Move => {
                self.forget_renewals();
                self.configured = 1 - self.configured;
                self.here = self.configured;
            }
        }
    }

    /// As `pintail pause` and `pintail resume` do it: over the version that was read, and over nothing but a record of
    /// ours that describes the token beside it.
    fn set_pause(&mut self, pause: Option<Pause>) {
        if !self.served().is_some_and(|stored| stored.content == Content::Managed) {
            return;
        }
        self.store_mut().overwrite(|stored| {
            stored.record.pause = pause.map(Box::new);
            let token = Token::new(&stored.text).unwrap();
            stored.object = encode_with_token(&stored.record, &stored.others, FIELDS, &token);
        });
    }

    /// Whether a pause is in force, as it really is.
    pub(super) fn lasts(&self, pause: &Pause) -> bool {
        pause.until.is_none_or(|until| self.now < until)
    }

    /// What was made a moment ago looks like what a crash left, where nothing tells that it was served.
    fn is_older_than_grace(&self, id: TokenId) -> bool {
        self.tokens[&id].created_at + SignedDuration::from_mins(10) <= self.now
    }

    /// Consumers keep what they read, and read nothing more.
    fn take_away(&mut self) {
        self.in_use.extend(self.served_id());
    }

    /// The last older version with another token is served again, as a new one: a person says that consumers are to have
    /// that one. Where it is dead, they go on with what they read before.
    fn restore(&mut self) {
        let served = self.served_id();
        let is_older = |stored: &&Stored| {
            !stored.text.is_empty()
                && self.store().was_current(stored)
                && self.token_with(&stored.text) != served
        };
        let Some(older) = self.store().versions.iter().rev().find(is_older).cloned() else {
            return;
        };
        let id = self.token_with(&older.text);
        let served_record = self.served().map(|stored| &stored.record);
        let is_retiring = |record: &Record| {
            record.phase == Phase::Retiring
                && id.is_some_and(|id| record.previous_token_ids.contains(&id))
        };
        if served_record.is_some_and(is_retiring) && id.is_some_and(|id| self.alive(id)) {
            // Between the seal and the revocation nobody can serve it again.
            return;
        }
        if id.is_some_and(|id| !self.alive(id)) {
            self.take_away();
            self.excused.extend(id);
        }
        self.store_mut().overwrite(|stored| *stored = older);
        let now = self.served_id();
        let is_alive = now.is_some_and(|id| self.alive(id));
        let place = &mut self.places[self.here];
        (place.verified, place.gated) = (false, false);
        if is_alive {
            place.superseded = place.served.clone();
        }
        place.superseded.retain(|id| Some(*id) != now);
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
            self.tell(|| "  (a late message arrives)".to_owned());
            self.apply(message);
        }
        index
    }

    pub(super) fn deliver_all(&mut self) {
        for (_, message) in std::mem::take(&mut self.delayed) {
            self.tell(|| "  (a very late message arrives)".to_owned());
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
                self.created += 1;
                Applied::Created(self.create(name, ours))
            }
            Message::Store(place, request) => {
                let here = std::mem::replace(&mut self.here, place);
                let answer = self.write(request);
                self.here = here;
                Applied::Store(answer)
            }
            Message::Mirror(request) => Applied::Store(self.write_mirror(request)),
            Message::Revoke { id } => self.revoke(id),
        };
        self.check();
        applied
    }
}
