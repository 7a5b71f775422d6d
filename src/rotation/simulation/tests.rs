//! What the simulation explores: worlds by the ten thousand, and a checker that is itself checked.

use std::time::Duration;

use super::ground::{Consumers, Fault, Lists};
use super::run::{Pintail, Scenario, Shown, run, run_with};
use super::store::Protocol;
use crate::rotation::decide::Request;

mod accounts;
mod admin;
mod alone;
mod clocks;
mod mirrors;
mod operators;
mod outcomes;
mod pauses;
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a planted bug changes one decision and passes on all others, whatever they are"
)]
mod planted;
mod seeds;
mod sparing;
mod together;
mod unmade;
mod weather;

const PROTOCOLS: [Protocol; 4] =
    [Protocol::CheckAndSet, Protocol::Labels, Protocol::LockAndRename, Protocol::Editions];

/// What may happen to any effect, of which every kind is tried at every place.
const FAULTS: [Fault; 14] = [
    Fault::LoseRequest,
    Fault::LoseReply,
    Fault::Delay(0),
    Fault::Delay(2),
    Fault::Delay(6),
    Fault::Delay(1_000),
    Fault::Duplicate(1),
    Fault::Duplicate(1_000),
    Fault::Refuse,
    Fault::Deny,
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::Pause(5),
    Fault::Clock(-120),
];

/// A few that stand for the rest, where every pair or every interleaving is tried.
const TELLING_FAULTS: [Fault; 6] = [
    Fault::LoseReply,
    Fault::Delay(3),
    Fault::Delay(1_000),
    Fault::Refuse,
    Fault::CrashAfter,
    Fault::Pause(5),
];

/// Explores one world; fails with its whole story if a promise was broken.
fn explore(scenario: &Scenario) -> Shown {
    let shown = run(scenario);
    if !shown.violations.is_empty() {
        let told = run_with(scenario, true, |_| {});
        panic!("{:?}\nin {scenario:#?}\n{}", shown.violations, told.story.join("\n"));
    }
    shown
}

/// Explores `scenario` with every pair of `faults` at every pair of effects, as far as `share` goes.
fn explore_pairs(scenario: &Scenario, faults: &[Fault], share: &mut Share) {
    for at in 0..explore(scenario).effects {
        for first in faults {
            let scenario = with_fault(scenario, at, *first);
            for later in at + 1..explore(&scenario).effects {
                for second in faults {
                    if share.has_next() {
                        explore(&with_fault(&scenario, later, *second));
                    }
                }
            }
        }
    }
}

fn with_fault(scenario: &Scenario, at: u32, fault: Fault) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.plan.insert(at, fault);
    scenario
}

/// The kinds of rotation and of world that one pintail meets.
fn scenarios() -> Vec<Scenario> {
    let quiet = Scenario::quiet();
    let with = |request| Scenario::with([Pintail::one_shot(request)]);
    let rolling_back = || Scenario::with([Pintail::one_shot(Request::ROTATION).rolling_back()]);
    vec![
        quiet.clone(),
        Scenario { history: 0, ..quiet.clone() },
        Scenario { history: 3, ..quiet.clone() },
        with(Request::SCHEDULE),
        with(Request::COMPROMISED),
        Scenario { consumers: Consumers::Sick, ..quiet.clone() },
        Scenario { consumers: Consumers::Sick, ..rolling_back() },
        Scenario { consumers: Consumers::Flapping, ..rolling_back() },
        Scenario { consumers: Consumers::FondOfTheOld, ..rolling_back() },
        Scenario { listing_lag: Duration::from_secs(30), ..quiet.clone() },
        Scenario { revocation_lag: Duration::from_secs(20), ..quiet.clone() },
        Scenario { lists: Lists::Empty, ..quiet.clone() },
        Scenario { lists: Lists::CutShort, ..quiet },
    ]
}

fn explores_all() -> bool {
    std::env::var("PINTAIL_SIM_WORLDS").is_ok_and(|worlds| worlds == "all")
}

/// The share of a test's worlds that is explored by default. `PINTAIL_SIM_WORLDS=all` explores all of them.
struct Share {
    one_in: u64,
    seen: u64,
    explored: u64,
}

impl Share {
    fn one_in(default: u64) -> Self {
        Self { one_in: if explores_all() { 1 } else { default }, seen: 0, explored: 0 }
    }

    /// Whether the next world is to be explored.
    fn has_next(&mut self) -> bool {
        self.seen += 1;
        let is_in = (self.seen - 1).is_multiple_of(self.one_in);
        self.explored += u64::from(is_in);
        is_in
    }

    fn tell(&self, what: &str) {
        println!("{} of {} worlds: {what}", self.explored, self.seen);
    }
}
