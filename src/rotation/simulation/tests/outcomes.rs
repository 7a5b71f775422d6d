//! What a run says of itself, and when it gives up.

use std::time::Duration;

use super::{FAULTS, PROTOCOLS, explore, with_fault};
use crate::fault::FaultKind;
use crate::rotation::decide::{Decided, Decision, Observation, Request, Subject};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::simulation::bugs::Bug;
use crate::rotation::simulation::ground::{Consumers, Fault, Message};
use crate::rotation::simulation::run::{Pintail, Scenario, run, run_with};
use crate::rotation::step_log::{Step, StepOutcome};

fn alone(request: Request) -> Scenario {
    Scenario::with([Pintail::one_shot(request)])
}

fn told(scenario: &Scenario) -> Report {
    explore(scenario).reports.into_iter().next().flatten().expect("it came to an end by itself")
}

fn steps(report: &Report) -> Vec<Step> {
    report.steps.iter().map(|step| step.step).collect()
}

#[test]
fn a_quiet_rotation_tells_each_step_once_and_what_it_revoked() {
    let report = told(&Scenario::quiet());
    assert_eq!(report.outcome, Outcome::Rotated);
    let all = [
        Step::Create,
        Step::Preflight,
        Step::Publish,
        Step::Deploy,
        Step::Gate,
        Step::Verify,
        Step::Seal,
        Step::Revoke,
        Step::Confirm,
    ];
    assert_eq!(steps(&report), all);
    assert!(report.steps.iter().all(|step| step.outcome == StepOutcome::Ok));
    let gate = report.steps.iter().find(|step| step.step == Step::Gate).unwrap();
    assert!(gate.duration_ms >= 5_000, "all polls are one step: {}", gate.duration_ms);
    assert_eq!(report.revoked, [report.previous_token_id.unwrap()]);
    assert_eq!(report.problem, None);
    let renewal = report.expires_at.unwrap() - jiff::SignedDuration::from_hours(24);
    assert_eq!(report.again_at, Some(renewal));
}

#[test]
fn a_quiet_rotation_asks_for_nothing_twice() {
    // Read, list, probe, create, connect, publish; read, deploy, two polls, connect; seal, revoke, connect.
    assert_eq!(explore(&Scenario::quiet()).effects, 14);
}

#[test]
fn who_goes_on_with_anothers_rotation_sees_the_old_token_refused_too() {
    let report = told(&failing([5], Fault::CrashAfter));
    assert_eq!(report.outcome, Outcome::Rotated);
    let last = report.steps.last().unwrap();
    assert_eq!((report.steps[0].step, last.step), (Step::Deploy, Step::Confirm));
    assert_eq!(last.outcome, StepOutcome::Ok);
}

#[test]
fn a_token_whose_creation_gave_no_answer_is_revoked_before_the_next_is_made() {
    let shown = explore(&failing([3], Fault::LoseReply));
    assert_eq!((shown.created, shown.most_alive), (2, 2));
}

#[test]
fn an_orphan_is_revoked_behind_a_write_and_the_write_is_made_once() {
    let name = "pintail/sim/etl/0190163d-8694-739b-aea5-966c26f8ad91".to_owned();
    let shown = run_with(&Scenario::with([Pintail::daemon(3)]), true, |ground| {
        ground.apply(Message::Create { name });
        ground.created = 0;
    });
    assert!(shown.violations.is_empty(), "{:?}", shown.violations);
    let acts = |line: &&String| line.contains("publishes") || line.contains("revokes");
    let acts: Vec<_> = shown.story.iter().filter(acts).collect();
    assert!(
        matches!(*acts, [write, end] if write.contains("publishes") && end.contains("revokes")),
        "{acts:?}"
    );
    // Where the revocation fails, the write need not be made again.
    let at = shown.story.iter().position(|line| line.contains("revokes")).unwrap();
    let effect = shown.story[at].split(':').next().unwrap().parse().unwrap();
    let name = "pintail/sim/etl/0190163d-8694-739b-aea5-966c26f8ad91".to_owned();
    let again = with_fault(&Scenario::with([Pintail::daemon(3)]), effect, Fault::Refuse);
    let shown = run_with(&again, true, |ground| {
        ground.apply(Message::Create { name });
        ground.created = 0;
    });
    let writes = shown.story.iter().filter(|line| line.contains("publishes")).count();
    assert_eq!((writes, shown.violations.len()), (1, 0));
}

#[test]
fn at_rest_there_is_nothing_to_tell() {
    let report = told(&alone(Request::SCHEDULE));
    assert_eq!((report.outcome, report.problem), (Outcome::NotDue, None));
    assert!(report.steps.is_empty() && report.revoked.is_empty());
    assert!(report.token_id.is_some() && report.again_at.is_some());
}

