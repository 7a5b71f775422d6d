//! The latest rotations with their steps, for the page: what was done, when, and what came of it.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::words::Origin;
use crate::names::{CredentialName, RotationId};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::step_log::{Step, StepOutcome};

/// How many rotations are kept.
const KEPT: usize = 60;
/// How many steps of one rotation are kept: a gate may be held for days.
const STEPS: usize = 24;

/// One step of a rotation, with all its tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepRecord {
    /// Which.
    pub step: Step,
    /// How the last try went.
    pub outcome: StepOutcome,
    /// When the first try began.
    pub began: Timestamp,
    /// From the start of the first try to the end of the last, in milliseconds.
    pub duration_ms: u64,
}

/// One rotation, or what was done of it so far.
#[derive(Debug, Clone, Serialize)]
pub struct Rotation {
    /// The credential.
    pub credential: CredentialName,
    /// The rotation that the record told of at its end.
    pub rotation_id: Option<RotationId>,
    /// What made it begin.
    pub trigger: Origin,
    /// What came of it.
    pub outcome: Outcome,
    /// When its first step began.
    pub began: Timestamp,
    /// When its latest step, or the latest look, ended.
    pub ended: Timestamp,
    /// Its steps.
    pub steps: Vec<StepRecord>,
    /// What went wrong.
    pub problem: Option<String>,
    /// How many runs worked on it.
    pub runs: u32,
}

/// The latest rotations, the newest first.
#[derive(Debug, Clone, Default)]
pub(super) struct History(VecDeque<Rotation>);

impl History {
    /// Notes what a run did, if it did anything. A run that goes on with an unfinished rotation, or fails again where
    /// the one before failed, is told of in the same place.
    pub(super) fn note(
        &mut self,
        name: &CredentialName,
        origin: Origin,
        report: &Report,
        now: Timestamp,
    ) {
        let steps = report.steps.iter().map(|step| StepRecord {
            step: step.step,
            outcome: step.outcome,
            began: step.began,
            duration_ms: step.duration_ms,
        });
        let mut steps: Vec<_> = steps.collect();
        let Some(first) = steps.first() else { return };
        let problem = report.problem.as_ref().map(|problem| problem.message.clone());
        let same = |one: &Rotation| one.credential == *name;
        if let Some(last) = self.0.iter_mut().find(|one| same(one)) {
            let same_rotation = last.rotation_id == report.rotation_id;
            let goes_on = last.outcome == Outcome::Held && same_rotation;
            let again = last.outcome == Outcome::Failed && report.outcome == Outcome::Failed;
            if goes_on || again {
                if again {
                    last.steps = steps;
                } else {
                    last.go_on(steps);
                }
                (last.outcome, last.ended, last.problem) = (report.outcome, now, problem);
                last.runs += 1;
                return;
            }
        }
        let mut began = first.began;
        if origin == Origin::Resumed {
            let started = report.rotation_id.and_then(|id| id.started_at());
            began = started.unwrap_or(began).min(began);
            for stage in &mut steps {
                let waited = waited_before(stage.step, stage.began, report);
                stage.began = stage.began.saturating_sub(waited).unwrap_or(stage.began);
                stage.duration_ms = stage.duration_ms.saturating_add(millis(waited));
            }
        }
        self.0.push_front(Rotation {
            credential: name.clone(),
            rotation_id: report.rotation_id,
            trigger: origin,
            outcome: report.outcome,
            began,
            ended: now,
            steps,
            problem,
            runs: 1,
        });
        self.0.truncate(KEPT);
    }

    pub(super) fn to_vec(&self) -> Vec<Rotation> {
        self.0.iter().cloned().collect()
    }
}

/// How long a gate, at which this run arrived at `began`, had been waited at by runs of which nothing else is known: it
/// counts from the publication on, whoever polled it first.
pub(super) fn waited_before(step: Step, began: Timestamp, report: &Report) -> SignedDuration {
    let published = report.seen.record.as_ref().map(|record| record.published_at);
    let waited = published.filter(|_| step == Step::Gate).map(|at| began.duration_since(at));
    waited.unwrap_or_default().max(SignedDuration::ZERO)
}

/// A duration in milliseconds; none if it is negative.
pub(super) fn millis(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}

impl Rotation {
    fn go_on(&mut self, steps: Vec<StepRecord>) {
        for step in steps {
            match self.steps.last_mut() {
                Some(last) if last.step == step.step => {
                    let between = step.began.duration_since(last.began).as_millis();
                    let between = u64::try_from(between).unwrap_or(0);
                    last.duration_ms = between.saturating_add(step.duration_ms);
                    last.outcome = step.outcome;
                }
                Some(_) | None => self.steps.push(step),
            }
        }
        let surplus = self.steps.len().saturating_sub(STEPS);
        self.steps.drain(..surplus);
    }
}
