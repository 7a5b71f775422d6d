//! One run: passes until the credential is at rest, held or refused, or nothing more can be done now.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::fault::{Fault, FaultKind};
use crate::names::{CredentialName, RotationId, TokenId};
use crate::record::Record;
use crate::retry::Retry;
use crate::rotation::condition::{self, State, Tokens};
use crate::rotation::decide::{Begin, Reason, Request, Stage, Subject, WaitingFor};
use crate::rotation::evidence::Evidence;
use crate::rotation::reconcile::{Pass, Reconciler, RunState};
use crate::rotation::step_log::{Progress, Step, StepLog, StepReport};
use crate::rotation::world::{ListedToken, World};

/// A run that takes this many passes without ever having to wait is stopped: something answers nonsense.
const MOST_PASSES: u32 = 1_000;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A rotation is complete.
    Rotated,
    /// There was nothing to do.
    NotDue,
    /// Nothing new is served; the old token is untouched.
    Failed,
    /// A new token is served and its predecessors live: safe, but a person is needed.
    Held,
    /// The predecessor is served again.
    RolledBack,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The rotation that the record tells of.
    pub rotation_id: Option<RotationId>,
    /// The served token.
    pub token_id: Option<TokenId>,
    /// The token that it replaced.
    pub previous_token_id: Option<TokenId>,
    /// When the served token expires, if it does and the record was seen.
    pub expires_at: Option<Timestamp>,
    /// The predecessors that were revoked.
    pub revoked: Vec<TokenId>,
    /// What was done.
    pub steps: Vec<StepReport>,
    /// What went wrong.
    pub problem: Option<Problem>,
    /// Which of the credential's tokens live.
    pub tokens: Tokens,
    /// When to look again; when it is due next, if it rests.
    pub again_at: Option<Timestamp>,
    /// What it rests on.
    pub seen: LastSeen,
}

/// What a run saw last, for whoever keeps count.
#[derive(Debug, Clone, Default)]
pub struct LastSeen {
    /// The record that was last read or written.
    pub record: Option<Record>,
    /// Why a replacement was made, if this run made one.
    pub reason: Option<Reason>,
    /// The account's tokens, as of the last list that came; it may be older than the record.
    pub listing: Option<Vec<ListedToken>>,
    /// The rule that decided last.
    pub rule: Option<&'static str>,
    /// The rotation that the run worked at; the record does not tell of one that served nothing.
    pub rotation_id: Option<RotationId>,
}

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// At which step, if at one.
    pub step: Option<Step>,
    /// Whether it may pass by itself.
    pub kind: FaultKind,
    /// What happened.
    pub message: String,
    /// What to do, where more can be said than for any credential.
    pub hint: Option<String>,
    /// The same in one word.
    pub reason: condition::Reason,
}

impl Problem {
    /// What to do about it for `credential`.
    pub fn advice(&self, credential: &CredentialName) -> String {
        self.hint.clone().unwrap_or_else(|| self.reason.hint(credential))
    }
}

impl Report {
    /// Of a run that could not begin.
    pub fn failed(problem: Problem) -> Self {
        Self {
            outcome: Outcome::Failed,
            rotation_id: None,
            token_id: None,
            previous_token_id: None,
            expires_at: None,
            revoked: vec![],
            steps: vec![],
            problem: Some(problem),
            tokens: Tokens::default(),
            again_at: None,
            seen: LastSeen::default(),
        }
    }

    /// How the run left the credential.
    pub fn state(&self) -> State {
        match self.outcome {
            Outcome::Rotated | Outcome::NotDue => State::Fresh,
            Outcome::RolledBack => State::RolledBack,
            Outcome::Failed | Outcome::Held => match (&self.problem, self.again_at) {
                (Some(Problem { kind: FaultKind::Permanent, .. }), _) => State::Blocked,
                (_, Some(_)) => State::Held,
                (_, None) => State::Failing,
            },
        }
    }

    /// What is in the credential's way.
    pub fn condition_problem(&self) -> Option<condition::Problem> {
        self.problem.as_ref().map(|problem| condition::Problem {
            step: problem.step,
            reason: problem.reason,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        })
    }
}

/// Works on one credential until it is at rest, held, refused, or failing.
pub async fn run<W: World>(
    world: &W,
    subject: &Subject,
    request: Request,
    evidence: &mut Evidence,
    retry: &Retry,
    observer: &(dyn Fn(Progress) + Send + Sync),
) -> Report {
    let run = Reconciler::new(world, subject, evidence, request, StepLog::new(observer));
    run_passes(run, world, subject, retry).await
}

