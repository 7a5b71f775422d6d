//! What goes wrong: switches that can be turned while the sandbox runs, faults drawn by chance, and planned ones.

mod duration;
mod plan;
mod switches;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub(super) use self::plan::{How, Operation, Planned};
pub(super) use self::switches::{Change, Switches};
use super::options::{Options, RetryAfter};

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    TooMany(RetryAfter),
    /// Drawn by chance.
    Failed {
        status: u16,
    },
    /// Drawn by chance.
    ReplyLost,
    Planned(Planned),
}

/// The switches, the plan, and the counts.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) switches: Switches,
    plan: VecDeque<Planned>,
    chance: fastrand::Rng,
    recent: VecDeque<Instant>,
    counts: BTreeMap<Operation, u64>,
}

impl Faults {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            switches: Switches::new(options),
            plan: VecDeque::new(),
            chance: options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            recent: VecDeque::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Turns switches and plans faults; all or, with the reason, nothing.
    pub(super) fn change(&mut self, change: Change) -> Result<(), &'static str> {
        if let Some(problem) = change.problem() {
            return Err(problem);
        }
        self.plan.extend(self.switches.turn(change));
        Ok(())
    }

    /// The faults that have not struck yet.
    pub(super) fn plan(&self) -> &VecDeque<Planned> {
        &self.plan
    }

    /// Drops the faults that have not struck yet.
    pub(super) fn clear_plan(&mut self) {
        self.plan.clear();
    }

    /// Counts a request.
    pub(super) fn count(&mut self, operation: Operation) {
        *self.counts.entry(operation).or_default() += 1;
    }

    /// How many requests there were, by operation.
    pub(super) fn counts(&self) -> &BTreeMap<Operation, u64> {
        &self.counts
    }

    /// Decides what becomes of a REST request.
    pub(super) fn fate(&mut self, operation: Operation, now: Instant) -> Fate {
        if self.is_too_many(now) {
            return Fate::TooMany(self.switches.retry_after);
        }
        if let Some(planned) = self.planned(operation) {
            return Fate::Planned(planned);
        }
        // Both draws are made every time, so that one switch does not change what a seed means to the other.
        let (fails, loses) = (self.chance.f64(), self.chance.f64());
        let status = self.chance.choice([500, 502, 503]).unwrap_or(503);
        if fails < self.switches.fail_rate {
            Fate::Failed { status }
        } else if loses < self.switches.lose_reply_rate {
            Fate::ReplyLost
        } else {
            Fate::Served
        }
    }

    /// Takes the next fault that is planned for `operation`.
    pub(super) fn planned(&mut self, operation: Operation) -> Option<Planned> {
        let index = self.plan.iter().position(|planned| planned.operation == operation)?;
        let planned = self.plan.get_mut(index)?;
        planned.times -= 1;
        let struck = planned.clone();
        if struck.times == 0 {
            self.plan.remove(index);
        }
        Some(struck)
    }

    fn is_too_many(&mut self, now: Instant) -> bool {
        let Some(limit) = self.switches.rate_limit else { return false };
        let second = Duration::from_secs(1);
        self.recent.retain(|instant| now.duration_since(*instant) < second);
        let is_too_many = self.recent.len() >= usize::try_from(limit.get()).unwrap_or(usize::MAX);
        if !is_too_many {
            self.recent.push_back(now);
        }
        is_too_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Change {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_seed_decides_every_fault() {
        let draw = || {
            let options = Options {
                fail_rate: 0.3,
                lose_reply_rate: 0.3,
                seed: Some(7),
                ..Options::default()
            };
            let mut faults = Faults::new(&options);
            (0..50).map(|_| faults.fate(Operation::TokenList, Instant::now())).collect::<Vec<_>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        assert!(first.contains(&Fate::ReplyLost) && first.contains(&Fate::Served));
    }

    #[test]
    fn a_planned_fault_strikes_its_operation_only_and_as_often_as_planned() {
        let mut faults = Faults::new(&Options::default());
        let plan = r#"{"fail_next":[{"operation":"token_create","how":"lose_reply","times":2}]}"#;
        faults.change(change(plan)).unwrap();
        let now = Instant::now();
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        for _ in 0..2 {
            assert!(matches!(faults.fate(Operation::TokenCreate, now), Fate::Planned(_)));
        }
        assert_eq!(faults.fate(Operation::TokenCreate, now), Fate::Served);
    }

    #[test]
    fn beyond_the_rate_limit_a_request_must_wait_for_the_second_to_pass() {
        let mut faults = Faults::new(&Options::default());
        faults.change(change(r#"{"rate_limit":2}"#)).unwrap();
        let now = Instant::now();
        let limited = Fate::TooMany(RetryAfter::None);
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        assert_eq!(faults.fate(Operation::TokenList, now), Fate::Served);
        assert_eq!(faults.fate(Operation::TokenList, now), limited);
        let later = now + Duration::from_secs(1);
        assert_eq!(faults.fate(Operation::TokenList, later), Fate::Served);
        faults.change(change(r#"{"rate_limit":0}"#)).unwrap();
        assert_eq!(faults.switches.rate_limit, None);
    }

    #[test]
    fn a_change_that_makes_no_sense_changes_nothing() {
        let mut faults = Faults::new(&Options::default());
        for text in [
            r#"{"latency":"1s","fail_rate":2}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"token_create","how":"empty_list"}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"connect","how":"html"}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"connect","how":"fail","times":0}]}"#,
            r#"{"latency":"1s","fail_next":[{"operation":"token_list","how":"fail","status":200}]}"#,
        ] {
            assert!(faults.change(change(text)).is_err(), "{text}");
        }
        assert_eq!(faults.switches.latency, Duration::ZERO);
        assert!(serde_json::from_str::<Change>(r#"{"fail_rte":0.5}"#).is_err());
    }
}
