//! The credential is the admin token of the pintails that rotate it: none of them locks itself, or another, out.

use super::{FAULTS, PROTOCOLS, Share, TELLING_FAULTS, explore, explore_pairs, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::policy::OnFailure;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::actor::Part;
use crate::rotation::simulation::ground::{Consumers, Fault};
use crate::rotation::simulation::run::{Pintail, Scenario};

fn admin(scenario: Scenario) -> Scenario {
    Scenario { is_admin: true, ..scenario }
}

fn alone() -> Vec<Scenario> {
    let with = |pintail| admin(Scenario::with([pintail]));
    let forced = Pintail::one_shot(Request::ROTATION);
    vec![
        with(forced),
        with(Pintail { sweeps: 2, ..forced }),
        Scenario { history: 2, ..with(forced) },
        with(Pintail::one_shot(Request::COMPROMISED)),
        Scenario { consumers: Consumers::FondOfTheOld, ..with(forced.rolling_back()) },
        Scenario { revocation_lag: std::time::Duration::from_secs(20), ..with(forced) },
    ]
}

#[test]
fn a_pintail_goes_on_with_its_new_admin_token() {
    for protocol in PROTOCOLS {
        let shown = explore(&Scenario { protocol, ..admin(Scenario::quiet()) });
        assert_eq!(shown.outcomes, vec![Some(Outcome::Rotated)]);
    }
}

#[test]
fn no_single_fault_locks_a_pintail_out() {
    let mut worlds = 0;
    for protocol in PROTOCOLS {
        for scenario in alone() {
            let scenario = Scenario { protocol, ..scenario };
            for at in 0..explore(&scenario).effects {
                for fault in FAULTS {
                    explore(&with_fault(&scenario, at, fault));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: the admin token, one fault each");
}

#[test]
fn no_two_faults_lock_a_pintail_out() {
    let mut share = Share::one_in(97);
    for scenario in alone() {
        explore_pairs(&scenario, &TELLING_FAULTS, &mut share);
    }
    share.tell("the admin token, two faults each");
}

#[test]
fn pintails_that_share_an_admin_token_do_not_lock_one_another_out() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let pairs = [
        Scenario::with([forced, Pintail::daemon(3)]),
        Scenario::with([Pintail { sweeps: 1, ..forced }, Pintail { sweeps: 1, ..forced }]),
        Scenario {
            consumers: Consumers::Sick,
            ..Scenario::with([forced.rolling_back(), Pintail::one_shot(Request::COMPROMISED)])
        },
    ];
    let mut worlds = 0;
    for scenario in pairs.map(admin) {
        for at in 0..explore(&scenario).turns {
            for to in 0..2 {
                let scenario = Scenario { switches: vec![(at, to)], ..scenario.clone() };
                explore(&scenario);
                explore(&with_fault(&scenario, at, Fault::Delay(9)));
                worlds += 2;
            }
        }
    }
    println!("{worlds} worlds: an admin token that two pintails share");
}

#[test]
fn an_admin_token_whose_store_is_down_for_hours_is_found_again() {
    let mut scenario =
        admin(Scenario::with([Pintail { sweeps: 20, ..Pintail::one_shot(Request::ROTATION) }]));
    for on_failure in [OnFailure::Hold, OnFailure::RollBack] {
        scenario.pintails[0].on_failure = on_failure;
        for at in 0..explore(&scenario).effects.min(40) {
            let outages = vec![(Part::Store, 30, 180)];
            explore(&with_fault(&Scenario { outages, ..scenario.clone() }, at, Fault::Pause(1)));
        }
    }
}
