//! One pintail in the simulated world: every effect waits for its turn, and may go wrong as planned.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::account::{ACCOUNT, OTHER_ACCOUNT};
use super::admin::Badge;
use super::bugs::Bug;
use super::clocks::{Clocks, Date};
use super::ground::{Applied, FIELDS, Fault, Ground, Lists, Message, untouched};
pub(super) use super::part::Part;
use super::store::{Content, Protocol, Request, Stored};
use crate::fault::{Fault as WorldFault, FaultKind};
use crate::names::{TokenId, TokenName};
use crate::record::{Record, SecretContent, decode, encode_with_token};
use crate::rotation::clock::Clock;
use crate::rotation::decide::Reason;
use crate::rotation::schedule::signed;
use crate::rotation::time::Time;
use crate::rotation::world::{
    Answer, CreateError, CreatedToken, Health, Identity, ListError, ListedToken, PublishError,
    PublishRequest, Purpose, Reading, Revocation, RevokeError, RevokeRequest, Site, Verdict,
    Version, World,
};
use crate::secret::Token;

/// What the runner and the pintails share.
pub(super) struct Shared {
    pub(super) ground: Ground,
    /// What goes wrong, by the number of the effect.
    pub(super) plan: BTreeMap<u32, Fault>,
    /// What is down, from one instant to another.
    pub(super) outages: Vec<(Part, Timestamp, Timestamp)>,
    pub(super) clocks: Clocks,
    /// Who sleeps, and until when.
    pub(super) asleep: Vec<Option<Timestamp>>,
    /// Who died.
    pub(super) dead: Vec<bool>,
}

/// One pintail's view of the world.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) index: usize,
    /// Where the secret is, as its configuration has it.
    pub(super) place: usize,
    /// What is wrong with its adapters, in tests of the checker.
    pub(super) bug: Option<Bug>,
    /// What it last wrote, for a bug that reads it from here.
    pub(super) memory: Arc<Mutex<Option<(Version, Stored)>>>,
    /// Where the credential is its own admin token.
    pub(super) badge: Option<Badge>,
}

/// What became of a message.
pub(super) enum Sent {
    Told(Applied),
    /// There was no answer.
    Untold,
    /// There was an answer that tells nothing: a 5xx.
    Broken,
    /// It certainly did not take place.
    Refused(FaultKind),
}

impl Actor {
    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.shared.lock().unwrap();
        shared.ground.here = self.place;
        shared
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Gives every other pintail the chance to go first.
    async fn turn(&self) {
        let mut waited = false;
        poll_fn(|_| {
            if waited {
                Poll::Ready(())
            } else {
                waited = true;
                Poll::Pending
            }
        })
        .await;
    }