/// Takes one pass after the other until the run has come to an end.
pub(crate) async fn run_passes<W: World>(
    mut run: Reconciler<'_, W>,
    world: &W,
    subject: &Subject,
    retry: &Retry,
) -> Report {
    let mut failures = 0;
    let mut failing_since = None;
    let mut passes = 0;
    while passes < MOST_PASSES {
        if world.stopping() {
            return report(run, subject, Ending::Stopped);
        }
        passes += 1;
        let began = world.now();
        match run.pass().await {
            Pass::Moved => (failures, failing_since) = (0, None),
            Pass::Observed => {}
            Pass::Waiting(until, waiting_for) => {
                run.log.waiting(waiting_step(waiting_for), until);
                nap_towards(world, until).await;
                passes = 0;
            }
            Pass::Held { stage, problem, until } => {
                return report(run, subject, Ending::Held { stage, problem, until });
            }
            Pass::Refused(refusal) => {
                let problem = Problem {
                    step: None,
                    kind: FaultKind::Permanent,
                    hint: Some(refusal.hint(&subject.credential)),
                    message: refusal.to_string(),
                    reason: condition::Reason::of_refusal(&refusal),
                };
                return report(run, subject, Ending::Failed(problem));
            }
            Pass::Failed { step, reason, fault } => {
                failures += 1;
                let since = *failing_since.get_or_insert(began);
                let now = world.now();
                let length = |span| Duration::try_from(span).unwrap_or_default();
                // The next try will take as long as the last one did: one that would end too late is not begun.
                let (spent, took) = (now.duration_since(since), now.duration_since(began));
                let spent = length(spent).saturating_add(length(took));
                let pause = retry.pause(failures, subject.credential.as_str());
                let may_pass = fault.kind == FaultKind::Transient && failures < retry.tries;
                let Some(pause) = retry.wait(pause, None, spent).filter(|_| may_pass) else {
                    return report(run, subject, Ending::Failed(problem(step, reason, fault)));
                };
                tracing::warn!(step = step.map(Step::as_str), retry_in_ms = pause.as_millis(), error = %fault, "step failed");
                world.nap(pause).await;
            }
            Pass::Resting { next_due, elsewhere } => {
                return report(run, subject, Ending::AtRest { next_due, elsewhere });
            }
        }
    }
    report(run, subject, Ending::Stopped)
}

/// Naps until then, and for a minute at most: the clock may be set, the machine suspended, the secret written.
async fn nap_towards<W: World>(world: &W, until: Timestamp) {
    if let Ok(left) = Duration::try_from(until.duration_since(world.now())) {
        world.nap(left.min(Duration::from_mins(1))).await;
    }
}

fn waiting_step(waiting_for: WaitingFor) -> Step {
    match waiting_for {
        WaitingFor::Stage(stage) => step_of(stage),
        WaitingFor::SecondList => Step::Verify,
    }
}

fn step_of(stage: Stage) -> Step {
    match stage {
        Stage::Mirror => Step::Mirror,
        Stage::Deploy => Step::Deploy,
        Stage::Gate => Step::Gate,
        Stage::Verify => Step::Verify,
        Stage::EndpointNotChecking => Step::Confirm,
        Stage::Clock => Step::Create,
    }
}

fn problem(step: Option<Step>, reason: condition::Reason, fault: Fault) -> Problem {
    Problem { step, kind: fault.kind, message: fault.message, hint: fault.hint, reason }
}

enum Ending {
    AtRest { next_due: Option<Timestamp>, elsewhere: Vec<TokenId> },
    Held { stage: Stage, problem: String, until: Timestamp },
    Failed(Problem),
    Stopped,
}

