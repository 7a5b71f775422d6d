//! Two and three pintails on one credential, in every interleaving of their effects up to a number of preemptions.

use super::{PROTOCOLS, Share, TELLING_FAULTS, explore, scenarios, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::simulation::ground::Consumers;
use crate::rotation::simulation::run::{Pintail, Scenario};

/// Who meets whom.
fn pairs() -> Vec<Scenario> {
    let forced = Pintail::one_shot(Request::ROTATION);
    let with = |other: Pintail| Scenario::with([forced, other]);
    let compromised = |at| Pintail { from_turn: at, ..Pintail::one_shot(Request::COMPROMISED) };
    let mixed = Scenario::with([forced.rolling_back(), forced]);
    vec![
        with(forced),
        with(Pintail::daemon(3)),
        with(compromised(9)),
        with(Pintail { from_turn: 15, ..Pintail::one_shot(Request::ROLL_BACK) }),
        Scenario { consumers: Consumers::Sick, ..mixed.clone() },
        Scenario { consumers: Consumers::Flapping, ..mixed },
        Scenario { history: 0, ..with(forced) },
    ]
}

#[test]
fn two_pintails_keep_the_promises_in_every_interleaving_of_one_preemption() {
    let mut worlds = 0;
    for protocol in PROTOCOLS {
        for scenario in pairs() {
            let scenario = Scenario { protocol, ..scenario };
            for at in 0..explore(&scenario).turns {
                for to in 0..2 {
                    explore(&Scenario { switches: vec![(at, to)], ..scenario.clone() });
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: two pintails, one preemption");
    assert!(worlds > 1_000);
}

#[test]
fn two_pintails_keep_the_promises_in_every_interleaving_of_two_preemptions() {
    let mut share = Share::one_in(1);
    for scenario in pairs().into_iter().take(3) {
        let turns = explore(&scenario).turns;
        for first in 0..turns {
            for second in first + 1..turns.min(first + 30) {
                if share.has_next() {
                    let switches = vec![(first, 1), (second, 0)];
                    explore(&Scenario { switches, ..scenario.clone() });
                }
            }
        }
    }
    share.tell("two pintails, two preemptions within thirty turns");
}

#[test]
fn two_pintails_keep_the_promises_in_every_interleaving_with_one_fault() {
    let mut share = Share::one_in(30);
    for scenario in pairs() {
        let turns = explore(&scenario).turns;
        for at in 0..turns {
            let scenario = Scenario { switches: vec![(at, 1)], ..scenario.clone() };
            for effect in at.saturating_sub(2)..at + 25 {
                for fault in TELLING_FAULTS {
                    if share.has_next() {
                        explore(&with_fault(&scenario, effect, fault));
                    }
                }
            }
        }
    }
    share.tell("two pintails, one preemption and one fault near it");
}

#[test]
fn three_pintails_keep_the_promises_in_every_interleaving_of_two_preemptions() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let scenario = Scenario::with([
        forced,
        forced.rolling_back(),
        Pintail { from_turn: 12, ..Pintail::one_shot(Request::COMPROMISED) },
    ]);
    let mut share = Share::one_in(4);
    let turns = explore(&scenario).turns;
    for first in 0..turns {
        for second in first + 1..turns.min(first + 20) {
            for (one, two) in [(1, 2), (2, 1), (1, 0), (2, 0)] {
                if share.has_next() {
                    let switches = vec![(first, one), (second, two)];
                    explore(&Scenario { switches, ..scenario.clone() });
                }
            }
        }
    }
    share.tell("three pintails, two preemptions within twenty turns");
}

#[test]
fn a_pintail_that_was_paused_for_hours_hurts_nobody_when_it_resumes() {
    let mut worlds = 0;
    for protocol in PROTOCOLS {
        for scenario in scenarios().into_iter().take(5) {
            let pintails =
                scenario.pintails.iter().copied().chain([Pintail::daemon(12)]).collect::<Vec<_>>();
            let scenario = Scenario { protocol, pintails, ..scenario };
            for at in 0..explore(&scenario).effects {
                explore(&with_fault(
                    &scenario,
                    at,
                    crate::rotation::simulation::ground::Fault::Pause(1),
                ));
                worlds += 1;
            }
        }
    }
    println!("{worlds} worlds: one paused at any effect, while a daemon goes on");
}
