//! What the simulation explores.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ground::{Consumers, Fault};
use super::run::{Scenario, Shown, run, run_with};
use crate::config::OnFailure;
use crate::rotation::decide::Trigger;
use crate::rotation::drive::Outcome;

const FAULTS: [Fault; 11] = [
    Fault::LoseRequest,
    Fault::LoseReply,
    Fault::Delay(0),
    Fault::Delay(2),
    Fault::Delay(6),
    Fault::Delay(1_000),
    Fault::Duplicate(1),
    Fault::Duplicate(1_000),
    Fault::Refuse,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

fn assert_kept(scenario: &Scenario, shown: &Shown) {
    assert!(
        shown.violations.is_empty(),
        "{:?}\nin {scenario:#?}\n{}",
        shown.violations,
        shown.story.join("\n")
    );
}

fn scenarios() -> Vec<Scenario> {
    let quiet = Scenario::quiet();
    let with =
        |trigger, on_failure| Scenario { pintails: vec![(trigger, on_failure)], ..quiet.clone() };
    vec![
        quiet.clone(),
        Scenario { history: 0, ..quiet.clone() },
        Scenario { history: 3, ..quiet.clone() },
        with(Trigger::Compromised, OnFailure::Hold),
        Scenario { consumers: Consumers::Sick, ..with(Trigger::Forced, OnFailure::Hold) },
        Scenario { consumers: Consumers::Sick, ..with(Trigger::Forced, OnFailure::RollBack) },
        Scenario { consumers: Consumers::Flapping, ..with(Trigger::Forced, OnFailure::RollBack) },
        Scenario { listing_lag: Duration::from_secs(30), ..quiet.clone() },
        Scenario { revocation_lag: Duration::from_secs(20), ..quiet.clone() },
    ]
}

#[test]
fn a_quiet_rotation_ends_with_the_new_token_alone() {
    let shown = run(&Scenario::quiet());
    assert_kept(&Scenario::quiet(), &shown);
    assert_eq!(shown.outcomes, vec![Some(Outcome::Rotated)]);
    assert_eq!(shown.most_alive, 2);
}

#[test]
fn sick_consumers_hold_the_rotation_or_bring_the_old_token_back() {
    let scenarios = scenarios();
    let outcome = |scenario: &Scenario| run(scenario).outcomes[0];
    assert_eq!(outcome(&scenarios[4]), Some(Outcome::Held));
    assert_eq!(
        outcome(&scenarios[5]),
        Some(Outcome::Held),
        "{}",
        run(&scenarios[5]).story.join("\n")
    );
}

#[test]
fn no_single_fault_breaks_a_promise() {
    let mut worlds = 0;
    for scenario in scenarios() {
        let effects = run(&scenario).effects;
        for at in 0..effects {
            for fault in FAULTS {
                let scenario = Scenario { plan: BTreeMap::from([(at, fault)]), ..scenario.clone() };
                let shown = run(&scenario);
                assert_kept(&scenario, &shown);
                worlds += 1;
            }
        }
    }
    println!("{worlds} worlds with one fault each");
    assert!(worlds > 1_000);
}

#[test]
fn a_served_token_that_a_person_revoked_is_replaced_and_nothing_else_is_touched() {
    let scenario =
        Scenario { pintails: vec![(Trigger::Schedule, OnFailure::Hold)], ..Scenario::quiet() };
    let shown = run_with(&scenario, |ground| {
        ground.foreign_token("made by hand");
        let served = ground.served().unwrap().record.token_id;
        ground.kill(served);
    });
    assert_kept(&scenario, &shown);
    assert_eq!(shown.outcomes, vec![Some(Outcome::Rotated)]);
}