fn report<W: World>(run: Reconciler<'_, W>, subject: &Subject, ending: Ending) -> Report {
    let asked_back = run.request.begin == Begin::RollBack;
    let credential = &subject.credential;
    let tokens = run.tokens();
    let state = run.state;
    // From the publication on, whatever fails leaves two live tokens: safe, and yet unfinished.
    let is_served = state.record.is_some() && (state.took_part || state.in_doubt);
    let unfinished = if is_served { Outcome::Held } else { Outcome::Failed };
    let (outcome, problem, again_at) = match ending {
        Ending::AtRest { next_due, elsewhere } => {
            let (outcome, problem) = at_rest(&state, asked_back, &elsewhere, credential);
            // A person is needed, whose time may come sooner than the next rotation's.
            let again_at = next_due.or(problem.is_some().then_some(Timestamp::MAX));
            (outcome, problem, again_at)
        }
        Ending::Held { stage, problem, until } => {
            let is_back = state.record.as_ref().is_some_and(Record::is_rolled_back);
            let mut problem = held_problem(stage, is_back, &problem);
            if let (Stage::Gate, Some(why)) = (stage, &run.evidence.proofs().no_way_back) {
                problem.hint = Some(no_way_back(why));
            }
            (Outcome::Held, Some(problem), Some(until))
        }
        Ending::Failed(problem) => (unfinished, Some(problem), None),
        Ending::Stopped => (unfinished, Some(stopped()), None),
    };
    let (steps, revoked) = run.log.into_parts();
    let record = state.record;
    Report {
        outcome,
        rotation_id: record.as_ref().map(|record| record.rotation_id),
        token_id: record.as_ref().map(|record| record.token_id),
        previous_token_id: record
            .as_ref()
            .and_then(|record| record.previous_token_ids.first().copied()),
        expires_at: record.as_ref().and_then(|record| record.expires_at),
        revoked,
        steps,
        problem,
        tokens,
        again_at,
        seen: LastSeen {
            record,
            reason: state.reason,
            listing: state.listing,
            rule: state.rule,
            rotation_id: state.rotation_id,
        },
    }
}

/// What a run that came to rest may say of itself: only what it saw.
fn at_rest(
    state: &RunState,
    asked_back: bool,
    elsewhere: &[TokenId],
    credential: &CredentialName,
) -> (Outcome, Option<Problem>) {
    let Some(record) = &state.record else {
        return if state.took_part {
            (Outcome::Failed, Some(vanished()))
        } else {
            (Outcome::NotDue, None)
        };
    };
    if state.is_unproved() {
        let problem = held_problem(Stage::Verify, record.is_rolled_back(), "it was not tried");
        return (Outcome::Held, Some(problem));
    }
    if record.is_rolled_back() && (state.took_part || asked_back) {
        return (Outcome::RolledBack, None);
    }
    if !elsewhere.is_empty() {
        return (Outcome::Held, Some(lives_elsewhere(elsewhere, credential)));
    }
    (if state.took_part { Outcome::Rotated } else { Outcome::NotDue }, None)
}

fn vanished() -> Problem {
    Problem {
        step: Some(Step::Publish),
        kind: FaultKind::Transient,
        message: "the store acknowledged the new token, and does not serve it".to_owned(),
        hint: None,
        reason: condition::Reason::WriteVanished,
    }
}

fn lives_elsewhere(elsewhere: &[TokenId], credential: &CredentialName) -> Problem {
    let (message, hint) = condition::place_vacant(elsewhere, credential);
    Problem {
        step: None,
        kind: FaultKind::Transient,
        message,
        hint: Some(hint),
        reason: condition::Reason::PlaceVacant,
    }
}

fn stopped() -> Problem {
    Problem {
        step: None,
        kind: FaultKind::Transient,
        message: "stopped before the rotation was finished".to_owned(),
        hint: None,
        reason: condition::Reason::Stopped,
    }
}

/// What is left to do for consumers that are not healthy, where the predecessor cannot be served again.
fn no_way_back(why: &str) -> String {
    format!(
        "look at the consumers; both tokens stay valid, and when they are healthy the next run goes on. The old token \
         cannot be served again: {why}. If the new one is no good, put a working token into the secret by hand and adopt it"
    )
}

fn held_problem(stage: Stage, is_back: bool, problem: &str) -> Problem {
    let reason = match stage {
        Stage::Mirror => condition::Reason::MirrorBehind,
        Stage::Deploy => condition::Reason::DeployFailed,
        Stage::Gate => condition::Reason::GateNotPassed,
        Stage::Verify => condition::Reason::NotVerified,
        Stage::EndpointNotChecking => condition::Reason::EndpointNotChecking,
        Stage::Clock => condition::Reason::ClockDisagrees,
    };
    // It is rolled back at most once in a rotation.
    let (message, hint) = if stage == Stage::Gate && is_back {
        (
            "the consumers are not healthy with the token that is served again",
            Some(
                "look at the consumers; both tokens stay valid, and when the consumers are healthy the next run goes on",
            ),
        )
    } else {
        (reason.meaning(), None)
    };
    Problem {
        step: Some(step_of(stage)),
        kind: FaultKind::Transient,
        message: format!("{message}: {problem}"),
        hint: hint.map(str::to_owned),
        reason,
    }
}
