//! Whose the tokens turn out to be that this run connects with, and what follows from it.

use super::{Pass, Reconciler};
use crate::fault::{Fault, FaultKind};
use crate::names::AccountName;
use crate::record::{Record, SecretContent};
use crate::rotation::decide::Reason;
use crate::rotation::policy::IdentityRule;
use crate::rotation::schedule::Due;
use crate::rotation::step_log::{Step, StepOutcome};
use crate::rotation::whose::{Judgement, Origin, Whose};
use crate::rotation::world::{Answer, Identity, Reading, Verdict, World};

/// How often a served token is asked whose it is before it is replaced, where the endpoint does not answer.
const ASKS: u32 = 3;

impl<W: World> Reconciler<'_, W> {
    /// Whose a token is that pintail has just created for the account: the account's, and by that what the endpoint
    /// says shows whether it tells accounts.
    pub(super) fn hear_of_new(&mut self, answer: Option<&Answer>) -> Result<(), Fault> {
        let judgement = self.judge_answer(Origin::Created, answer);
        self.accept(&judgement.given(|_| false))
    }

    /// Whose the served token is, kept with what is proved of this version; what is wrong with it, if anything is.
    pub(super) async fn hear_of_served(
        &mut self,
        record: &Record,
        answer: Option<&Answer>,
    ) -> Result<(), Fault> {
        let origin = Origin::of(record);
        let mut judgement = self.judge_answer(origin, answer);
        if matches!(judgement, Judgement::IfThereIs(_)) {
            self.calibrate(record).await?;
            judgement = self.judge_answer(origin, answer);
        }
        let whose = match judgement {
            Judgement::Settled(whose) => whose,
            Judgement::IfThereIs(named) => {
                let there_is = self.is_account(&named).await;
                Judgement::IfThereIs(named).given(|_| there_is)
            }
        };
        let now = self.world.now();
        self.evidence.proofs_mut().note_whose(whose.clone(), now);
        self.accept(&whose)
    }

    fn judge_answer(&mut self, origin: Origin, answer: Option<&Answer>) -> Judgement {
        let account = &self.subject.username;
        let before = self.evidence.calibration.clone();
        let judgement = self.evidence.calibration.judge(account, origin, answer);
        if self.evidence.calibration != before {
            tell(&judgement, account);
        }
        judgement
    }

    /// Has a predecessor show whether the endpoint tells accounts, if there is one that lives and that pintail created
    /// for the account. A process that has just started knows nothing of the endpoint, and must not take a token that
    /// is served again, or was adopted, for another account's only because the endpoint names that whoever asks.
    async fn calibrate(&mut self, record: &Record) -> Result<(), Fault> {
        for id in &record.previous_token_ids {
            let Some((old, token)) = self.world.recall(*id).await? else { continue };
            let is_of_account = old.username.canonical() == self.subject.username.canonical();
            if Origin::of(&old) != Origin::Created || !is_of_account {
                continue;
            }
            match self.world.connect(&token, &Identity::unserved(&old)).await? {
                Verdict::Works(answer) => {
                    self.judge_answer(Origin::Created, answer.as_ref());
                    return Ok(());
                }
                Verdict::Refused(_) => {}
            }
        }
        Ok(())
    }

    /// Whether there is an account of that name. Where that cannot be found out, what was known to be another account's
    /// does not become unclear by that, and nothing else becomes another account's.
    async fn is_account(&self, named: &String) -> bool {
        match self.world.is_account(named).await {
            Ok(there_is) => there_is,
            Err(fault) => {
                tracing::warn!(error = %fault, "accounts not listed");
                self.evidence.proofs().is_anothers() == Some(named)
            }
        }
    }

    /// Whether a token that connects is verified, as far as it matters whose it is.
    fn accept(&self, whose: &Whose) -> Result<(), Fault> {
        let account = &self.subject.username;
        let is_required = self.subject.endpoint == Some(IdentityRule::Required);
        let refused = |kind, message| Fault {
            kind,
            message,
            hint: Some(
                "`verify.postgres.identity = \"if_answered\"` does without the endpoint's word"
                    .to_owned(),
            ),
        };
        match whose {
            Whose::Another(named) => Err(Fault {
                kind: FaultKind::Permanent,
                message: format!("the token opens account {named:?}, and not {account}"),
                hint: None,
            }),
            Whose::Unclear(named) if is_required => Err(refused(
                FaultKind::Permanent,
                format!(
                    "the endpoint does not tell accounts: it names {named:?} for a token of {account}"
                ),
            )),
            Whose::Unanswered if is_required => Err(refused(
                FaultKind::Transient,
                format!("the endpoint does not say whether the token opens account {account}"),
            )),
            Whose::Own | Whose::Unclear(_) | Whose::Unanswered => Ok(()),
        }
    }

    /// Before a served token is replaced that pintail did not create for the account: whether it is the account's at
    /// all. The new token was tried before, so that what the endpoint says can be judged. What is in the way, if
    /// anything is.
    pub(super) async fn ask_whose_is_served(
        &mut self,
        over: &Reading,
        reason: Reason,
    ) -> Result<(), Pass> {
        let SecretContent::Managed { record, token } = &over.content else { return Ok(()) };
        let is_asked = match self.subject.endpoint {
            Some(IdentityRule::IfAnswered | IdentityRule::Required) => true,
            Some(IdentityRule::Off) | None => false,
        };
        let is_known =
            Origin::of(record) == Origin::Created || self.evidence.proofs().is_known_to_be_own();
        if !is_asked || is_known {
            return Ok(());
        }
        let began = (Step::Verify, self.world.now());
        let mut tries = 1;
        let verdict = loop {
            let verdict = self.world.connect(token, &Identity::served(record)).await;
            let may_pass = matches!(&verdict, Err(fault) if fault.kind == FaultKind::Transient);
            if !may_pass || tries == ASKS || self.world.stopping() {
                break verdict;
            }
            tries += 1;
            self.world.nap(super::replace::PREFLIGHT_PAUSE).await;
        };
        let fault = match verdict {
            Ok(Verdict::Works(answer)) => {
                match self.hear_of_served(record, answer.as_ref()).await {
                    Ok(()) => return Ok(()),
                    Err(fault) => fault,
                }
            }
            // Dead: nobody uses it.
            Ok(Verdict::Refused(_)) => return Ok(()),
            Err(fault) => fault,
        };
        let is_anothers = self.evidence.proofs().is_anothers().is_some();
        if !is_anothers && !can_wait(reason) {
            tracing::warn!(token_id = %record.token_id, error = %fault, "not known whose the served token is");
            return Ok(());
        }
        let problem = fault.to_string();
        // Of what is another account's the next look decides.
        let pass = if is_anothers { Pass::Observed } else { not_known(&fault) };
        let now = self.world.now();
        self.log.ended(began, now, StepOutcome::Failed, Some(&problem));
        Err(pass)
    }
}

