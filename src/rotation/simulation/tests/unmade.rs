//! Secrets that exist without a value, made by Terraform for instance: what is put there first is served at once.

use super::{FAULTS, Share, TELLING_FAULTS, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::run::{Pintail, Scenario, Shown, run_with};
use crate::rotation::simulation::store::Protocol;

fn without_a_value(pintails: impl IntoIterator<Item = Pintail>) -> Scenario {
    Scenario { protocol: Protocol::Labels, history: 0, ..Scenario::with(pintails) }
}

fn explore(scenario: &Scenario) -> Shown {
    let shown = run_with(scenario, false, |ground| ground.store_mut().is_made = true);
    if !shown.violations.is_empty() {
        let told = run_with(scenario, true, |ground| ground.store_mut().is_made = true);
        panic!("{:?}\nin {scenario:#?}\n{}", shown.violations, told.story.join("\n"));
    }
    shown
}

#[test]
fn a_secret_without_a_value_gets_its_first_whatever_fails() {
    let scenario = without_a_value([Pintail::one_shot(Request::ROTATION)]);
    let quiet = explore(&scenario);
    assert_eq!(quiet.outcomes, vec![Some(Outcome::Rotated)]);
    for at in 0..quiet.effects {
        for fault in FAULTS {
            explore(&with_fault(&scenario, at, fault));
        }
    }
}

#[test]
fn two_pintails_that_fill_one_secret_revoke_nothing_that_was_served() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let scenario = without_a_value([forced, forced]);
    let turns = explore(&scenario).turns;
    let mut share = Share::one_in(5);
    for at in 0..turns {
        for back in at + 1..at + 12 {
            let switches = vec![(at, 1), (back, 0)];
            let scenario = Scenario { switches, ..scenario.clone() };
            for effect in at.saturating_sub(3)..at + 3 {
                for fault in TELLING_FAULTS {
                    if share.has_next() {
                        explore(&with_fault(&scenario, effect, fault));
                    }
                }
            }
        }
    }
    share.tell("two pintails, one secret without a value, one fault");
}
