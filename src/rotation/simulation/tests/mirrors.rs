//! A credential with a mirror: what any store serves is never revoked, and mirrors never go back.

use super::{FAULTS, PROTOCOLS, Share, TELLING_FAULTS, explore, explore_pairs, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::actor::Part;
use crate::rotation::simulation::ground::{Consumers, Fault};
use crate::rotation::simulation::mirror::Keeps;
use crate::rotation::simulation::run::{Pintail, Scenario};

const KINDS: [Keeps; 2] = [Keeps::Both, Keeps::Token];

fn mirrored(keeps: Keeps, scenario: Scenario) -> Scenario {
    Scenario { mirror: Some(keeps), ..scenario }
}

fn alone() -> Vec<Scenario> {
    let with = |pintail| Scenario::with([pintail]);
    let forced = Pintail::one_shot(Request::ROTATION);
    vec![
        with(forced),
        Scenario { history: 0, ..with(forced) },
        with(Pintail::one_shot(Request::COMPROMISED)),
        Scenario { consumers: Consumers::Sick, ..with(forced) },
        Scenario { consumers: Consumers::FondOfTheOld, ..with(forced.rolling_back()) },
    ]
}

#[test]
fn a_quiet_rotation_reaches_the_mirror_before_the_old_token_dies() {
    for keeps in KINDS {
        for protocol in PROTOCOLS {
            let shown = explore(&mirrored(keeps, Scenario { protocol, ..Scenario::quiet() }));
            assert_eq!(shown.outcomes, vec![Some(Outcome::Rotated)]);
        }
    }
}

#[test]
fn no_single_fault_breaks_a_promise_to_the_consumers_of_a_mirror() {
    let mut worlds = 0;
    for keeps in KINDS {
        for scenario in alone() {
            let scenario = mirrored(keeps, scenario);
            for at in 0..explore(&scenario).effects {
                for fault in FAULTS {
                    explore(&with_fault(&scenario, at, fault));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: a mirror, one fault each");
}

#[test]
fn no_two_faults_break_a_promise_to_the_consumers_of_a_mirror() {
    let mut share = Share::one_in(61);
    for keeps in KINDS {
        for scenario in alone() {
            explore_pairs(&mirrored(keeps, scenario), &TELLING_FAULTS, &mut share);
        }
    }
    share.tell("a mirror, two faults each");
}

#[test]
fn two_pintails_with_a_mirror_keep_the_promises_in_every_interleaving_with_one_fault() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let pairs = [
        Scenario::with([forced, forced]),
        Scenario { consumers: Consumers::Sick, ..Scenario::with([forced.rolling_back(), forced]) },
    ];
    let faults = [None, Some(Fault::Delay(3)), Some(Fault::Delay(12)), Some(Fault::Delay(1_000))];
    let mut share = Share::one_in(11);
    for keeps in KINDS {
        for scenario in &pairs {
            let scenario = mirrored(keeps, scenario.clone());
            for at in 0..explore(&scenario).turns {
                let scenario = Scenario { switches: vec![(at, 1)], ..scenario.clone() };
                for fault in faults {
                    for effect in at.saturating_sub(2)..at + 12 {
                        if share.has_next() {
                            match fault {
                                Some(fault) => explore(&with_fault(&scenario, effect, fault)),
                                None => explore(&scenario),
                            };
                        }
                    }
                }
            }
        }
    }
    share.tell("two pintails and a mirror, one preemption and one late message near it");
}

#[test]
fn a_replacement_that_reaches_the_mirror_after_it_was_rolled_back_is_fenced_off() {
    let mut worlds = 0;
    for keeps in KINDS {
        for at in 4..40 {
            let back = Pintail { from_turn: at, ..Pintail::one_shot(Request::ROLL_BACK) };
            let scenario = Scenario {
                switches: vec![(at, 1)],
                ..Scenario::with([Pintail::one_shot(Request::ROTATION), back])
            };
            for effect in at.saturating_sub(3)..at + 3 {
                for delay in [3, 12, 30, 1_000] {
                    let late = with_fault(&scenario, effect, Fault::Delay(delay));
                    explore(&mirrored(keeps, late));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: a mirror, a late message, and a roll-back behind it");
}

#[test]
fn nothing_is_revoked_while_a_mirror_cannot_be_written() {
    for keeps in KINDS {
        for request in [Request::ROTATION, Request::COMPROMISED] {
            for from in [0, 1] {
                let scenario = Scenario {
                    outages: vec![(Part::Mirror, from, 600)],
                    ..Scenario::with([Pintail { sweeps: 20, ..Pintail::one_shot(request) }])
                };
                let shown = explore(&mirrored(keeps, scenario));
                assert!(shown.most_alive <= 2, "{}", shown.most_alive);
            }
        }
    }
}

#[test]
fn a_pintail_that_was_paused_before_it_wrote_the_mirror_does_not_take_it_back() {
    let mut worlds = 0;
    for keeps in KINDS {
        for consumers in [Consumers::Healthy, Consumers::FondOfTheOld] {
            let forced = Pintail::one_shot(Request::ROTATION).rolling_back();
            let pair = Scenario::with([forced, Pintail::daemon(12).rolling_back()]);
            let scenario = mirrored(keeps, Scenario { consumers, ..pair });
            for at in 0..explore(&scenario).effects.min(80) {
                for fault in [Fault::Pause(1), Fault::Delay(40), Fault::Delay(1_000)] {
                    explore(&with_fault(&scenario, at, fault));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: a mirror, one pintail paused at any effect, while a daemon goes on");
}
