//! What a run's report says about its credential.

use jiff::Timestamp;

use crate::fault::FaultKind;
use crate::rotation::drive::{Outcome, Problem, Report};

/// How a credential stands after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At rest; due then, if ever.
    Settled(Option<Timestamp>),
    /// Held: the gate, the hook or the proof fails; to be looked at again then.
    Held(Timestamp),
    /// Something does not work that may pass by itself.
    Failing,
    /// Nothing will get better until a person acts.
    Stuck,
}

/// How `report`'s credential stands.
pub fn standing(report: &Report) -> Standing {
    match report.outcome {
        Outcome::Rotated | Outcome::NotDue | Outcome::RolledBack => {
            Standing::Settled(report.again_at)
        }
        Outcome::Failed | Outcome::Held => match (&report.problem, report.again_at) {
            (Some(Problem { kind: FaultKind::Permanent, .. }), _) => Standing::Stuck,
            (_, Some(again_at)) => Standing::Held(again_at),
            (_, None) => Standing::Failing,
        },
    }
}