fn not_known(fault: &Fault) -> Pass {
    let fault = Fault {
        kind: fault.kind,
        message: format!("it is not known whose the served token is: {}", fault.message),
        hint: Some(
            "pintail did not create it, and replaces it once the endpoint has said that it is the account's; `verify.postgres.identity = \"off\"` does without"
                .to_owned(),
        ),
    };
    Pass::failed(Step::Verify, fault)
}

/// Whether a rotation may wait until the endpoint answers.
fn can_wait(reason: Reason) -> bool {
    match reason {
        Reason::Due(Due::Scheduled(_)) | Reason::Forced => true,
        Reason::First
        | Reason::Vacant
        | Reason::Due(Due::Expiring(_))
        | Reason::Compromised
        | Reason::Lost => false,
    }
}

/// Tells once what a token of a known origin has shown of an endpoint.
fn tell(judgement: &Judgement, account: &AccountName) {
    match judgement {
        Judgement::Settled(Whose::Unclear(named)) => {
            tracing::warn!(%account, answer = named.as_str(), "endpoint does not tell accounts");
        }
        Judgement::Settled(Whose::Own | Whose::Unanswered | Whose::Another(_))
        | Judgement::IfThereIs(_) => {
            tracing::debug!(%account, "endpoint tells accounts");
        }
    }
}
