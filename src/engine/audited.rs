//! What a credential's world does to others, told to the audit log: here, where it happens, so that nothing goes past.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ProductionWorld;
use crate::audit_log::{AuditLog, Cause, Entry, Event, Ledger, Outcome, Trigger};
use crate::fault::Fault;
use crate::motherduck::{CreateTokenError, Error};
use crate::names::{RotationId, TokenId, TokenName};
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::decide::Reason;
use crate::rotation::world::{
    Answer, CreatedToken, Identity, ListedToken, PublishError, Reading, Revocation,
};
use crate::status::Origin;

/// Who tells, why the run was set going, and what it has come to know.
#[derive(Default)]
pub(super) struct AuditContext {
    pub(super) log: Option<Arc<AuditLog>>,
    pub(super) cause: Option<Cause>,
    known: Mutex<Known>,
}

/// Enough to say of a token that is revoked what it was.
#[derive(Default)]
struct Known {
    served: Option<TokenId>,
    rotation: Option<RotationId>,
    previous: Vec<TokenId>,
    /// The rotations that tokens were made in, as their names tell.
    made_in: BTreeMap<TokenId, RotationId>,
}

impl AuditContext {
    pub(super) fn new(log: Option<Arc<AuditLog>>) -> Self {
        Self { log, ..Self::default() }
    }

    /// The same, of another secret.
    pub(super) fn anew(&self) -> Self {
        Self { cause: self.cause.clone(), ..Self::new(self.log.clone()) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, record: &Record) {
        let mut known = self.known();
        known.served = Some(record.token_id);
        known.rotation = Some(record.rotation_id);
        known.previous.clone_from(&record.previous_token_ids);
    }

    /// Remembers what the secret holds.
    pub(super) fn has_read(&self, reading: &Reading) {
        if let SecretContent::Managed { record, .. } = &reading.slot {
            self.learn(record);
        }
    }

    /// Remembers which rotation each managed token was made in.
    pub(super) fn has_listed(&self, listing: &[ListedToken]) {
        let made_in = listing.iter().filter_map(|token| {
            Some((token.id, TokenName::parse(token.name.as_deref()?)?.rotation))
        });
        self.known().made_in.extend(made_in);
    }
}

impl ProductionWorld {
    fn entry(&self, event: Event) -> Entry {
        Entry {
            credential: Some(self.credential.name.clone()),
            username: Some(self.credential.username.clone()),
            cause: self.witness.cause.clone(),
            ..Entry::of(event)
        }
    }

    async fn note(&self, entry: Entry) {
        if let Some(log) = &self.witness.log {
            log.note(entry).await;
        }
    }

    /// Where that is written down which is done for the credential beside its rotations' steps.
    pub(super) fn ledger(&self) -> Ledger {
        Ledger::new(self.witness.log.clone(), self.entry(Event::Began))
    }

    /// A token that is never served was created for `operation`, or may have been. It belongs to what has begun: a
    /// rotation that cannot be written down any more is finished all the same.
    pub(super) async fn audit_side_creation(
        &self,
        operation: &'static str,
        name: &TokenName,
        created: &Result<CreatedToken, CreateTokenError>,
    ) {
        let (token_id, outcome) = creation(created.as_ref().map(|created| created.id));
        let tell = |entry: &mut Entry| {
            (entry.token_id, entry.rotation_id) = (token_id, Some(name.rotation));
        };
        self.ledger().deed(operation).came_to(Event::Created, outcome, tell).await;
    }

    /// Such a token was revoked, or may have been.
    pub(super) async fn audit_side_revocation(
        &self,
        operation: &'static str,
        name: &TokenName,
        id: TokenId,
        revoked: &Result<Revocation, Error>,
    ) {
        if revoked.as_ref().is_err_and(|error| !error.may_have_effect()) {
            return;
        }
        let outcome = revocation(revoked);
        let tell = |entry: &mut Entry| {
            (entry.token_id, entry.rotation_id) = (Some(id), Some(name.rotation));
        };
        self.ledger().deed(operation).came_to(Event::Discarded, outcome, tell).await;
    }

    /// A rotation begins. While that cannot be told, none does: nothing has happened yet.
    pub(super) async fn audit_beginning(
        &self,
        name: &TokenName,
        reason: Reason,
    ) -> Result<(), Fault> {
        let Some(log) = &self.witness.log else { return Ok(()) };
        let entry = Entry {
            rotation_id: Some(name.rotation),
            reason: Some(Origin::from(reason).as_str()),
            ..self.entry(Event::Began)
        };
        log.append(entry).await.map_err(|error| Fault::of(&error, error.kind(), error.hint()))
    }

