//! The road back: the predecessor served again, as a new version, with the failed replacement as its predecessor.

use super::{Pass, Reconciler};
use crate::names::TokenId;
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::decide::{Begin, TEXT_LOST};
use crate::rotation::step_log::Step;
use crate::rotation::world::{
    Identity, PublishError, PublishRequest, Purpose, Reading, Verdict, World,
};

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn roll_back(&mut self, reading: Reading, to: TokenId) -> Pass {
        let SecretContent::Managed { record, .. } = &reading.content else { return Pass::Moved };
        let (old, token) = match self.world.recall(to).await {
            Ok(Some(found)) => found,
            Ok(None) => return self.no_way_back(reading, TEXT_LOST),
            Err(fault) => return Pass::failed(Step::Publish, fault),
        };
        match self.world.connect(&token, &Identity::unserved(&old)).await {
            Ok(Verdict::Works(_)) => {}
            Ok(Verdict::Refused(_)) => return self.no_way_back(reading, "it no longer connects"),
            Err(fault) => return Pass::failed(Step::Preflight, fault),
        }
        let mut previous = vec![record.token_id];
        previous.extend(record.previous_token_ids.iter().filter(|id| **id != to));
        let rolled_back = Record {
            rotation_id: record.rotation_id,
            published_at: self.world.now(),
            previous_token_ids: previous,
            phase: Phase::Published,
            owner: self.subject.owner.clone(),
            elsewhere_token_ids: record.elsewhere_token_ids.clone(),
            first_token_at: record.first_token_at,
            unconfirmed_revocations: record.unconfirmed_revocations,
            renewal_ttl_seconds: None,
            // What a person says now, and not what they said when the old token was served first.
            pause: record.pause.clone(),
            ..old
        };
        let write = PublishRequest::to_store(Purpose::RollBack, &reading, &rolled_back, &token);
        let result = self.publish(Step::Publish, write).await;
        match result {
            Ok(()) => {
                tracing::warn!(token_id = %to, "rotation rolled back");
                self.state.took_part = true;
                if self.request.begin != Begin::RollBack {
                    self.request = self.request.begun();
                }
                if let SecretContent::Managed { record: served, token } = reading.content {
                    self.old = Some((served.token_id, token));
                }
                self.state.record = Some(rolled_back);
                Pass::Moved
            }
            Err(PublishError::Conflict) => Pass::Observed,
            Err(PublishError::Refused(fault)) => Pass::failed(Step::Publish, fault),
            Err(PublishError::Unknown(fault)) => {
                self.state.in_doubt = true;
                Pass::failed(Step::Publish, fault)
            }
        }
    }

    fn no_way_back(&mut self, reading: Reading, why: &str) -> Pass {
        tracing::error!(reason = why, "predecessor cannot be served again");
        self.evidence.proofs_mut().no_way_back = Some(why.to_owned());
        self.keep(reading)
    }
}
