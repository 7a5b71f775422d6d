//! Clocks that are wrong: this machine's, MotherDuck's `Date`, a store's; from the start, from any effect on, or by turns.

use std::time::Duration;

use super::super::clocks::Date;
use super::super::ground::{Act, Consumers, Fault};
use super::super::run::{Pintail, Scenario, Shown, run};
use super::super::store::Protocol;
use super::{explore, with_fault};
use crate::rotation::decide::{Decided, SecretState};
use crate::rotation::decide::{Decision, Observation, Reason, Stage, Subject, decide};
use crate::rotation::policy::OnFailure;
use crate::rotation::reconcile::Judge;
use crate::rotation::schedule::Due;

const DAY: i64 = 24 * 60;
/// By how many minutes clocks are off.
const OFF: [i64; 10] = [-100 * DAY, -3 * DAY, -150, -90, -30, 30, 90, 150, 3 * DAY, 100 * DAY];

/// Tokens live for four hours, and a daemon looks at them for twelve.
fn short_lives(pintails: usize) -> Scenario {
    let daemon = Pintail::daemon(72);
    Scenario {
        life: Duration::from_hours(4),
        renew_before: Duration::from_hours(1),
        date: Date::Off(0),
        ..Scenario::with(vec![daemon; pintails])
    }
}

/// Worlds in which one of the two clocks is right.
fn one_is_right(base: &Scenario) -> Vec<Scenario> {
    let mut worlds = vec![];
    for off in OFF {
        worlds.push(Scenario { skew: vec![off], ..base.clone() });
        worlds.push(Scenario { date: Date::Off(off), ..base.clone() });
        worlds.push(Scenario { date: Date::Flapping(off), ..base.clone() });
    }
    worlds
}

#[test]
fn a_served_token_never_expires_while_either_clock_is_right() {
    let mut worlds = 0;
    for (protocol, store_date) in [
        (Protocol::LockAndRename, None),
        (Protocol::CheckAndSet, None),
        (Protocol::CheckAndSet, Some(0)),
        (Protocol::Labels, Some(3 * DAY)),
    ] {
        for consumers in [Consumers::Healthy, Consumers::Sick, Consumers::Flapping] {
            for on_failure in [OnFailure::Hold, OnFailure::RollBack] {
                let mut base = Scenario { protocol, consumers, store_date, ..short_lives(1) };
                base.pintails[0].on_failure = on_failure;
                for world in one_is_right(&base) {
                    explore(&world);
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: one of two clocks wrong for twelve hours");
}

#[test]
fn a_clock_that_goes_wrong_at_any_moment_costs_no_consumer_a_token() {
    let mut worlds = 0;
    for off in OFF {
        for fault in [Fault::Clock(off), Fault::Date(off)] {
            for at in (0..40).step_by(2).chain((40..400).step_by(23)) {
                explore(&with_fault(&short_lives(1), at, fault));
                worlds += 1;
            }
        }
    }
    println!("{worlds} worlds: a clock that goes wrong at an effect");
}

#[test]
fn pintails_whose_clocks_differ_and_that_are_restarted_rotate_no_more_often() {
    let mut worlds = 0;
    for off in OFF {
        for (skew, date) in [(off, Date::Off(0)), (0, Date::Off(off)), (0, Date::Flapping(off))] {
            let pair = Scenario { skew: vec![0, skew], date, ..short_lives(2) };
            explore(&pair);
            for at in (3..200).step_by(23) {
                explore(&with_fault(&pair, at, Fault::CrashAfter));
                worlds += 1;
            }
        }
    }
    println!("{worlds} worlds: two pintails, two clocks, one restart");
}

#[test]
fn no_wrong_clock_makes_an_operators_act_cost_a_token() {
    let mut worlds = 0;
    for off in OFF {
        for act in [Act::Move, Act::Lose, Act::Delete, Act::Restore] {
            for (skew, date) in [(vec![off], Date::Off(0)), (vec![0], Date::Off(off))] {
                let later = |from_turn| Pintail { from_turn, ..Pintail::daemon(2) };
                let base = Scenario {
                    skew,
                    date,
                    history: 2,
                    ..Scenario::with([later(0), later(40), later(80)])
                };
                for at in 0..20 {
                    explore(&with_fault(&base, at, Fault::Person(act)));
                    worlds += 1;
                }
            }
        }
    }
    println!("{worlds} worlds: an operator acts while a clock is wrong");
}

#[test]
fn a_host_that_is_wrong_where_the_store_agrees_with_motherduck_rotates_as_if_it_were_right() {
    let right = explore(&short_lives(1)).created;
    assert!((3..=4).contains(&right), "{right}");
    for off in OFF {
        let world = Scenario { skew: vec![off], store_date: Some(0), ..short_lives(1) };
        assert_eq!(explore(&world).created, right, "{off}");
    }
}

#[test]
fn a_date_far_ahead_makes_a_token_an_hour_and_no_more() {
    for date in [Date::Off(100 * DAY), Date::Flapping(100 * DAY)] {
        let shown = explore(&Scenario { date, ..short_lives(1) });
        assert!((6..=13).contains(&shown.created), "{date:?}: {}", shown.created);
        assert!(shown.most_alive <= 2, "{date:?}: {}", shown.most_alive);
    }
}

fn judged(base: &Scenario, judge: fn() -> Box<Judge>) -> Option<String> {
    let law = |shown: Shown| shown.violations.into_iter().next();
    one_is_right(base)
        .into_iter()
        .find_map(|world| law(run(&Scenario { judge: Some(judge), ..world })))
}

#[test]
fn planted_a_clock_that_is_believed_alone_is_noticed() {
    let law = judged(&short_lives(1), || {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            decide(subject, &Observation { time: seen.time.now.into(), ..*seen })
        })
    });
    assert!(law.expect("it was not noticed").contains("the served token is dead"));
}

#[test]
fn planted_a_token_that_is_replaced_as_soon_as_it_seems_old_is_noticed() {
    let law = judged(&short_lives(1), || {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            let decided = decide(subject, seen);
            let (Decision::Hold { stage: Stage::Clock, .. }, SecretState::Managed(record)) =
                (&decided.step, seen.secret)
            else {
                return decided;
            };
            let ends = record.expires_at.unwrap_or_default();
            let step = Decision::Replace {
                reason: Reason::Due(Due::Expiring(ends)),
                previous: vec![record.token_id],
                orphans: vec![],
                elsewhere: vec![],
            };
            Decided { rule: "planted", step }
        })
    });
    assert!(law.expect("it was not noticed").contains("one right after the other"));
}