    /// A token was created, or may have been.
    pub(super) async fn audit_creation(
        &self,
        name: &TokenName,
        reason: Reason,
        created: &Result<CreatedToken, CreateTokenError>,
    ) {
        let (token_id, outcome) = creation(created.as_ref().map(|created| created.id));
        if let Some(id) = token_id {
            self.witness.known().made_in.insert(id, name.rotation);
        }
        self.note(Entry {
            outcome,
            token_id,
            rotation_id: Some(name.rotation),
            reason: Some(Origin::from(reason).as_str()),
            ..self.entry(Event::Created)
        })
        .await;
    }

    /// The secret was written, or may have been.
    pub(super) async fn audit_publication(
        &self,
        over: &Reading,
        record: &Record,
        published: &Result<(), PublishError>,
    ) {
        let outcome = match published {
            Ok(()) => None,
            Err(PublishError::Unknown(_)) => Some(Outcome::Unknown),
            // Nothing was written.
            Err(PublishError::Conflict | PublishError::Refused(_)) => return,
        };
        if outcome.is_none() {
            self.witness.learn(record);
        }
        self.note(Entry {
            outcome,
            token_id: Some(record.token_id),
            previous_token_ids: record.previous_token_ids.clone(),
            rotation_id: Some(record.rotation_id),
            ..self.entry(self.written(&over.slot, record))
        })
        .await;
    }

    /// A mirror at `path` was written, or may have been.
    pub(super) async fn audit_mirroring(
        &self,
        path: &str,
        record: &Record,
        published: &Result<(), PublishError>,
    ) {
        let outcome = match published {
            Ok(()) => None,
            Err(PublishError::Unknown(_)) => Some(Outcome::Unknown),
            Err(PublishError::Conflict | PublishError::Refused(_)) => return,
        };
        self.note(Entry {
            outcome,
            token_id: Some(record.token_id),
            rotation_id: Some(record.rotation_id),
            subject: Some(path.to_owned()),
            ..self.entry(Event::Mirrored)
        })
        .await;
    }

    /// What it means that `record` is written over `slot`.
    fn written(&self, slot: &SecretContent, record: &Record) -> Event {
        let managed = match slot {
            SecretContent::Managed { record, .. } => Some(&**record),
            SecretContent::Vacant
            | SecretContent::Unmanaged { .. }
            | SecretContent::Edited { .. } => None,
        };
        let trigger = self.witness.cause.as_ref().map(|cause| cause.trigger);
        match managed {
            _ if trigger == Some(Trigger::Adopt) => Event::Adopted,
            _ if trigger == Some(Trigger::Pause) => Event::Paused,
            _ if trigger == Some(Trigger::Resume) => Event::Resumed,
            Some(before) if before == record => Event::Touched,
            Some(before)
                if before.token_id == record.token_id && record.phase == Phase::Retiring =>
            {
                Event::Sealed
            }
            _ if record.is_rolled_back() => Event::RolledBack,
            _ => Event::Served,
        }
    }

    /// The served token connects; what the endpoint says of whose it is, if that is not the account. A new token is tried before it is served, and an old one after: those prove other
    /// things.
    pub(super) async fn audit_proof(&self, identity: &Identity, answer: Option<&Answer>) {
        let is_served = self.witness.known().served == Some(identity.token_id);
        let is_other = |named: &&Answer| {
            !named.account.eq_ignore_ascii_case(self.credential.username.as_str())
        };
        if is_served {
            self.note(Entry {
                subject: answer.filter(is_other).map(|named| named.account.clone()),
                token_id: Some(identity.token_id),
                rotation_id: Some(identity.rotation_id),
                ..self.entry(Event::Verified)
            })
            .await;
        }
    }

    /// A token was revoked, or may have been.
    pub(super) async fn audit_revocation(&self, id: TokenId, revoked: &Result<Revocation, Error>) {
        if revoked.as_ref().is_err_and(|error| !error.may_have_effect()) {
            return;
        }
        let outcome = revocation(revoked);
        let (event, rotation_id) = {
            let known = self.witness.known();
            if known.previous.contains(&id) {
                (Event::Revoked, known.rotation)
            } else {
                (Event::Discarded, known.made_in.get(&id).copied())
            }
        };
        self.note(Entry { outcome, token_id: Some(id), rotation_id, ..self.entry(event) }).await;
    }
}

fn creation(created: Result<TokenId, &CreateTokenError>) -> (Option<TokenId>, Option<Outcome>) {
    match created {
        Ok(id) => (Some(id), None),
        Err(CreateTokenError::Refused(_)) => (None, Some(Outcome::Failed)),
        Err(CreateTokenError::Unknown(_)) => (None, Some(Outcome::Unknown)),
    }
}

/// How a revocation went that may have had an effect.
fn revocation(revoked: &Result<Revocation, Error>) -> Option<Outcome> {
    match revoked {
        Ok(Revocation::Revoked) => None,
        Ok(Revocation::AlreadyGone) => Some(Outcome::Already),
        Err(_) => Some(Outcome::Unknown),
    }
}