    pub(super) async fn die(&self) {
        {
            let mut shared = self.shared();
            shared.dead[self.index] = true;
            let store = shared.ground.store_mut();
            if store.lock == Some(self.index) {
                store.lock = None;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn sleep(&self, duration: SignedDuration) {
        {
            let mut shared = self.shared();
            let until = shared.ground.now + duration;
            shared.asleep[self.index] = Some(until);
        }
        self.turn().await;
    }

    /// Waits for the turn; the planned fault of this effect.
    pub(super) async fn effect(&self, part: Part, what: &str) -> Option<Fault> {
        self.turn().await;
        let fault = {
            let shared = &mut *self.shared();
            let number = shared.ground.tick();
            let now = shared.ground.now;
            let mut down =
                shared.outages.iter().filter(|(_, from, to)| (*from..*to).contains(&now));
            let down = down.find_map(|(down, ..)| down.fault_at(part));
            let fault = shared.plan.get(&number).copied().or(down);
            let index = self.index;
            shared.ground.tell(|| {
                let fault = fault.map_or(String::new(), |fault| format!("[{fault:?}]"));
                format!("{number}: pintail {index} {what} {fault}")
            });
            match fault {
                Some(Fault::Person(act)) => {
                    shared.ground.person(act);
                    shared.ground.here = self.place;
                }
                Some(Fault::Clock(minutes)) => {
                    shared.clocks.hosts[index] += SignedDuration::from_mins(minutes);
                }
                Some(Fault::Date(minutes)) => shared.clocks.motherduck = Date::Off(minutes),
                _ => {}
            }
            fault
        };
        match fault {
            Some(Fault::CrashBefore) => self.die().await,
            Some(Fault::Pause(hours)) => self.sleep(SignedDuration::from_hours(hours)).await,
            _ => {}
        }
        match fault {
            Some(Fault::Person(_) | Fault::Clock(_) | Fault::Date(_) | Fault::Pause(_)) => None,
            other => other,
        }
    }

    /// An answer of `part` tells the time.
    fn hear(&self, part: Part) {
        let clocks = &mut self.shared().clocks;
        match part {
            Part::Store => clocks.hear_store(self.index),
            Part::Rest | Part::Revocations => clocks.hear_motherduck(self.index),
            Part::Mirror
            | Part::Connections
            | Part::Consumers
            | Part::AdminToken
            | Part::StoreAccess => {}
        }
    }

    pub(super) async fn after(&self, fault: Option<Fault>) {
        if fault == Some(Fault::CrashAfter) {
            self.die().await;
        }
    }

    pub(super) async fn send(&self, part: Part, what: &str, message: Message) -> Sent {
        let fault = self.effect(part, what).await;
        if self.is_turned_away(part) {
            return Sent::Refused(FaultKind::Permanent);
        }
        let sent = {
            let ground = &mut self.shared().ground;
            match fault {
                Some(Fault::LoseReply) => {
                    ground.apply(message);
                    Sent::Untold
                }
                Some(Fault::Delay(effects)) => {
                    ground.delay(effects, message);
                    Sent::Untold
                }
                Some(Fault::Duplicate(effects)) => {
                    ground.delay(effects, message.clone());
                    Sent::Told(ground.apply(message))
                }
                Some(Fault::Refuse) => Sent::Refused(FaultKind::Transient),
                Some(Fault::Deny) => Sent::Refused(FaultKind::Permanent),
                Some(Fault::LoseRequest) => Sent::Broken,
                Some(Fault::CrashAfter) | None => Sent::Told(ground.apply(message)),
                Some(_) => Sent::Untold,
            }
        };
        if matches!(sent, Sent::Told(_) | Sent::Refused(_)) {
            self.hear(part);
        }
        self.after(fault).await;
        sent
    }

    /// An effect that only looks; any fault that hits it makes it fail.
    pub(super) async fn ask<T>(
        &self,
        part: Part,
        what: &str,
        look: impl FnOnce(&mut Ground) -> T,
    ) -> Result<T, WorldFault> {
        let fault = self.effect(part, what).await;
        if self.is_turned_away(part) {
            return Err(failure_of(FaultKind::Permanent));
        }
        let answer = look(&mut self.shared().ground);
        if matches!(fault, None | Some(Fault::CrashAfter | Fault::Duplicate(_))) {
            self.hear(part);
        }
        self.after(fault).await;
        match fault {
            None | Some(Fault::CrashAfter | Fault::Duplicate(_)) => Ok(answer),
            Some(Fault::Deny) => Err(failure_of(FaultKind::Permanent)),
            Some(_) => Err(failure()),
        }
    }
}

pub(super) fn failure() -> WorldFault {
    failure_of(FaultKind::Transient)
}

pub(super) fn failure_of(kind: FaultKind) -> WorldFault {
    WorldFault { kind, message: "simulated trouble".to_owned(), hint: None }
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

impl Clock for Actor {
    fn time(&self) -> Time {
        let shared = self.shared();
        shared.clocks.time(self.index, shared.ground.now)
    }

    fn stopping(&self) -> bool {
        false
    }

    async fn nap(&self, duration: Duration) {
        self.sleep(signed(duration)).await;
    }
}

impl World for Actor {
    async fn read(&self, site: Site) -> Result<Reading, WorldFault> {
        if let Site::Mirror(_) = site {
            return self.read_mirror().await;
        }
        if self.has(Bug::ReadsFromMemory)
            && let Some((version, stored)) = self.memory.lock().unwrap().take()
        {
            return Ok(Reading { version, content: stored.content(), others: stored.others });
        }
        let index = self.index;
        self.ask(Part::Store, "reads", |ground| {
            let stored = ground.served();
            let read = stored.map(|stored| stored.text.clone());
            let (content, others) = if let Some(stored) = stored {
                (stored.content(), stored.others.clone())
            } else {
                decode(untouched(), FIELDS).unwrap()
            };
            let is_managed = stored.is_some_and(|stored| stored.content == Content::Managed);
            let pause = stored.filter(|_| is_managed).and_then(|it| it.record.pause.clone());
            ground.seen[index].read = read;
            ground.seen[index].pause = pause;
            Reading { version: ground.store().version(), content, others }
        })
        .await
    }

    async fn list(&self) -> Result<Vec<ListedToken>, ListError> {
        let index = self.index;
        let listed = self.ask_as_admin("lists", |ground| {
            let newest = ground.tokens.keys().next_back().copied();
            let listing: Vec<_> = ground
                .tokens
                .iter()
                .filter(|(_, token)| token.created_at + signed(ground.listing_lag) <= ground.now)
                .filter(|(_, token)| token.revoked_at.is_none())
                .filter(|(id, _)| !ground.theirs.contains(*id))
                .filter(|(id, _)| match ground.lists {
                    Lists::Honest => true,
                    Lists::Empty => false,
                    Lists::CutShort => Some(**id) != newest,
                })
                .map(|(id, token)| ListedToken {
                    id: *id,
                    name: Some(token.name.clone()),
                    created_at: token.created_at,
                    expires_at: Some(token.expires_at),
                })
                .collect();
            ground.seen[index].listed = listing.iter().map(|token| token.id).collect();
            listing
        });
        Ok(listed.await?)
    }

    async fn ensure_writable(&self, _reading: &Reading) -> Result<(), WorldFault> {
        self.ask(Part::Store, "probes", |_| ()).await
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        let message = || {
            self.shared().ground.asks_for(self.index, name, reason);
            Message::Create { name: name.to_string() }
        };
        let mut sent = self.send_as_admin(Part::Rest, "creates", message()).await;
        if self.has(Bug::RetriesCreation) && matches!(sent, Sent::Untold | Sent::Broken) {
            sent = self.send(Part::Rest, "creates again", message()).await;
        }
        match sent {
            Sent::Told(Applied::Created(id)) => {
                let shared = self.shared();
                let made = &shared.ground.tokens[&id];
                Ok(CreatedToken {
                    id,
                    token: token(&Ground::text_of(id)),
                    created_at: made.created_at,
                    expires_at: Some(made.expires_at),
                })
            }
            Sent::Refused(kind) => Err(CreateError::Refused(failure_of(kind))),
            Sent::Told(_) | Sent::Untold | Sent::Broken => Err(CreateError::Unknown(failure())),
        }
    }

    async fn connect(&self, token: &Token, _identity: &Identity) -> Result<Verdict, WorldFault> {
        let index = self.index;
        let text = token.lend(str::to_owned);
        let connected =
            |ground: &mut Ground| ground.connect(index, &text).then(|| ground.named(&text));
        let named = self.ask(Part::Connections, "connects", connected).await?;
        let Some(named) = named else { return Ok(Verdict::Refused("simulated".to_owned())) };
        let answer = named.filter(|_| !self.has(Bug::IgnoresWhoseItIs));
        let endpoint = "simulated".to_owned();
        Ok(Verdict::Works(answer.map(|account| Answer { account, endpoint })))
    }

    async fn is_account(&self, name: &str) -> Result<bool, WorldFault> {
        let there_are = [ACCOUNT, OTHER_ACCOUNT];
        self.ask(Part::Rest, "looks for an account", |_| there_are.contains(&name)).await
    }

    async fn publish(
        &self,
        write @ PublishRequest { site, over, record, token, .. }: PublishRequest<'_>,
    ) -> Result<(), PublishError> {
        assert_eq!(write.purpose, purpose_of(&write), "what is done is told as what it is");
        if let Site::Mirror(_) = site {
            return self.write_to_mirror(over, record, token).await;
        }
        let mut record = record.clone();
        if self.has(Bug::ForgetsPauses) {
            record.pause = None;
        }
        let object = encode_with_token(&record, &over.others, FIELDS, token);
        let value = Stored::new(object, record.clone(), token.lend(str::to_owned));
        let protocol = self.shared().ground.store().protocol;
        let mut expected = over.version.clone();
        if self.has(Bug::WritesOverAnything) {
            expected = self.shared().ground.store().version();
        }
        if self.has(Bug::AlwaysConflicts) {
            self.ask(Part::Store, "does not publish", |_| ())
                .await
                .map_err(PublishError::Refused)?;
            return Err(PublishError::Conflict);
        }
        if self.has(Bug::KeepsNothing) {
            return self
                .ask(Part::Store, "publishes to nowhere", |_| ())
                .await
                .map_err(PublishError::Refused);
        }
        let what = format!("publishes {} {:?}", record.token_id, record.phase);
        let copy = value.clone();
        let mut result = match protocol {
            Protocol::CheckAndSet => {
                let message = |request| Message::Store(self.place, request);
                self.publish_by_number((Part::Store, message), &what, &expected, value).await
            }
            Protocol::Labels => self.publish_by_labels(&expected, &over.content, value).await,
            Protocol::LockAndRename => self.publish_under_lock(&expected, value).await,
            Protocol::Editions => self.publish_over_edition(&expected, &over.content, value).await,
        };
        if self.has(Bug::PublishesAgain) && matches!(result, Err(PublishError::Conflict)) {
            let again = Message::Store(self.place, Request::Switch(Box::new(copy.clone())));
            result = match self.send(Part::Store, "publishes again", again).await {
                Sent::Told(_) => Ok(()),
                Sent::Refused(kind) => Err(PublishError::Refused(failure_of(kind))),
                Sent::Untold | Sent::Broken => Err(PublishError::Unknown(failure())),
            };
        }
        if let Err(PublishError::Unknown(fault)) = &result {
            if self.has(Bug::SilenceIsRefusal) {
                return Err(PublishError::Refused(fault.clone()));
            }
            if self.has(Bug::SilenceIsSuccess) {
                result = Ok(());
            }
        }
        if result.is_ok() {
            let version = self.shared().ground.store().version();
            *self.memory.lock().unwrap() = Some((version, copy));
        }
        result
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, WorldFault> {
        self.ask(Part::Store, "recalls", |ground| {
            let of_token =
                |stored: &&Stored| stored.record.token_id == id && !stored.text.is_empty();
            let kept = match ground.store().protocol {
                Protocol::Editions => &ground.store().kept,
                Protocol::CheckAndSet | Protocol::Labels | Protocol::LockAndRename => {
                    &ground.store().versions
                }
            };
            let found = kept.iter().rev().find(of_token)?;
            let mut record = found.record.clone();
            if self.has(Bug::OlderIsAnothers) {
                record.owner = "other".parse().unwrap();
            }
            Some((record, token(&found.text)))
        })
        .await
    }

    async fn deploy(&self, _record: &Record) -> Result<(), WorldFault> {
        self.ask(Part::Consumers, "deploys", |_| ()).await
    }

    async fn poll_gate(&self, _record: &Record) -> Health {
        let index = self.index;
        match self.ask(Part::Consumers, "polls the gate", |ground| ground.poll(index)).await {
            Ok(true) => Health::Healthy,
            Ok(false) => Health::Unhealthy("simulated".to_owned()),
            Err(fault) => Health::Unhealthy(fault.message),
        }
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<Revocation, RevokeError> {
        let id = request.id();
        let part = if self.is_down(Part::Rest) { Part::Rest } else { Part::Revocations };
        self.take_over_badge(id).await.map_err(RevokeError::Refused)?;
        match self.send_as_admin(part, &format!("revokes {id}"), Message::Revoke { id }).await {
            Sent::Told(Applied::Revoked) => Ok(Revocation::Revoked),
            Sent::Told(Applied::AlreadyGone) => Ok(Revocation::AlreadyGone),
            Sent::Refused(_) if self.has(Bug::AnyNoIsGone) => Ok(Revocation::AlreadyGone),
            Sent::Refused(kind) => Err(RevokeError::Refused(failure_of(kind))),
            Sent::Told(_) | Sent::Untold | Sent::Broken => Err(RevokeError::Unknown(failure())),
        }
    }
}

/// What a write does, by what is written over what.
fn purpose_of(PublishRequest { site, over, record, .. }: &PublishRequest<'_>) -> Purpose {
    match (site, &over.content) {
        (Site::Mirror(_), _) => Purpose::Mirror,
        (Site::Store, SecretContent::Managed { record: before, .. })
            if before.token_id == record.token_id =>
        {
            if **before == **record {
                Purpose::Fence
            } else if before.phase == record.phase {
                Purpose::Amend
            } else {
                Purpose::Seal
            }
        }
        (Site::Store, _) if record.is_rolled_back() => Purpose::RollBack,
        (Site::Store, _) => Purpose::Serve,
    }
}

impl Actor {
    fn is_down(&self, part: Part) -> bool {
        let shared = self.shared();
        let now = shared.ground.now;
        shared.outages.iter().any(|(p, from, until)| *p == part && (*from..*until).contains(&now))
    }
}
