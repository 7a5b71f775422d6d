//! What a run did, step by step: for the report at its end, for whoever watches it, and for the log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::TokenId;
use crate::record::Record;

/// The steps of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A token is created.
    Create,
    /// It connects before anyone can read it.
    Preflight,
    /// It is written into the store.
    Publish,
    /// It is written into the mirrors.
    Mirror,
    /// The clients are told to reload.
    Deploy,
    /// The consumers are healthy.
    Gate,
    /// The token connects as read back from the store.
    Verify,
    /// The predecessors are marked as retiring.
    Seal,
    /// They are revoked.
    Revoke,
    /// The old token is refused.
    Confirm,
}

impl Step {
    /// The step's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Preflight => "preflight",
            Self::Publish => "publish",
            Self::Mirror => "mirror",
            Self::Deploy => "deploy",
            Self::Gate => "gate",
            Self::Verify => "verify",
            Self::Seal => "seal",
            Self::Revoke => "revoke",
            Self::Confirm => "confirm",
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It is done.
    Ok,
    /// It did not come about.
    Failed,
    /// It is not done and will not hold anything up.
    Warning,
}

/// One step, with all its tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// How the last try went.
    pub outcome: StepOutcome,
    /// From the start of the first try to the end of the last, in milliseconds.
    pub duration_ms: u64,
    /// When the first try began.
    #[serde(skip)]
    pub began: Timestamp,
}

/// What an observer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The secret was read, and holds this record. Told before anything is done about it.
    Saw(Box<Record>),
    /// A try of a step begins.
    Began(Step),
    /// A try of a step ended; the text says what is wrong, if anything is.
    Ended(Step, StepOutcome, Option<String>),
    /// Nothing happens until then.
    Waiting(Step, Timestamp),
}

/// Collects what a run does.
pub struct StepLog<'a> {
    steps: Vec<StepReport>,
    revoked: Vec<TokenId>,
    observer: &'a (dyn Fn(Progress) + Send + Sync),
}

impl<'a> StepLog<'a> {
    /// A log whose progress `observer` is told.
    pub fn new(observer: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        Self { steps: vec![], revoked: vec![], observer }
    }

    /// The secret was read, and holds this record.
    pub fn saw(&self, record: &Record) {
        (self.observer)(Progress::Saw(Box::new(record.clone())));
    }

    /// A try of `step` begins at `now`; the answer is to be given back to [`StepLog::ended`].
    pub fn began(&self, step: Step, now: Timestamp) -> (Step, Timestamp) {
        (self.observer)(Progress::Began(step));
        (step, now)
    }

    /// A try ended at `now`.
    pub fn ended(
        &mut self,
        (step, began): (Step, Timestamp),
        now: Timestamp,
        outcome: StepOutcome,
        problem: Option<&str>,
    ) {
        (self.observer)(Progress::Ended(step, outcome, problem.map(str::to_owned)));
        let since = |began| u64::try_from(now.duration_since(began).as_millis()).unwrap_or(0);
        match self.steps.last_mut() {
            Some(last)
                if last.step == step && (last.outcome != StepOutcome::Ok || step == Step::Gate) =>
            {
                let is_changed = last.outcome != outcome;
                last.outcome = outcome;
                last.duration_ms = since(last.began);
                tell(last, problem, is_changed);
            }
            Some(_) | None => {
                let report = StepReport { step, outcome, duration_ms: since(began), began };
                tell(&report, problem, true);
                self.steps.push(report);
            }
        }
    }

    /// Nothing happens until `until`.
    pub fn waiting(&self, step: Step, until: Timestamp) {
        (self.observer)(Progress::Waiting(step, until));
    }

    /// A token was revoked.
    pub fn revoked(&mut self, id: TokenId) {
        self.revoked.push(id);
    }

    /// What was done, and the tokens that were revoked.
    pub fn into_parts(self) -> (Vec<StepReport>, Vec<TokenId>) {
        (self.steps, self.revoked)
    }
}

/// A gate is polled a hundred times: people are told of its first answer, and when it changes.
fn tell(report: &StepReport, problem: Option<&str>, is_changed: bool) {
    let (step, duration_ms) = (report.step.as_str(), report.duration_ms);
    match (report.outcome, is_changed) {
        (StepOutcome::Ok, true) => tracing::info!(step, duration_ms, "step done"),
        (StepOutcome::Failed | StepOutcome::Warning, true) => {
            tracing::info!(step, duration_ms, error = problem, "step not done");
        }
        (_, false) => tracing::debug!(step, duration_ms, error = problem, "step tried again"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A log of tries of a second each, one after the other, as step, outcome and milliseconds.
    fn told(tries: &[(Step, StepOutcome)]) -> Vec<(Step, StepOutcome, u64)> {
        let mut log = StepLog::new(&|_| {});
        for (second, (step, outcome)) in (0..).zip(tries) {
            let began = log.began(*step, at(second));
            log.ended(began, at(second + 1), *outcome, None);
        }
        log.into_parts().0.iter().map(|it| (it.step, it.outcome, it.duration_ms)).collect()
    }

    #[test]
    fn a_step_that_is_tried_again_is_one_step_from_its_first_try_to_its_end() {
        let (ok, failed) = (StepOutcome::Ok, StepOutcome::Failed);
        let [create, publish, deploy, gate] =
            [Step::Create, Step::Publish, Step::Deploy, Step::Gate];
        assert_eq!(
            told(&[(create, failed), (create, failed), (create, ok), (publish, ok)]),
            [(create, ok, 3_000), (publish, ok, 1_000)]
        );
        assert_eq!(told(&[(gate, ok), (gate, ok), (gate, failed)]), [(gate, failed, 3_000)]);
        assert_eq!(
            told(&[(publish, ok), (publish, ok)]),
            [(publish, ok, 1_000), (publish, ok, 1_000)],
            "what was done and is done again is told again"
        );
        assert_eq!(
            told(&[(deploy, failed), (gate, ok)]),
            [(deploy, failed, 1_000), (gate, ok, 1_000)]
        );
    }

    #[test]
    fn who_watches_is_told_as_it_happens() {
        let seen = Mutex::new(vec![]);
        let observer = |progress| seen.lock().unwrap().push(progress);
        let mut log = StepLog::new(&observer);
        let began = log.began(Step::Gate, at(0));
        log.ended(began, at(1), StepOutcome::Failed, Some("sick"));
        log.waiting(Step::Gate, at(9));
        let id = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01".parse().unwrap();
        log.revoked(id);
        assert_eq!(log.into_parts().1, [id]);
        let expected = [
            Progress::Began(Step::Gate),
            Progress::Ended(Step::Gate, StepOutcome::Failed, Some("sick".to_owned())),
            Progress::Waiting(Step::Gate, at(9)),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn a_steps_word_is_the_one_in_the_report() {
        for step in [Step::Create, Step::Preflight, Step::Confirm] {
            assert_eq!(serde_json::to_value(step).unwrap(), step.as_str());
        }
    }
}
