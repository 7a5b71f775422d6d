//! One pintail: no fault, every fault at every effect, and every pair of faults.

use super::{
    FAULTS, PROTOCOLS, Share, TELLING_FAULTS, explore, explore_pairs, explores_all, scenarios,
    with_fault,
};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::ground::Consumers;
use crate::rotation::simulation::run::{Pintail, Scenario};

#[test]
fn a_quiet_rotation_ends_with_the_new_token_alone() {
    for protocol in PROTOCOLS {
        let shown = explore(&Scenario { protocol, ..Scenario::quiet() });
        assert_eq!(shown.outcomes, vec![Some(Outcome::Rotated)]);
        assert_eq!(shown.most_alive, 2);
    }
}

#[test]
fn sick_consumers_hold_the_rotation_and_both_tokens_stay() {
    let shown = explore(&Scenario { consumers: Consumers::Sick, ..Scenario::quiet() });
    assert_eq!(shown.outcomes, vec![Some(Outcome::Held)]);
    assert_eq!(shown.most_alive, 2);
}

#[test]
fn consumers_that_are_healthy_with_the_old_token_alone_get_it_back() {
    for protocol in PROTOCOLS {
        let scenario = Scenario::with([Pintail::one_shot(Request::ROTATION).rolling_back()]);
        let consumers = Consumers::FondOfTheOld;
        let shown = explore(&Scenario { protocol, consumers, ..scenario });
        assert_eq!(shown.outcomes, vec![Some(Outcome::RolledBack)]);
        assert_eq!(shown.most_alive, 2);
    }
}

#[test]
fn no_single_fault_breaks_a_promise() {
    let mut worlds = 0;
    for protocol in PROTOCOLS {
        for scenario in scenarios() {
            let scenario = Scenario { protocol, ..scenario };
            for at in 0..explore(&scenario).effects {
                for fault in FAULTS {
                    explore(&with_fault(&scenario, at, fault));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: one pintail, one fault each");
    assert!(worlds > 9_000);
}

/// By default few kinds of faults and one store for each kind of world; in full, all of both.
#[test]
fn no_two_faults_break_a_promise() {
    let all = explores_all();
    let faults = if all { FAULTS.as_slice() } else { &TELLING_FAULTS };
    let mut share = Share::one_in(83);
    for (number, scenario) in scenarios().into_iter().enumerate() {
        for (store, protocol) in PROTOCOLS.into_iter().enumerate() {
            if !all && number % PROTOCOLS.len() != store {
                continue;
            }
            let scenario = Scenario { protocol, ..scenario.clone() };
            explore_pairs(&scenario, faults, &mut share);
        }
    }
    share.tell("one pintail, two faults each");
}
