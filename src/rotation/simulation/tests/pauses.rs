//! People who pause and resume a credential by hand, at any moment: nothing begins by itself while its record says paused,
//! and no write loses that.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::bugs::Bug;
use super::super::clocks::Date;
use super::super::ground::{Act, Consumers, Fault, Ground};
use super::super::run::{Pintail, Scenario, Shown, run_with};
use super::{FAULTS, PROTOCOLS, Share, with_fault};
use crate::rotation::decide::{Decided, Observation, Request, SecretState, Subject, decide};
use crate::rotation::policy::OnFailure;
use crate::rotation::reconcile::Judge;
use crate::rotation::run::Outcome;

const DAY: i64 = 24 * 60;
const ACTS: [Act; 3] = [Act::Pause(None), Act::Pause(Some(90)), Act::Resume];

/// The served token is near its end, so that a rotation is due, with days to spare.
fn due(pintails: impl IntoIterator<Item = Pintail>) -> Scenario {
    Scenario { renew_before: Duration::from_hours(29 * 24), ..Scenario::with(pintails) }
}

fn days_ago(ground: &mut Ground) {
    ground.now += SignedDuration::from_hours(48);
}

fn shown(scenario: &Scenario, telling: bool, first: Option<Act>) -> Shown {
    run_with(scenario, telling, |ground| {
        days_ago(ground);
        if let Some(act) = first {
            ground.person(act);
        }
    })
}

fn explore_from(scenario: &Scenario, first: Option<Act>) -> Shown {
    let found = shown(scenario, false, first);
    if !found.violations.is_empty() {
        let told = shown(scenario, true, first).story;
        panic!("{:?}\nin {scenario:#?}\n{}", found.violations, told.join("\n"));
    }
    found
}

fn explore(scenario: &Scenario) -> Shown {
    explore_from(scenario, None)
}

#[test]
fn what_was_paused_before_stays_at_rest_until_it_is_resumed_or_the_pause_ends() {
    for protocol in PROTOCOLS {
        let daemon = Scenario { protocol, ..due([Pintail::daemon(6), Pintail::daemon(6)]) };
        assert!(explore(&daemon).created > 0, "it is due");
        assert_eq!(explore_from(&daemon, Some(Act::Pause(None))).created, 0);
        // Six looks, ten minutes apart.
        assert_eq!(explore_from(&daemon, Some(Act::Pause(Some(90)))).created, 0);
        assert!(explore_from(&daemon, Some(Act::Pause(Some(30)))).created > 0);
    }
}

#[test]
fn a_person_who_names_it_rotates_what_is_paused_and_one_who_does_not_leaves_it_at_rest() {
    let paused = Some(Act::Pause(None));
    let asked = |request| explore_from(&due([Pintail::one_shot(request)]), paused).outcomes;
    assert_eq!(asked(Request::ROTATION), [Some(Outcome::Rotated)]);
    assert_eq!(asked(Request::ROTATION.heeding_pause()), [Some(Outcome::NotDue)]);
    assert_eq!(asked(Request::COMPROMISED), [Some(Outcome::Rotated)]);
    assert_eq!(asked(Request::COMPROMISED.heeding_pause()), [Some(Outcome::Rotated)]);
}

/// A daemon, a person who rotates by hand, and another daemon that begins later.
fn worlds(protocol: super::Protocol) -> Vec<Scenario> {
    let later = Pintail { from_turn: 30, ..Pintail::daemon(2) };
    let mut worlds = vec![];
    for (consumers, on_failure) in [
        (Consumers::Healthy, OnFailure::Hold),
        (Consumers::Sick, OnFailure::Hold),
        (Consumers::FondOfTheOld, OnFailure::RollBack),
    ] {
        let first = |request| Pintail { on_failure, ..Pintail::one_shot(request) };
        for request in [Request::SCHEDULE, Request::ROTATION] {
            let pintails = [first(request), Pintail { on_failure, ..later }];
            worlds.push(Scenario { protocol, consumers, ..due(pintails) });
        }
    }
    worlds
}

