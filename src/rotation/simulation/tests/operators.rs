//! Operators who move, delete, lose and restore what pintail keeps, at any moment and with any configuration.

use jiff::SignedDuration;

use super::{PROTOCOLS, Share, TELLING_FAULTS, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::policy::OnFailure;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::ground::{Act, Consumers, Fault, Ground};
use crate::rotation::simulation::run::{Pintail, Scenario, Shown, run_with};

const ACTS: [Act; 6] =
    [Act::RevokeServed, Act::Edit, Act::Delete, Act::Lose, Act::Restore, Act::Move];

/// The served token was made long ago: no crash explains that it lives.
fn long_ago(ground: &mut Ground) {
    ground.now += SignedDuration::from_hours(1);
}

fn explore(scenario: &Scenario) -> Shown {
    let shown = run_with(scenario, false, long_ago);
    if !shown.violations.is_empty() {
        let told = run_with(scenario, true, long_ago);
        panic!("{:?}\nin {scenario:#?}\n{}", shown.violations, told.story.join("\n"));
    }
    shown
}

/// One run, another that begins later, as after a restart, and a third.
fn restarted(first: Request) -> Scenario {
    let later = |from_turn| Pintail { from_turn, ..Pintail::one_shot(Request::SCHEDULE) };
    Scenario::with([Pintail::one_shot(first), later(30), later(60)])
}

#[test]
fn an_operator_who_acts_at_any_moment_costs_nobody_a_token() {
    let mut worlds = 0;
    for protocol in PROTOCOLS {
        for act in ACTS {
            for consumers in [Consumers::Healthy, Consumers::Sick] {
                let scenario = Scenario { protocol, consumers, ..restarted(Request::ROTATION) };
                for at in 0..40 {
                    explore(&with_fault(&scenario, at, Fault::Person(act)));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: an operator acts at any effect");
}

#[test]
fn two_acts_of_operators_at_any_moments_cost_nobody_a_token() {
    let mut share = Share::one_in(7);
    for protocol in PROTOCOLS {
        for on_failure in [OnFailure::Hold, OnFailure::RollBack] {
            let mut scenario = Scenario { protocol, ..restarted(Request::SCHEDULE) };
            scenario.pintails[0].on_failure = on_failure;
            scenario.pintails[0].sweeps = 1;
            for first in ACTS {
                for at in (0..30).step_by(3) {
                    let scenario = with_fault(&scenario, at, Fault::Person(first));
                    for second in ACTS {
                        for later in (at + 1..45).step_by(2) {
                            if share.has_next() {
                                explore(&with_fault(&scenario, later, Fault::Person(second)));
                            }
                        }
                    }
                }
            }
        }
    }
    share.tell("two acts of operators");
}

#[test]
fn an_act_of_an_operator_and_a_fault_at_any_moments_cost_nobody_a_token() {
    let mut share = Share::one_in(11);
    for protocol in PROTOCOLS {
        let scenario = Scenario { protocol, ..restarted(Request::ROTATION) };
        for act in ACTS {
            for at in 0..24 {
                let scenario = with_fault(&scenario, at, Fault::Person(act));
                for fault in TELLING_FAULTS {
                    for later in 0..40 {
                        if later != at && share.has_next() {
                            explore(&with_fault(&scenario, later, fault));
                        }
                    }
                }
            }
        }
    }
    share.tell("an act of an operator and a fault");
}

/// What a daemon that reads its configuration once says, run after run, of a secret to which `act` happened.
fn told_after(act: Act, history: u32, requests: &[Request]) -> Vec<Option<Outcome>> {
    let turns = |n: usize| u32::try_from(n).unwrap() * 400;
    let pintail = |(n, request): (usize, &Request)| Pintail {
        from_turn: turns(n),
        ..Pintail::one_shot(*request)
    };
    let pintails = requests.iter().enumerate().map(pintail);
    let scenario = Scenario { history, ..Scenario::with(pintails) };
    let prepare = |ground: &mut Ground| {
        long_ago(ground);
        ground.person(act);
    };
    let shown = run_with(&scenario, true, prepare);
    // A person acted before the start: what follows is not unasked for.
    let unasked = "a token was created for which nothing and nobody asked";
    assert!(shown.violations.iter().all(|law| law == unasked), "{}", shown.story.join("\n"));
    shown.outcomes
}

#[test]
fn an_empty_place_is_filled_once_and_held_until_a_person_gives_up_what_lives_elsewhere() {
    let due = Request::SCHEDULE;
    for act in [Act::Move, Act::Delete, Act::Lose] {
        let held = told_after(act, 1, &[due, due, Request::ROTATION, due]);
        assert_eq!(held, vec![Some(Outcome::Held); 4], "{act:?}");
        let given_up = Request::ROTATION.giving_up_old_place();
        let ended = told_after(act, 1, &[due, given_up, due]);
        let rotated = Some(Outcome::Rotated);
        assert_eq!(ended, vec![Some(Outcome::Held), rotated, Some(Outcome::NotDue)], "{act:?}");
        let leaked = told_after(act, 1, &[due, Request::COMPROMISED, due]);
        assert_eq!(leaked, vec![Some(Outcome::Held), rotated, Some(Outcome::NotDue)], "{act:?}");
    }
}

#[test]
fn a_store_that_was_moved_back_to_a_backup_is_not_said_to_be_rotated_while_nothing_connects() {
    let told = told_after(Act::Restore, 2, &[Request::SCHEDULE, Request::SCHEDULE]);
    assert_eq!(told, vec![Some(Outcome::Held), Some(Outcome::Held)]);
}
