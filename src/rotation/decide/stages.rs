//! The road from a publication to its seal: stages, each tried at its pace until it is passed, or until the deadline.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Case;
use super::request::Begin;
use super::terms::{Decision, Stage, WaitingFor};
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
pub(super) enum RoadStage {
    Mirror,
    Deploy,
    Gate,
    Verify,
    /// Hours may have passed at the gate.
    MirrorAgain,
}

/// With predecessors, which may go once all of this is passed.
pub(super) const WHOLE: &[RoadStage] = &[
    RoadStage::Mirror,
    RoadStage::Deploy,
    RoadStage::Gate,
    RoadStage::Verify,
    RoadStage::MirrorAgain,
];
/// Without: nothing waits for the gate, but the clients are told and the token is proved as it is read.
pub(super) const FIRST_TOKEN: &[RoadStage] = &[RoadStage::Deploy, RoadStage::Verify];
/// What a run must have seen before it says that something came about.
pub(super) const PROOF: &[RoadStage] = &[RoadStage::Verify];
/// A predecessor that is served again because a person asked for it.
pub(super) const BACK: &[RoadStage] = &[RoadStage::Mirror, RoadStage::Deploy, RoadStage::Verify];

impl Case<'_> {
    /// What the first stage that is not passed asks for.
    pub(super) fn on_road(&self, road: &[RoadStage], record: &Record) -> Option<Decision> {
        let open = road.iter().find(|stage| !self.is_passed(**stage, record))?;
        Some(self.attempt(*open, record))
    }

    fn is_passed(&self, stage: RoadStage, record: &Record) -> bool {
        let proofs = self.seen.evidence.proofs();
        match stage {
            RoadStage::Mirror => self.subject.mirrors.is_empty() || proofs.mirror.succeeded(),
            RoadStage::MirrorAgain => self.subject.mirrors.is_empty() || self.seen.mirrored,
            // Known to others: clients that could not be told to reload are no reason to let the old token live.
            RoadStage::Deploy => {
                !self.subject.has_deploy_hook
                    || proofs.deploy.succeeded()
                    || (self.request.is_compromised
                        && record.is_unfinished()
                        && proofs.deploy.count > 0)
            }
            RoadStage::Gate if self.request.is_compromised => true,
            RoadStage::Gate => match self.subject.policy.gate {
                GatePace::Open => true,
                GatePace::Wait(_) => self.left_to_wait(record).is_none(),
                GatePace::Polled { successes, .. } => successes <= proofs.gate.streak,
            },
            RoadStage::Verify => proofs.verify.succeeded(),
        }
    }

    fn attempt(&self, stage: RoadStage, record: &Record) -> Decision {
        let proofs = self.seen.evidence.proofs();
        let often = |tries: &Tries| tries.failed >= TRIES;
        if let (RoadStage::Deploy, Some(until)) = (stage, self.settles(record)) {
            return Decision::Wait { until, waiting_for: WaitingFor::Stage(Stage::Deploy) };
        }
        let (stage, tries, is_exhausted, pace, act) = match (stage, self.subject.policy.gate) {
            (RoadStage::Gate, GatePace::Polled { interval, successes, .. }) => {
                let gate = &proofs.gate;
                let is_fair = gate.count >= successes + FAIR_POLLS && gate.streak == 0;
                (Stage::Gate, gate, is_fair, interval, Decision::PollGate)
            }
            (RoadStage::Gate, GatePace::Open | GatePace::Wait(_)) => {
                let waiting_for = WaitingFor::Stage(Stage::Gate);
                let left = self.left_to_wait(record).unwrap_or_default();
                let until = self.seen.time.now.saturating_add(left).unwrap_or(Timestamp::MAX);
                return Decision::Wait { until, waiting_for };
            }
            (RoadStage::Mirror | RoadStage::MirrorAgain, _) => {
                (Stage::Mirror, &proofs.mirror, often(&proofs.mirror), RETRY, Decision::Mirror)
            }
            (RoadStage::Deploy, _) => {
                (Stage::Deploy, &proofs.deploy, often(&proofs.deploy), RETRY, Decision::Deploy)
            }
            (RoadStage::Verify, _) => {
                (Stage::Verify, &proofs.verify, often(&proofs.verify), RETRY, Decision::Verify)
            }
        };
        match (is_exhausted && self.is_over(record), self.way_back(record)) {
            (false, _) => self.paced(stage, tries, pace, act),
            (true, Some(step)) => step,
            (true, None) => self.held(stage, tries, act),
        }
    }

    /// Whether nobody waits for a stage any longer: the deadline has passed, or there is none to wait for.
    fn is_over(&self, record: &Record) -> bool {
        let longest = self.subject.policy.gate.longest();
        self.request.is_compromised
            || self.request.begin == Begin::RollBack
            || !record.is_unfinished()
            || self.deadline(record) <= self.seen.time.now
            // A publication far in the future was made before the clock was set back.
            || later(self.seen.time.now, longest) < record.published_at
    }

    /// When whoever reads anew certainly reads what was published, if not yet. Nobody waits for that where the served
    /// token is known to others.
    fn settles(&self, record: &Record) -> Option<Timestamp> {
        let mirrored =
            self.seen.evidence.proofs().mirror.last.filter(|_| !self.subject.mirrors.is_empty());
        let changed = mirrored.map_or(record.published_at, |at| at.max(record.published_at));
        let until = later(changed, self.subject.settle);
        // A change that lies in the future was made before the clock was set back.
        let is_ahead = changed <= self.seen.time.now && self.seen.time.now < until;
        (is_ahead && !self.request.is_compromised).then_some(until)
    }

    /// How long a gate that only waits has yet to wait, if at all. Where clocks differ all count that have not been set
    /// back behind the publication: by one that is far ahead the time would be over at once.
    fn left_to_wait(&self, record: &Record) -> Option<SignedDuration> {
        let deadline = self.deadline(record);
        let time = self.seen.time;
        let knowing = time.clocks().filter(|now| record.published_at <= *now).min();
        let left = deadline.duration_since(knowing.unwrap_or(time.later()));
        left.is_positive().then_some(left)
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
        stage: Stage,
        tries: &Tries,
        pace: Duration,
        act: Decision,
    ) -> Decision {
        let waiting_for = WaitingFor::Stage(stage);
        self.not_before(tries, pace).map_or(act, |until| Decision::Wait { until, waiting_for })
    }

    pub(super) fn held(&self, stage: Stage, tries: &Tries, act: Decision) -> Decision {
        self.not_before(tries, HELD_POLL).map_or(act, |until| Decision::Hold { stage, until })
    }

    /// When the next try is allowed, if not now. One that lies in the future was made before the clock was set back.
    pub(super) fn not_before(&self, tries: &Tries, pace: Duration) -> Option<Timestamp> {
        let last = tries.last.filter(|last| *last <= self.seen.time.now)?;
        Some(later(last, pace)).filter(|until| self.seen.time.now < *until)
    }
}