#[test]
fn a_pause_at_any_moment_holds_and_is_lost_by_no_rotation() {
    let mut share = Share::one_in(2);
    for protocol in PROTOCOLS {
        for scenario in worlds(protocol) {
            for act in ACTS {
                for at in 0..45 {
                    if share.has_next() {
                        explore(&with_fault(&scenario, at, Fault::Person(act)));
                    }
                }
            }
        }
    }
    share.tell("a person pauses at any effect");
}

#[test]
fn a_pause_and_a_resumption_or_a_fault_at_any_moments_hold_and_lose_nothing() {
    let mut share = Share::one_in(101);
    for protocol in PROTOCOLS {
        for scenario in worlds(protocol) {
            for at in 0..30 {
                let paused = with_fault(&scenario, at, Fault::Person(Act::Pause(None)));
                let people = ACTS.map(Fault::Person);
                for fault in FAULTS.into_iter().chain(people) {
                    for later in (at + 1..45).step_by(2) {
                        if share.has_next() {
                            explore(&with_fault(&paused, later, fault));
                        }
                    }
                }
            }
        }
    }
    share.tell("a pause and a fault, a resumption or another pause");
}

#[test]
fn two_pintails_obey_a_pause_in_every_interleaving_of_one_preemption() {
    let mut share = Share::one_in(3);
    for protocol in PROTOCOLS {
        let both = Scenario { protocol, ..due([Pintail::daemon(1), Pintail::daemon(1)]) };
        for at in 0..25 {
            for switch in 0..60 {
                if share.has_next() {
                    let world = Scenario { switches: vec![(switch, 1)], ..both.clone() };
                    explore(&with_fault(&world, at, Fault::Person(Act::Pause(Some(90)))));
                }
            }
        }
    }
    share.tell("two pintails, a pause and a preemption");
}

#[test]
fn while_either_clock_is_right_a_pause_ends_neither_too_soon_nor_so_late_that_a_token_dies() {
    let short = Scenario {
        life: Duration::from_hours(4),
        renew_before: Duration::from_hours(2),
        date: Date::Off(0),
        ..Scenario::with([Pintail::daemon(36)])
    };
    let mut count = 0;
    for off in [-100 * DAY, -3 * DAY, -150, -90, -30, 30, 90, 150, 3 * DAY, 100 * DAY] {
        for base in [
            Scenario { skew: vec![off], ..short.clone() },
            Scenario { date: Date::Off(off), ..short.clone() },
            Scenario { date: Date::Flapping(off), ..short.clone() },
        ] {
            for at in (0..90).step_by(3) {
                let act = Fault::Person(Act::Pause(Some(45)));
                let world = with_fault(&base, at, act);
                let found = run_with(&world, false, |_| {});
                let laws = found.violations;
                assert!(laws.is_empty(), "{laws:?}\nin {world:#?}");
                count += 1;
            }
        }
    }
    println!("{count} worlds: one of the clocks is wrong while a pause lasts");
}

fn first_broken(world: &Scenario) -> Option<String> {
    (0..40).find_map(|at| {
        let world = with_fault(world, at, Fault::Person(Act::Pause(None)));
        shown(&world, false, None).violations.into_iter().next()
    })
}

#[test]
fn planted_a_pause_that_is_not_heeded_is_noticed() {
    let heedless = || -> Box<Judge> {
        Box::new(|subject: &Subject, seen: &Observation<'_>| -> Decided {
            let SecretState::Managed(record) = seen.secret else { return decide(subject, seen) };
            let mut record = record.clone();
            record.pause = None;
            decide(subject, &Observation { secret: SecretState::Managed(&record), ..*seen })
        })
    };
    let world = Scenario { judge: Some(heedless), ..due([Pintail::daemon(2)]) };
    let law = first_broken(&world).expect("the planted bug was not noticed");
    assert!(law.contains("paused"), "{law}");
}

#[test]
fn planted_a_write_that_forgets_a_pause_is_noticed() {
    let world = Scenario { bug: Some(Bug::ForgetsPauses), ..due([Pintail::daemon(2)]) };
    let law = first_broken(&world).expect("the planted bug was not noticed");
    assert!(law.contains("lost a pause"), "{law}");
}
