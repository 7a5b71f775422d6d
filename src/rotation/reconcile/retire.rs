//! The end of tokens: predecessors after the seal, orphans after a write that fenced their publishers off.

use std::time::Duration;

use super::{Pass, Reconciler};
use crate::names::TokenId;
use crate::record::{Phase, Record, Slot};
use crate::rotation::decide::Begin;
use crate::rotation::journal::{Step, StepOutcome};
use crate::rotation::schedule::next_due;
use crate::rotation::world::{Fault, Identity, PublishError, Reading, Revocation, World};

/// How often the old token is tried until it is refused, and the pause between two tries. MotherDuck's own provider
/// waits as long.
const CONFIRMATIONS: u32 = 30;
const CONFIRMATION_PAUSE: Duration = Duration::from_secs(2);

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn seal(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
        self.joined();
        self.recall_old(record).await;
        let sealed = Record { phase: Phase::Retiring, ..(**record).clone() };
        match self.publish(Step::Seal, &reading, &sealed, token).await {
            Ok(()) => {
                tracing::info!("rotation sealed");
                self.standing.record = Some(sealed.clone());
                self.reap(&orphans).await.ok();
                if let Err(fault) = self.revoke(&sealed.previous_token_ids).await {
                    return Pass::Failed(Some(Step::Revoke), fault);
                }
                self.confirm().await;
                if self.request.begin == Begin::Rotation || !sealed.elsewhere_token_ids.is_empty() {
                    return Pass::Moved;
                }
                Pass::Resting {
                    next_due: next_due(&self.subject.policy, &sealed, self.world.now()),
                    elsewhere: vec![],
                }
            }
            Err(PublishError::Conflict) => Pass::Looked,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::Failed(Some(Step::Seal), fault)
            }
        }
    }

    /// The old token's text, to see it refused later. Best effort: a process that did not publish has not seen it.
    async fn recall_old(&mut self, record: &Record) {
        let Some(&id) = record.previous_token_ids.first() else { return };
        if self.old.as_ref().is_some_and(|(old, _)| *old == id) {
            return;
        }
        self.old = match self.world.recall(id).await {
            Ok(found) => found.map(|(_, token)| (id, token)),
            Err(fault) => {
                tracing::debug!(error = %fault, "old token not readable");
                None
            }
        };
    }

    pub(super) async fn revoke(&mut self, ids: &[TokenId]) -> Result<(), Fault> {
        let began = self.journal.began(Step::Revoke, self.world.now());
        let mut result = Ok(());
        for id in
            ids.iter().copied().filter(|id| !self.evidence.gone.contains(id)).collect::<Vec<_>>()
        {
            match self.world.revoke(id).await {
                Ok(revocation) => {
                    self.evidence.gone.insert(id);
                    if revocation == Revocation::Revoked {
                        self.journal.revoked(id);
                    }
                    tracing::info!(token_id = %id, "token revoked");
                }
                Err(fault) => result = Err(fault),
            }
        }
        self.finish(began, result.as_ref().err());
        result
    }

    /// Sees the old token refused. Revocation is eventual and open to delay: a warning, not a failure.
    async fn confirm(&mut self) {
        let Some((id, token)) = self.old.take() else { return };
        let Some(sealed) = &self.standing.record else { return };
        let identity =
            Identity { token_id: id, previous_token_id: None, rotation_id: sealed.rotation_id };
        let began = self.journal.began(Step::Confirm, self.world.now());
        for attempt in 1..=CONFIRMATIONS {
            if let Ok(true) = self.world.is_refused(&token, &identity).await {
                self.journal.ended(began, self.world.now(), StepOutcome::Ok, None);
                tracing::info!(token_id = %id, "old token refused");
                return;
            }
            if attempt == CONFIRMATIONS || self.world.stopping() {
                break;
            }
            self.world.nap(CONFIRMATION_PAUSE).await;
        }
        let problem = "the revoked token still connects";
        self.journal.ended(began, self.world.now(), StepOutcome::Warning, Some(problem));
        tracing::warn!(token_id = %id, "revoked token still connects");
    }

    /// Revokes orphans after a write that fences their publishers off; without one where that has happened before.
    pub(super) async fn touch(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        if !orphans.iter().all(|id| self.evidence.fenced.contains(id)) {
            let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
            let result = self.world.publish(&reading, record, token).await;
            self.note_conflict(&reading, &result);
            match result {
                Ok(()) => {}
                Err(PublishError::Conflict) => return Pass::Looked,
                Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                    return Pass::Failed(Some(Step::Seal), fault);
                }
            }
        }
        match self.reap(&orphans).await {
            Ok(()) => Pass::Moved,
            Err(fault) => Pass::Failed(Some(Step::Revoke), fault),
        }
    }

    /// Writes the record without tokens that live nowhere any more.
    pub(super) async fn forget(&mut self, reading: Reading, left: &[TokenId]) -> Pass {
        let Slot::Managed { record, token } = &reading.slot else { return Pass::Moved };
        let mut shorter = (**record).clone();
        shorter.elsewhere_token_ids.retain(|id| !left.contains(id));
        let result = self.world.publish(&reading, &shorter, token).await;
        self.note_conflict(&reading, &result);
        match result {
            Ok(()) => Pass::Moved,
            Err(PublishError::Conflict) => Pass::Looked,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::Failed(Some(Step::Seal), fault)
            }
        }
    }

    /// Revokes orphans after a write that came after the list in which they were seen: whoever meant to publish one
    /// of them over the version before can no longer do so.
    pub(super) async fn reap(&mut self, orphans: &[TokenId]) -> Result<(), Fault> {
        self.evidence.fenced.extend(orphans);
        let mut result = Ok(());
        for id in orphans {
            result = self.discard(*id).await.and(result);
        }
        result
    }

    /// Revokes a token that was never served and that nobody can serve any more. Where that fails, it is tried again
    /// by a later look.
    pub(super) async fn discard(&mut self, id: TokenId) -> Result<(), Fault> {
        self.evidence.fenced.insert(id);
        match self.world.revoke(id).await {
            Ok(_) => {
                self.evidence.fenced.remove(&id);
                self.evidence.gone.insert(id);
                tracing::info!(token_id = %id, "unused token revoked");
                Ok(())
            }
            Err(fault) => {
                tracing::warn!(token_id = %id, error = %fault, "unused token left behind until a later look");
                Err(fault)
            }
        }
    }
}
