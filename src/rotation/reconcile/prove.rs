//! What is proved of a served token: the clients reloaded, they are healthy, it connects as read back from the store.

use super::{Pass, Reconciler};
use crate::record::{Record, SecretContent};
use crate::rotation::step_log::{Step, StepOutcome};
use crate::rotation::whose::Whose;
use crate::rotation::world::{Health, Identity, Reading, Verdict, World};

impl<W: World> Reconciler<'_, W> {
    pub(super) async fn deploy(&mut self, reading: Reading) -> Pass {
        let SecretContent::Managed { record, .. } = &reading.content else { return Pass::Moved };
        self.joined();
        let began = self.log.began(Step::Deploy, self.world.now());
        let result = self.world.deploy(record).await;
        self.finish(began, result.as_ref().err());
        let now = self.world.now();
        self.evidence.proofs_mut().deploy.count(now, result.map_err(|fault| fault.to_string()));
        self.keep(reading)
    }

    pub(super) async fn poll_gate(&mut self, reading: Reading) -> Pass {
        let SecretContent::Managed { record, .. } = &reading.content else { return Pass::Moved };
        self.joined();
        let began = self.log.began(Step::Gate, self.world.now());
        let health = self.world.poll_gate(record).await;
        let now = self.world.now();
        let (outcome, problem) = match health {
            Health::Healthy => (StepOutcome::Ok, None),
            Health::Unhealthy(why) => (StepOutcome::Failed, Some(why)),
        };
        self.log.ended(began, now, outcome, problem.as_deref());
        self.evidence.proofs_mut().gate.count(now, problem.map_or(Ok(()), Err));
        self.keep(reading)
    }

    pub(super) async fn verify(&mut self, reading: Reading) -> Pass {
        let SecretContent::Managed { record, token } = &reading.content else { return Pass::Moved };
        self.joined_if_unresolved(record);
        let began = self.log.began(Step::Verify, self.world.now());
        let result = self.world.connect(token, &Identity::served(record)).await;
        let now = self.world.now();
        let (refused, problem) = match result {
            Ok(Verdict::Works(answer)) => {
                let heard = self.hear_of_served(record, answer.as_ref()).await;
                (false, heard.err().map(|fault| fault.to_string()))
            }
            Ok(Verdict::Refused(why)) => {
                self.evidence.proofs_mut().whose = None;
                (true, Some(format!("the served token was refused: {why}")))
            }
            Err(fault) => {
                self.evidence.proofs_mut().note_whose(Whose::Unanswered, now);
                (false, Some(fault.to_string()))
            }
        };
        let outcome = if problem.is_none() { StepOutcome::Ok } else { StepOutcome::Failed };
        self.log.ended(began, now, outcome, problem.as_deref());
        if problem.is_none() {
            tracing::info!(token_id = %record.token_id, "token verified");
            self.state.proved = Some(record.token_id);
            self.evidence.unproved = None;
            self.evidence.found();
        }
        let proofs = self.evidence.proofs_mut();
        proofs.refused = refused;
        proofs.verify.count(now, problem.map_or(Ok(()), Err));
        self.keep(reading)
    }

    pub(super) fn joined_if_unresolved(&mut self, record: &Record) {
        if record.is_unfinished() {
            self.joined();
        }
    }
}
