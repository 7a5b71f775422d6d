//! Whose the tokens are: people who adopt another account's, and endpoints that say so, say something else, or nothing.

use std::time::Duration;

use super::{FAULTS, PROTOCOLS, Share, TELLING_FAULTS, explore, with_fault};
use crate::rotation::decide::Request;
use crate::rotation::run::Outcome;
use crate::rotation::simulation::account::Names;
use crate::rotation::simulation::bugs::Bug;
use crate::rotation::simulation::ground::{Act, Consumers, Fault, Ground};
use crate::rotation::simulation::run::{Pintail, Scenario, Shown, run_with};

const ALL_NAMES: [Names; 4] = [Names::Right, Names::Constant, Names::AnothersName, Names::Nothing];

fn asked(request: Request) -> Scenario {
    Scenario::with([Pintail::one_shot(request)])
}

/// Explores `scenario` after people acted so.
fn after(acts: &[Act], scenario: &Scenario) -> Shown {
    let told = |telling| {
        run_with(scenario, telling, |ground| acts.iter().for_each(|act| ground.person(*act)))
    };
    let shown = told(false);
    let story = || told(true).story.join("\n");
    assert!(shown.violations.is_empty(), "{:?}\nin {scenario:#?}\n{}", shown.violations, story());
    shown
}

/// What people did before: the served token lives as a predecessor, or it is gone.
const ADOPTIONS: [&[Act]; 2] = [&[Act::AdoptTheirs], &[Act::RevokeServed, Act::AdoptTheirs]];

#[test]
fn another_accounts_token_is_found_before_anything_is_published_over_it() {
    for (protocol, acts) in PROTOCOLS.into_iter().zip(ADOPTIONS.into_iter().cycle()) {
        let shown = after(acts, &Scenario { protocol, ..asked(Request::ROTATION) });
        let report = shown.reports[0].as_ref().unwrap();
        let problem = report.problem.as_ref().unwrap();
        assert!(problem.message.contains("bi_prod"), "{}", problem.message);
        assert!(problem.message.contains("etl_prod"), "{}", problem.message);
        assert!(problem.hint.as_ref().unwrap().contains("adopt"), "{problem:?}");
        assert!(report.revoked.is_empty());
    }
}

#[test]
fn a_person_is_told_whether_or_not_a_rotation_is_under_way() {
    let outcomes = ADOPTIONS.map(|acts| after(acts, &asked(Request::ROTATION)).outcomes[0]);
    assert_eq!(outcomes, [Some(Outcome::Held), Some(Outcome::Failed)]);
    let created = ADOPTIONS.map(|acts| after(acts, &asked(Request::ROTATION)).created);
    assert_eq!(created, [0, 1], "the one that showed what the endpoint is worth is revoked");
}

#[test]
fn whatever_fails_nothing_is_published_over_another_accounts_token() {
    for protocol in PROTOCOLS {
        for request in [Request::ROTATION, Request::SCHEDULE, Request::ROLL_BACK] {
            let scenario = Scenario { protocol, ..asked(request) };
            for acts in ADOPTIONS {
                for at in 0..after(acts, &scenario).effects {
                    for fault in FAULTS {
                        after(acts, &with_fault(&scenario, at, fault));
                    }
                }
            }
            // At any moment of a rotation that began before.
            for at in 0..explore(&scenario).effects {
                explore(&with_fault(&scenario, at, Fault::Person(Act::AdoptTheirs)));
            }
        }
    }
}

#[test]
fn two_pintails_and_two_faults_publish_nothing_over_another_accounts_token() {
    let mut share = Share::one_in(40);
    let rotation = Pintail::one_shot(Request::ROTATION);
    for pintails in [vec![rotation], vec![rotation, Pintail::daemon(2)]] {
        let scenario = Scenario::with(pintails);
        for acts in ADOPTIONS {
            for at in 0..after(acts, &scenario).effects {
                for first in TELLING_FAULTS {
                    let scenario = with_fault(&scenario, at, first);
                    for later in at + 1..after(acts, &scenario).effects {
                        for second in TELLING_FAULTS {
                            if share.has_next() {
                                after(acts, &with_fault(&scenario, later, second));
                            }
                        }
                    }
                }
            }
        }
    }
    share.tell("pairs of faults after another account's token was adopted");
}