#[test]
fn a_held_rotation_tells_what_is_in_the_way_and_when_it_looks_again() {
    let report = told(&Scenario { consumers: Consumers::Sick, ..Scenario::quiet() });
    let problem = report.problem.unwrap();
    assert_eq!(problem.step, Some(Step::Gate));
    assert_eq!(problem.kind, FaultKind::Transient);
    assert!(problem.message.contains("not healthy") && problem.message.contains("simulated"));
    assert!(problem.advice(&"etl".parse().unwrap()).contains("both tokens stay valid"));
    assert!(report.again_at.is_some() && report.revoked.is_empty());
}

/// A quiet rotation whose first effects are: read, list, probe, create, connect, publish, read; with `fault` at some.
fn failing(at: impl IntoIterator<Item = u32>, fault: Fault) -> Scenario {
    at.into_iter().fold(Scenario::quiet(), |scenario, at| with_fault(&scenario, at, fault))
}

#[test]
fn what_only_a_person_can_mend_ends_the_run_at_once() {
    let report = told(&failing([3], Fault::Deny));
    assert_eq!(report.outcome, Outcome::Failed);
    let problem = report.problem.unwrap();
    assert_eq!((problem.step, problem.kind), (Some(Step::Create), FaultKind::Permanent));
}

#[test]
fn what_may_pass_is_tried_a_few_times_at_pauses_that_double() {
    let report = told(&failing([3, 7, 11], Fault::Refuse));
    assert_eq!(report.outcome, Outcome::Rotated);
    let created = &report.steps[0];
    assert_eq!((created.step, created.outcome), (Step::Create, StepOutcome::Ok));
    // Two, four and eight seconds, each up to a quarter shorter.
    assert!((10_500..17_000).contains(&created.duration_ms), "{}", created.duration_ms);
    let report = told(&failing([3, 7, 11, 15], Fault::Refuse));
    assert_eq!(report.outcome, Outcome::Failed);
    let problem = report.problem.unwrap();
    assert_eq!((problem.step, problem.kind), (Some(Step::Create), FaultKind::Transient));
}

#[test]
fn failures_that_are_not_in_a_row_end_nothing() {
    // Three before the publication, one after it.
    let report = told(&failing([3, 7, 11, 18], Fault::Refuse));
    assert_eq!(report.outcome, Outcome::Rotated);
}

#[test]
fn a_publication_that_may_have_landed_is_not_called_a_failure() {
    let silent = |lost| {
        let scenario = failing(6..10, Fault::Refuse);
        told(&if lost { with_fault(&scenario, 5, Fault::LoseReply) } else { scenario })
    };
    for report in [silent(true), silent(false)] {
        assert_eq!(report.outcome, Outcome::Held, "{:?}", report.problem);
    }
    assert_eq!(told(&failing(0..4, Fault::Refuse)).outcome, Outcome::Failed);
}

#[test]
fn a_new_token_is_tried_five_times_before_it_is_given_up() {
    let slow = explore(&failing(4..8, Fault::LoseReply));
    assert_eq!((slow.created, slow.outcomes), (1, vec![Some(Outcome::Rotated)]));
    let dead = explore(&failing(4..9, Fault::LoseReply));
    assert_eq!(
        (dead.created, dead.outcomes, dead.most_alive),
        (1, vec![Some(Outcome::Failed)], 2),
        "another would not end in time"
    );
    let denied = explore(&failing([4], Fault::Deny));
    assert_eq!((denied.created, denied.outcomes), (1, vec![Some(Outcome::Failed)]));
    assert_eq!(denied.effects, 6, "it is revoked at once and not tried again");
}

#[test]
fn an_old_token_is_seen_refused_or_that_is_said() {
    let confirmed = |lag| {
        let report = told(&Scenario { revocation_lag: lag, ..Scenario::quiet() });
        assert_eq!(report.outcome, Outcome::Rotated);
        let last = report.steps.last().unwrap();
        assert_eq!(last.step, Step::Confirm);
        (last.outcome, last.duration_ms / 1_000)
    };
    assert_eq!(confirmed(Duration::from_secs(20)), (StepOutcome::Ok, 21));
    let (outcome, seconds) = confirmed(Duration::from_mins(10));
    assert_eq!(outcome, StepOutcome::Warning);
    assert!((58..63).contains(&seconds), "{seconds}");
}

