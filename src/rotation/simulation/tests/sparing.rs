//! A daemon that lists an account now and then only, and looks at the record in between.

use super::{FAULTS, PROTOCOLS, explore, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::ground::Consumers;
use crate::rotation::simulation::run::{Pintail, Scenario};

fn sparing(request: Request) -> Pintail {
    Pintail { sweeps: 7, ..Pintail::one_shot(request) }.sparing()
}

#[test]
fn a_look_between_two_lists_finds_a_credential_at_rest_as_a_list_would() {
    for protocol in PROTOCOLS {
        let scenario = Scenario { protocol, ..Scenario::with([sparing(Request::SCHEDULE)]) };
        assert_eq!(explore(&scenario).outcomes, vec![Some(Outcome::NotDue)]);
    }
}

#[test]
fn no_single_fault_breaks_a_promise_of_a_daemon_that_lists_now_and_then() {
    let mut worlds = 0;
    let rotation = Scenario::with([sparing(Request::ROTATION)]);
    let kinds = [
        rotation.clone(),
        Scenario { history: 0, ..rotation.clone() },
        Scenario { consumers: Consumers::FondOfTheOld, ..rotation.clone() },
        Scenario::with([sparing(Request::SCHEDULE)]),
    ];
    for protocol in PROTOCOLS {
        for scenario in &kinds {
            let scenario = Scenario { protocol, ..scenario.clone() };
            for at in 0..explore(&scenario).effects {
                for fault in FAULTS {
                    explore(&with_fault(&scenario, at, fault));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: one pintail that spares lists, one fault each");
    assert!(worlds > 1_000);
}

#[test]
fn a_daemon_that_lists_now_and_then_beside_another_pintail_hurts_nobody() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let back = Pintail { from_turn: 15, ..Pintail::one_shot(Request::ROLL_BACK) };
    for protocol in PROTOCOLS {
        for other in [forced, forced.rolling_back(), back] {
            let pair = Scenario::with([other, sparing(Request::SCHEDULE)]);
            let scenario = Scenario { protocol, ..pair };
            for at in 0..explore(&scenario).turns {
                for to in 0..2 {
                    explore(&Scenario { switches: vec![(at, to)], ..scenario.clone() });
                }
            }
        }
    }
}