#[test]
fn what_an_endpoint_says_stops_no_rotation() {
    let rolling_back = Pintail::one_shot(Request::ROTATION).rolling_back();
    let rolled_back = Scenario {
        consumers: Consumers::FondOfTheOld,
        ..Scenario::with([rolling_back, Pintail { from_turn: 300, ..rolling_back }])
    };
    for names in ALL_NAMES {
        for (acts, scenario) in [
            (&[][..], asked(Request::ROTATION)),
            (&[], Scenario { history: 0, ..asked(Request::SCHEDULE) }),
            (&[], asked(Request::COMPROMISED)),
            (&[Act::Adopt], asked(Request::ROTATION)),
            (&[Act::Adopt], asked(Request::COMPROMISED)),
        ] {
            let scenario = Scenario { names, ..scenario };
            let shown = after(acts, &scenario);
            assert_eq!(shown.outcomes, [Some(Outcome::Rotated)], "{names:?}");
            // A restart loses what is known of the endpoint.
            for at in 0..shown.effects {
                after(acts, &with_fault(&scenario, at, Fault::CrashAfter));
            }
        }
        explore(&Scenario { names, ..rolled_back.clone() });
    }
}

#[test]
fn a_token_that_was_adopted_is_asked_whose_it_is_and_one_that_was_created_is_not() {
    let connections = |acts: &[Act], names| {
        let scenario = Scenario { names, ..asked(Request::ROTATION) };
        let prepare = |ground: &mut Ground| acts.iter().for_each(|act| ground.person(*act));
        let shown = run_with(&scenario, true, prepare);
        shown.story.iter().filter(|line| line.contains(" connects")).count()
    };
    // Before it is published, as it is read back, and the old one at the end.
    assert_eq!(connections(&[], Names::Right), 3);
    assert_eq!(connections(&[Act::Adopt], Names::Right), 4);
    assert_eq!(connections(&[Act::Adopt], Names::Nothing), 4);
}

#[test]
fn a_token_that_does_not_connect_is_nobodys_and_is_replaced() {
    for dead in [[Act::Adopt, Act::RevokeServed], [Act::RevokeServed, Act::AdoptTheirs]] {
        let shown = run_with(&asked(Request::ROTATION), false, |ground| {
            for act in dead {
                ground.person(act);
            }
            ground.person(Act::RevokeServed);
        });
        assert_eq!(shown.outcomes, [Some(Outcome::Rotated)]);
    }
}

#[test]
fn planted_an_endpoint_that_is_not_asked_is_noticed() {
    let bug = Some(Bug::IgnoresWhoseItIs);
    let shown = run_with(&Scenario { bug, ..asked(Request::ROTATION) }, false, |ground| {
        ground.person(Act::RevokeServed);
        ground.person(Act::AdoptTheirs);
    });
    for part in ["published over another account's token", "did not create was revoked"] {
        let found = shown.violations.iter().any(|what| what.contains(part));
        assert!(found, "{part}: {:?}", shown.violations);
    }
}

/// How often running a revoked token went on connecting, as the record says after a rotation with revocations that take
/// so long, and so often before it.
fn unconfirmed(before: u8, lag: Duration) -> u8 {
    let scenario = Scenario { revocation_lag: lag, ..Scenario::quiet() };
    let mut shown = run_with(&scenario, true, |ground| ground.count_unconfirmed(before));
    assert_eq!(shown.violations, Vec::<String>::new(), "{}", shown.story.join("\n"));
    let report = shown.reports.remove(0).unwrap();
    assert_eq!(report.outcome, Outcome::Rotated);
    report.seen.record.unwrap().unconfirmed_revocations
}

#[test]
fn a_revoked_token_that_goes_on_connecting_is_counted_until_one_is_refused() {
    let (at_once, in_time, never) =
        (Duration::ZERO, Duration::from_secs(20), Duration::from_hours(10));
    for (before, lag, after) in [
        (0, at_once, 0),
        (0, in_time, 0),
        (0, never, 1),
        (1, never, 2),
        (2, never, 3),
        (u8::MAX, never, u8::MAX),
        (2, in_time, 0),
    ] {
        assert_eq!(unconfirmed(before, lag), after, "{before}, {lag:?}");
    }
}

#[test]
fn who_counts_looks_and_writes_once_and_who_need_not_count_does_neither() {
    let (at_once, never) = (Duration::ZERO, Duration::from_hours(1));
    let effects = |lag| explore(&Scenario { revocation_lag: lag, ..Scenario::quiet() }).effects;
    assert_eq!(effects(never), effects(at_once) + 29 + 2, "it was tried thirty times");
}

#[test]
fn what_cannot_be_counted_harms_nobody() {
    let scenario = Scenario { revocation_lag: Duration::from_hours(1), ..Scenario::quiet() };
    let shown = explore(&scenario);
    for at in shown.effects - 3..shown.effects {
        for fault in FAULTS {
            explore(&with_fault(&scenario, at, fault));
        }
    }
}