#[test]
fn who_asks_while_another_rotates_gets_that_rotation() {
    let forced = Pintail::one_shot(Request::ROTATION);
    let both = [Some(Outcome::Rotated), Some(Outcome::Rotated)];
    // The second comes while the first waits at the gate.
    let shown = explore(&Scenario::with([forced, forced]));
    assert_eq!((shown.created, shown.outcomes.as_slice()), (1, both.as_slice()));
    // The second stands still before its first look, and finds the rotation complete.
    let late = Scenario { switches: vec![(0, 1)], ..Scenario::with([forced, forced]) };
    let shown = explore(&with_fault(&late, 0, Fault::Pause(1)));
    assert_eq!((shown.created, shown.outcomes.as_slice()), (1, both.as_slice()));
    // What began before somebody asked is not what was asked for.
    let shown = explore(&Scenario { history: 2, ..Scenario::quiet() });
    assert_eq!(shown.created, 1);
}

#[test]
fn a_judgement_that_never_comes_to_an_end_is_stopped() {
    let shown = run(&Scenario {
        judge: Some(|| {
            let list = || Decided { rule: "planted", step: Decision::List };
            Box::new(move |_: &Subject, _: &Observation<'_>| list())
        }),
        ..Scenario::quiet()
    });
    assert_eq!(shown.outcomes, [Some(Outcome::Failed)]);
    assert!((900..1_100).contains(&shown.effects), "{}", shown.effects);
}

#[test]
fn a_conflict_that_no_other_writer_explains_ends_the_run_after_a_few_tokens() {
    let shown = run(&Scenario { bug: Some(Bug::AlwaysConflicts), ..Scenario::quiet() });
    assert_eq!(shown.outcomes, [Some(Outcome::Failed)]);
    assert!(shown.created <= 4, "{} tokens", shown.created);
    let problem = shown.reports[0].as_ref().unwrap().problem.as_ref().unwrap();
    assert!(problem.message.contains("which has not changed"), "{}", problem.message);
}

/// The new token is held by sick consumers, then a person goes back.
fn going_back() -> Scenario {
    let held = Pintail::one_shot(Request::ROTATION);
    let back = Pintail { from_turn: 200, ..Pintail::one_shot(Request::ROLL_BACK) };
    Scenario { consumers: Consumers::FondOfTheOld, ..Scenario::with([held, back]) }
}

#[test]
fn a_roll_back_whose_reply_was_lost_is_known_to_be_done() {
    for protocol in PROTOCOLS {
        let scenario = Scenario { protocol, ..going_back() };
        let quiet = explore(&scenario);
        assert_eq!(quiet.outcomes, [Some(Outcome::Held), Some(Outcome::RolledBack)]);
        for at in 0..quiet.effects {
            for fault in [Fault::LoseReply, Fault::Delay(0), Fault::LoseRequest] {
                let shown = explore(&with_fault(&scenario, at, fault));
                let back = shown.outcomes[1];
                assert_eq!(back, Some(Outcome::RolledBack), "{fault:?} at {at}, {protocol:?}");
            }
        }
    }
}

#[test]
fn a_predecessor_is_served_again_as_a_publication_of_now_that_was_never_sealed() {
    let shown = explore(&Scenario { history: 3, ..going_back() });
    assert_eq!(shown.outcomes, [Some(Outcome::Held), Some(Outcome::RolledBack)]);
    let record = shown.reports[1].as_ref().unwrap().seen.record.as_ref().unwrap();
    let age = record.published_at.duration_since(record.created_at);
    assert!(age > jiff::SignedDuration::from_mins(1), "{age}");
}

#[test]
fn a_predecessor_from_before_a_take_over_is_served_again_as_our_own() {
    let bug = Some(Bug::OlderIsAnothers);
    let shown = run(&Scenario { bug, ..going_back() });
    assert_eq!(shown.violations, Vec::<String>::new());
    assert_eq!(shown.outcomes, [Some(Outcome::Held), Some(Outcome::RolledBack)]);
}

#[test]
fn who_asked_for_a_rotation_gets_one_and_not_two_whatever_fails() {
    for protocol in PROTOCOLS {
        let scenario = Scenario { protocol, ..Scenario::quiet() };
        for at in 0..explore(&scenario).effects {
            for fault in FAULTS {
                let shown = explore(&with_fault(&scenario, at, fault));
                assert!(shown.created <= 3, "{fault:?} at {at}: {} tokens", shown.created);
            }
        }
    }
}

#[test]
fn a_write_that_is_acknowledged_and_not_there_is_a_failure_and_costs_one_token_a_run() {
    let requests = [
        Request::ROTATION,
        Request::SCHEDULE,
        Request::COMPROMISED,
        Request::ROTATION.giving_up_old_place(),
    ];
    for request in requests {
        let world = Scenario {
            history: 0,
            bug: Some(Bug::KeepsNothing),
            ..Scenario::with([Pintail::one_shot(request)])
        };
        let shown = run(&world);
        assert_eq!(shown.outcomes, vec![Some(Outcome::Failed)], "{request:?}");
        assert_eq!(shown.created, 1, "{request:?}");
    }
}
