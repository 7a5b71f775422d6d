//! The road from a publication to its seal: stages, each tried at its pace until it is passed, or until the deadline.

use std::time::Duration;

use jiff::Timestamp;

use super::Case;
use super::request::Begin;
use super::terms::{Awaited, Decision, Obstacle};
use crate::record::Record;
use crate::rotation::evidence::Tries;
use crate::rotation::policy::{GatePace, OnFailure};
use crate::rotation::schedule::{deadline, later};

/// Between two tries of a deploy hook or a verification.
pub const RETRY: Duration = Duration::from_secs(3);
/// How often a hook or a verification fails before the deadline can end it.
pub const TRIES: u32 = 5;
/// How often a gate is polled before its deadline can end it, beyond the successes that it asks for: a restart long
/// after the deadline must not condemn healthy consumers.
pub const FAIR_POLLS: u32 = 2;
/// Between two polls of a gate that is held.
pub const HELD_POLL: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Mirror,
    Deploy,
    Gate,
    Verify,
    /// Hours may have passed at the gate.
    MirrorAgain,
}

/// With predecessors, which may go once all of this is passed.
pub(super) const WHOLE: &[Stage] =
    &[Stage::Mirror, Stage::Deploy, Stage::Gate, Stage::Verify, Stage::MirrorAgain];
/// Without: nothing waits for the gate, but the clients are told and the token is proved as it is read.
pub(super) const FIRST_TOKEN: &[Stage] = &[Stage::Deploy, Stage::Verify];
/// What a run must have seen before it says that something came about.
pub(super) const PROOF: &[Stage] = &[Stage::Verify];
/// A predecessor that is served again because a person asked for it.
pub(super) const BACK: &[Stage] = &[Stage::Mirror, Stage::Deploy, Stage::Verify];

impl Case<'_> {
    /// What the first stage that is not passed asks for.
    pub(super) fn on_road(&self, road: &[Stage], record: &Record) -> Option<Decision> {
        let open = road.iter().find(|stage| !self.is_passed(**stage, record))?;
        Some(self.attempt(*open, record))
    }

    fn is_passed(&self, stage: Stage, record: &Record) -> bool {
        let proofs = self.seen.evidence.proofs();
        match stage {
            Stage::Mirror => self.subject.mirrors.is_empty() || proofs.mirror.succeeded(),
            Stage::MirrorAgain => self.subject.mirrors.is_empty() || self.seen.mirrored,
            // Known to others: clients that could not be told to reload are no reason to let the old token live.
            Stage::Deploy => {
                !self.subject.has_deploy_hook
                    || proofs.deploy.succeeded()
                    || (self.request.is_compromised
                        && record.is_unfinished()
                        && proofs.deploy.count > 0)
            }
            Stage::Gate if self.request.is_compromised => true,
            Stage::Gate => match self.subject.policy.gate {
                GatePace::Open => true,
                GatePace::Wait(_) => self.deadline(record) <= self.seen.now,
                GatePace::Polled { successes, .. } => successes <= proofs.gate.streak,
            },
            Stage::Verify => proofs.verify.succeeded(),
        }
    }

    fn attempt(&self, stage: Stage, record: &Record) -> Decision {
        let proofs = self.seen.evidence.proofs();
        let often = |tries: &Tries| tries.failed >= TRIES;
        if let (Stage::Deploy, Some(until)) = (stage, self.settles(record)) {
            return Decision::Wait { until, awaited: Awaited::Step(Obstacle::Deploy) };
        }
        let (obstacle, tries, is_exhausted, pace, act) = match (stage, self.subject.policy.gate) {
            (Stage::Gate, GatePace::Polled { interval, successes, .. }) => {
                let gate = &proofs.gate;
                let is_fair = gate.count >= successes + FAIR_POLLS && gate.streak == 0;
                (Obstacle::Gate, gate, is_fair, interval, Decision::PollGate)
            }
            (Stage::Gate, GatePace::Open | GatePace::Wait(_)) => {
                let awaited = Awaited::Step(Obstacle::Gate);
                return Decision::Wait { until: self.deadline(record), awaited };
            }
            (Stage::Mirror | Stage::MirrorAgain, _) => {
                (Obstacle::Mirror, &proofs.mirror, often(&proofs.mirror), RETRY, Decision::Mirror)
            }
            (Stage::Deploy, _) => {
                (Obstacle::Deploy, &proofs.deploy, often(&proofs.deploy), RETRY, Decision::Deploy)
            }
            (Stage::Verify, _) => {
                (Obstacle::Verify, &proofs.verify, often(&proofs.verify), RETRY, Decision::Verify)
            }
        };
        match (is_exhausted && self.is_over(record), self.way_back(record)) {
            (false, _) => self.paced(obstacle, tries, pace, act),
            (true, Some(step)) => step,
            (true, None) => self.held(obstacle, tries, act),
        }
    }

    /// Whether nobody waits for a stage any longer: the deadline has passed, or there is none to wait for.
    fn is_over(&self, record: &Record) -> bool {
        let longest = self.subject.policy.gate.longest();
        self.request.is_compromised
            || self.request.begin == Begin::RollBack
            || !record.is_unfinished()
            || self.deadline(record) <= self.seen.now
            // A publication far in the future was made before the clock was set back.
            || later(self.seen.now, longest) < record.published_at
    }

    /// When whoever reads anew certainly reads what was published, if not yet. Nobody waits for that where the served
    /// token is known to others.
    fn settles(&self, record: &Record) -> Option<Timestamp> {
        let mirrored =
            self.seen.evidence.proofs().mirror.last.filter(|_| !self.subject.mirrors.is_empty());
        let changed = mirrored.map_or(record.published_at, |at| at.max(record.published_at));
        let until = later(changed, self.subject.settle);
        // A change that lies in the future was made before the clock was set back.
        let is_ahead = changed <= self.seen.now && self.seen.now < until;
        (is_ahead && !self.request.is_compromised).then_some(until)
    }

    fn deadline(&self, record: &Record) -> Timestamp {
        deadline(&self.subject.policy, record.published_at)
    }

    /// A rotation that began over another unfinished one is not rolled back: back and forth between a token that nears
    /// its expiry and replacements that nobody is healthy with, tokens would pile up.
    fn way_back(&self, record: &Record) -> Option<Decision> {
        let may = self.subject.policy.on_failure == OnFailure::RollBack
            && !self.request.is_compromised
            && record.is_unfinished()
            && !record.is_rolled_back()
            && self.seen.evidence.proofs().no_way_back.is_none();
        match record.previous_token_ids.as_slice() {
            [only] if may => Some(Decision::RollBack(*only)),
            _ => None,
        }
    }

    pub(super) fn paced(
        &self,
        obstacle: Obstacle,
        tries: &Tries,
        pace: Duration,
        act: Decision,
    ) -> Decision {
        let awaited = Awaited::Step(obstacle);
        self.not_before(tries, pace).map_or(act, |until| Decision::Wait { until, awaited })
    }

    pub(super) fn held(&self, obstacle: Obstacle, tries: &Tries, act: Decision) -> Decision {
        self.not_before(tries, HELD_POLL).map_or(act, |until| Decision::Hold { obstacle, until })
    }

    /// When the next try is allowed, if not now. One that lies in the future was made before the clock was set back.
    pub(super) fn not_before(&self, tries: &Tries, pace: Duration) -> Option<Timestamp> {
        let last = tries.last.filter(|last| *last <= self.seen.now)?;
        Some(later(last, pace)).filter(|until| self.seen.now < *until)
    }
}
