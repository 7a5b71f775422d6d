//! The end of tokens: predecessors after the seal, orphans after a write that fenced their publishers off.

use std::time::Duration;

use super::{Pass, Reconciler};
use crate::fault::Fault;
use crate::names::{RotationId, TokenId};
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::decide::Begin;
use crate::rotation::schedule::next_due;
use crate::rotation::step_log::{Step, StepOutcome};
use crate::rotation::world::{
    Identity, PublishError, PublishRequest, Purpose, Reading, Revocation, RevokeRequest, Site,
    Verdict, World,
};

/// How often the old token is tried until it is refused, and the pause between two tries. MotherDuck's own provider
/// waits as long.
const CONFIRMATIONS: u32 = 30;
const CONFIRMATION_PAUSE: Duration = Duration::from_secs(2);

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn seal(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        let SecretContent::Managed { record, token } = &reading.content else { return Pass::Moved };
        self.joined();
        self.recall_old(record).await;
        let sealed = Record { phase: Phase::Retiring, ..(**record).clone() };
        let write = PublishRequest::to_store(Purpose::Seal, &reading, &sealed, token);
        match self.publish(Step::Seal, write).await {
            Ok(()) => {
                tracing::info!("rotation sealed");
                self.state.record = Some(sealed.clone());
                self.revoke_orphans(&orphans).await.ok();
                if let Err(fault) = self.revoke(&sealed.previous_token_ids).await {
                    return Pass::failed(Step::Revoke, fault);
                }
                self.confirm().await;
                if self.request.begin == Begin::Rotation || !sealed.elsewhere_token_ids.is_empty() {
                    return Pass::Moved;
                }
                Pass::Resting {
                    next_due: next_due(&self.subject.policy, &sealed, self.world.time()),
                    elsewhere: vec![],
                }
            }
            Err(PublishError::Conflict) => Pass::Observed,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::failed(Step::Seal, fault)
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
        let began = self.log.began(Step::Revoke, self.world.now());
        let rotation_id = self.state.record.as_ref().map(|record| record.rotation_id);
        let mut result = Ok(());
        for id in
            ids.iter().copied().filter(|id| !self.evidence.gone.contains(id)).collect::<Vec<_>>()
        {
            match self.world.revoke(RevokeRequest::Predecessor { id, rotation_id }).await {
                Ok(revocation) => {
                    self.evidence.gone.insert(id);
                    if revocation == Revocation::Revoked {
                        self.log.revoked(id);
                    }
                    tracing::info!(token_id = %id, "token revoked");
                }
                Err(error) => result = Err(error.into()),
            }
        }
        self.finish(began, result.as_ref().err());
        result
    }

    /// Sees the old token refused. Revocation is eventual and open to delay: a warning, not a failure.
    async fn confirm(&mut self) {
        let Some((id, token)) = self.old.take() else { return };
        let Some(sealed) = self.state.record.clone() else { return };
        let identity = Identity::revoked(id, &sealed);
        let began = self.log.began(Step::Confirm, self.world.now());
        let mut still_connects = false;
        for attempt in 1..=CONFIRMATIONS {
            still_connects = match self.world.connect(&token, &identity).await {
                Ok(Verdict::Refused(_)) => {
                    self.log.ended(began, self.world.now(), StepOutcome::Ok, None);
                    tracing::info!(token_id = %id, "old token refused");
                    self.count_unconfirmed(&sealed, 0).await;
                    return;
                }
                Ok(Verdict::Works(_)) => true,
                Err(_) => false,
            };
            if attempt == CONFIRMATIONS {
                break;
            }
            if self.world.stopping() {
                // It was not waited for long enough to count.
                still_connects = false;
                break;
            }
            self.world.nap(CONFIRMATION_PAUSE).await;
        }
        let problem = "the revoked token still connects";
        self.log.ended(began, self.world.now(), StepOutcome::Warning, Some(problem));
        tracing::warn!(token_id = %id, "revoked token still connects");
        if still_connects && self.subject.endpoint.is_some() {
            self.count_unconfirmed(&sealed, sealed.unconfirmed_revocations.saturating_add(1)).await;
        }
    }

    /// Writes down in how many rotations running a revoked token went on connecting, where that has changed, so that a
    /// run that comes once a week knows it too. Best effort, over the very record that was sealed.
    async fn count_unconfirmed(&mut self, sealed: &Record, count: u8) {
        if sealed.unconfirmed_revocations == count {
            return;
        }
        let written = match self.world.read(Site::Store).await {
            Ok(reading) => match &reading.content {
                SecretContent::Managed { record, token } if **record == *sealed => {
                    let counted = Record { unconfirmed_revocations: count, ..sealed.clone() };
                    let write = PublishRequest::to_store(Purpose::Amend, &reading, &counted, token);
                    let written = self.world.publish(write).await;
                    written.map(|()| self.state.record = Some(counted))
                }
                SecretContent::Vacant
                | SecretContent::Unmanaged { .. }
                | SecretContent::Edited { .. }
                | SecretContent::Managed { .. } => Err(PublishError::Conflict),
            },
            Err(fault) => Err(PublishError::Refused(fault)),
        };
        match written {
            Ok(()) => tracing::info!(count, "unconfirmed revocations counted"),
            Err(error) => tracing::warn!(%error, "unconfirmed revocations not counted"),
        }
    }

    /// Tries once more whether the token that was revoked last is refused: a revocation may take longer than anybody
    /// waits for it.
    pub(super) async fn confirm_late(&mut self, reading: Reading) -> Pass {
        let SecretContent::Managed { record, .. } = &reading.content else { return Pass::Moved };
        let record = (**record).clone();
        let began = self.log.began(Step::Confirm, self.world.now());
        let refused = self.was_refused(&record).await;
        let outcome = if refused.is_ok() { StepOutcome::Ok } else { StepOutcome::Warning };
        let now = self.world.now();
        self.log.ended(began, now, outcome, refused.as_ref().err().map(String::as_str));
        let is_refused = refused.is_ok();
        self.evidence.proofs_mut().confirm.count(now, refused);
        if is_refused {
            self.count_unconfirmed(&record, 0).await;
            return Pass::Observed;
        }
        self.keep(reading)
    }

    async fn was_refused(&self, record: &Record) -> Result<(), String> {
        let Some(&id) = record.previous_token_ids.first() else {
            return Err("the record names no token that was revoked".to_owned());
        };
        let token = match self.world.recall(id).await {
            Ok(Some((_, token))) => token,
            Ok(None) => return Err(format!("the store no longer has the text of token {id}")),
            Err(fault) => return Err(fault.to_string()),
        };
        match self.world.connect(&token, &Identity::revoked(id, record)).await {
            Ok(Verdict::Refused(_)) => Ok(()),
            Ok(Verdict::Works(_)) => Err(format!("the revoked token {id} still connects")),
            Err(fault) => Err(fault.to_string()),
        }
    }

    /// Revokes orphans after a write that fences their publishers off; without one where that has happened before.
    pub(super) async fn fence(&mut self, reading: Reading, orphans: Vec<TokenId>) -> Pass {
        if !orphans.iter().all(|id| self.evidence.fenced.contains(id)) {
            let SecretContent::Managed { record, token } = &reading.content else {
                return Pass::Moved;
            };
            let write = PublishRequest::to_store(Purpose::Fence, &reading, record, token);
            let result = self.world.publish(write).await;
            self.note_conflict(&reading, &result);
            match result {
                Ok(()) => {}
                Err(PublishError::Conflict) => return Pass::Observed,
                Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                    return Pass::failed(Step::Seal, fault);
                }
            }
        }
        match self.revoke_orphans(&orphans).await {
            Ok(()) => Pass::Moved,
            Err(fault) => Pass::failed(Step::Revoke, fault),
        }
    }

    /// Writes the record without tokens that live nowhere any more.
    pub(super) async fn forget(&mut self, reading: Reading, left: &[TokenId]) -> Pass {
        let SecretContent::Managed { record, token } = &reading.content else { return Pass::Moved };
        let mut shorter = (**record).clone();
        shorter.elsewhere_token_ids.retain(|id| !left.contains(id));
        let write = PublishRequest::to_store(Purpose::Amend, &reading, &shorter, token);
        let result = self.world.publish(write).await;
        self.note_conflict(&reading, &result);
        match result {
            Ok(()) => Pass::Moved,
            Err(PublishError::Conflict) => Pass::Observed,
            Err(PublishError::Refused(fault) | PublishError::Unknown(fault)) => {
                Pass::failed(Step::Seal, fault)
            }
        }
    }

    /// Revokes orphans after a write that came after the list in which they were seen: whoever meant to publish one
    /// of them over the version before can no longer do so.
    pub(super) async fn revoke_orphans(&mut self, orphans: &[TokenId]) -> Result<(), Fault> {
        self.evidence.fenced.extend(orphans);
        let mut result = Ok(());
        for id in orphans {
            result = self.discard(*id, self.made_in(*id)).await.and(result);
        }
        result
    }

    /// Revokes a token that was never served and that nobody can serve any more. Where that fails, it is tried again
    /// by a later look.
    pub(super) async fn discard(
        &mut self,
        id: TokenId,
        rotation_id: Option<RotationId>,
    ) -> Result<(), Fault> {
        self.evidence.fenced.insert(id);
        match self.world.revoke(RevokeRequest::Unserved { id, rotation_id }).await {
            Ok(_) => {
                self.evidence.fenced.remove(&id);
                self.evidence.gone.insert(id);
                tracing::info!(token_id = %id, "unused token revoked");
                Ok(())
            }
            Err(error) => {
                let fault = Fault::from(error);
                tracing::warn!(token_id = %id, error = %fault, "unused token left behind until a later look");
                Err(fault)
            }
        }
    }
}
