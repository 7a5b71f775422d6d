//! A replacement: created, proved before anyone can read it, published over the version that was read before.

use std::time::Duration;

use super::{Pass, Reconciler};
use crate::fault::{Fault, FaultKind};
use crate::names::{RotationId, TokenId, TokenName};
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::decide::Reason;
use crate::rotation::schedule::Due;
use crate::rotation::step_log::Step;
use crate::rotation::world::{
    CreateError, CreatedToken, Identity, PublishError, PublishRequest, Purpose, Reading, TokenRole,
    Verdict, World,
};
use crate::secret::Token;

/// How often a new token is tried before it is given up, and the pause between two tries.
const PREFLIGHTS: u32 = 5;
pub(super) const PREFLIGHT_PAUSE: Duration = Duration::from_secs(2);

/// What becomes of the tokens that there are.
pub(super) struct Replacing {
    /// The new record lists them as predecessors.
    pub(super) previous: Vec<TokenId>,
    /// They are revoked behind the publication.
    pub(super) orphans: Vec<TokenId>,
    /// The new record names them as living elsewhere.
    pub(super) elsewhere: Vec<TokenId>,
}

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn replace(
        &mut self,
        over: Reading,
        reason: Reason,
        Replacing { previous, orphans, elsewhere }: Replacing,
    ) -> Pass {
        let (rotation_id, created) = match self.create(&over, reason).await {
            Ok(created) => created,
            Err(fault) => return Pass::failed(Step::Create, fault),
        };
        let identity = Identity {
            role: TokenRole::New(reason),
            token_id: created.id,
            previous_token_id: previous.first().copied(),
            rotation_id,
        };
        if let Err(fault) = self.preflight(&created.token, &identity).await {
            self.discard(created.id, Some(rotation_id)).await.ok();
            return Pass::failed(Step::Preflight, fault);
        }
        if let Err(pass) = self.ask_whose_is_served(&over, reason).await {
            self.discard(created.id, Some(rotation_id)).await.ok();
            return pass;
        }
        let (first_token_at, unconfirmed_revocations, pause) = match &over.content {
            SecretContent::Managed { record, .. } => {
                (record.first_token_at, record.unconfirmed_revocations, record.pause.clone())
            }
            SecretContent::Vacant => {
                (self.subject.is_made_by_rule.then_some(created.created_at), 0, None)
            }
            SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => (None, 0, None),
        };
        let record = Record {
            token_id: created.id,
            token_name: self.token_name(rotation_id).to_string(),
            token_type: self.subject.token_type,
            username: self.subject.username.clone(),
            // What no clock has reached yet was not made then.
            created_at: created.created_at.min(self.world.time().later()),
            expires_at: created.expires_at,
            rotation_id,
            published_at: self.world.now(),
            previous_token_ids: previous,
            elsewhere_token_ids: elsewhere,
            first_token_at,
            unconfirmed_revocations,
            renewal_ttl_seconds: matches!(reason, Reason::Due(Due::Expiring(_)))
                .then(|| self.subject.policy.ttl_seconds()),
            // Only a person ends it, be it long over: a clock may be wrong.
            pause,
            phase: Phase::Published,
            token_sha256: created.token.sha256(),
            owner: self.subject.owner.clone(),
        };
        let write = PublishRequest::to_store(Purpose::Serve, &over, &record, &created.token);
        match self.publish(Step::Publish, write).await {
            Ok(()) => {
                tracing::info!(token_id = %record.token_id, "token published");
                self.state.took_part = true;
                self.request = self.request.begun();
                self.evidence.unproved = Some(created.id);
                if let SecretContent::Managed { record: served, token } = over.content {
                    self.old = Some((served.token_id, token));
                }
                self.state.record = Some(record);
                // What is left is found by a later look.
                self.revoke_orphans(&orphans).await.ok();
                Pass::Moved
            }
            Err(PublishError::Conflict) => {
                self.discard(created.id, Some(rotation_id)).await.ok();
                Pass::Observed
            }
            Err(PublishError::Refused(fault)) => {
                self.discard(created.id, Some(rotation_id)).await.ok();
                Pass::failed(Step::Publish, fault)
            }
            // It may yet be served: the next look tells.
            Err(PublishError::Unknown(fault)) => {
                self.state.in_doubt = true;
                self.evidence.unproved = Some(created.id);
                Pass::failed(Step::Publish, fault)
            }
        }
    }

    async fn create(
        &mut self,
        over: &Reading,
        reason: Reason,
    ) -> Result<(RotationId, CreatedToken), Fault> {
        let began = self.log.began(Step::Create, self.world.now());
        let rotation_id = RotationId::starting_at(self.world.now()).at_place(self.subject.place);
        self.tell_rotation(rotation_id);
        tracing::info!(reason = ?reason, "rotation began");
        let name = self.token_name(rotation_id);
        let result = match self.world.ensure_writable(over).await {
            Err(fault) => Err(fault),
            Ok(()) => match self.world.create(&name, reason).await {
                Ok(created) => {
                    tracing::info!(token_id = %created.id, "token created");
                    Ok((rotation_id, created))
                }
                Err(CreateError::Refused(fault)) => Err(fault),
                Err(CreateError::Unknown(fault)) => {
                    self.discard_by_name(&name).await;
                    Err(fault)
                }
            },
        };
        self.finish(began, result.as_ref().err());
        result
    }

    /// The text of a token whose creation gave no answer is lost: nobody can ever serve it, so it needs no fence. One
    /// that is not listed yet is found as an orphan later.
    async fn discard_by_name(&mut self, name: &TokenName) {
        let rotation_id = Some(name.rotation);
        let name = name.to_string();
        match self.world.list().await {
            Ok(listing) => {
                for token in listing.iter().filter(|token| token.name.as_ref() == Some(&name)) {
                    self.discard(token.id, rotation_id).await.ok();
                }
            }
            Err(fault) => tracing::warn!(error = %fault, "token left behind until a later look"),
        }
    }

    async fn preflight(&mut self, token: &Token, identity: &Identity) -> Result<(), Fault> {
        let began = self.log.began(Step::Preflight, self.world.now());
        let mut result = self.connect_once(token, identity).await;
        for _ in 1..PREFLIGHTS {
            // What only a person can mend is not worth waiting for.
            let is_final = match &result {
                Ok(()) => true,
                Err(fault) => fault.kind == FaultKind::Permanent,
            };
            if is_final || self.world.stopping() {
                break;
            }
            self.world.nap(PREFLIGHT_PAUSE).await;
            result = self.connect_once(token, identity).await;
        }
        self.finish(began, result.as_ref().err());
        result
    }

    async fn connect_once(&mut self, token: &Token, identity: &Identity) -> Result<(), Fault> {
        match self.world.connect(token, identity).await? {
            Verdict::Works(answer) => self.hear_of_new(answer.as_ref()),
            Verdict::Refused(why) => Err(Fault {
                kind: FaultKind::Transient,
                message: format!("the new token was refused: {why}"),
                hint: None,
            }),
        }
    }

    fn token_name(&self, rotation: RotationId) -> TokenName {
        TokenName {
            owner: self.subject.owner.clone(),
            credential: self.subject.credential.clone(),
            rotation,
        }
    }
}
