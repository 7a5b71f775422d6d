//! The checker is checked: each test plants one bug, in the judgement or in an adapter, and a promise must break.

use std::sync::Mutex;

use super::{FAULTS, TELLING_FAULTS, scenarios, with_fault};
use crate::record::Phase;
use crate::rotation::decide::{
    Decided, Decision, Observation, Reason, Request, SecretState, Subject, decide,
};
use crate::rotation::reconcile::Judge;
use crate::rotation::simulation::bugs::Bug;
use crate::rotation::simulation::ground::{Act, Fault, Ground};
use crate::rotation::simulation::run::{Pintail, Scenario, run, run_with};

/// The worlds that are searched: one pintail of each kind, then pairs.
fn worlds() -> Vec<Scenario> {
    let forced = Pintail::one_shot(Request::ROTATION);
    let mut worlds = scenarios();
    worlds.push(Scenario::with([Pintail { sweeps: 2, ..forced }]));
    worlds.push(Scenario::with([forced, forced]));
    worlds.push(Scenario::with([
        forced,
        Pintail { from_turn: 9, ..Pintail::one_shot(Request::COMPROMISED) },
    ]));
    worlds
}

/// Searches without a fault, with one, with one preemption, with two faults, and tells the first broken promise.
fn first_broken(plant: impl Fn(Scenario) -> Scenario) -> Option<String> {
    let broken = |scenario: &Scenario| run(scenario).violations.into_iter().next();
    let worlds: Vec<_> = worlds().into_iter().map(plant).collect();
    let sizes: Vec<_> = worlds.iter().map(run).collect();
    if let Some(law) = sizes.iter().find_map(|shown| shown.violations.first()) {
        return Some(law.clone());
    }
    for (world, size) in worlds.iter().zip(&sizes) {
        for at in 0..size.effects.min(60) {
            for fault in FAULTS {
                if let Some(law) = broken(&with_fault(world, at, fault)) {
                    return Some(law);
                }
            }
        }
    }
    for (world, size) in worlds.iter().zip(&sizes).filter(|(world, _)| world.pintails.len() > 1) {
        for at in 0..size.turns {
            let world = Scenario { switches: vec![(at, 1)], ..world.clone() };
            if let Some(law) = broken(&world) {
                return Some(law);
            }
        }
    }
    let twice = &worlds[scenarios().len()];
    (0..30).find_map(|at| {
        TELLING_FAULTS.into_iter().find_map(|first| {
            let world = with_fault(twice, at, first);
            (at + 1..run(&world).effects.min(60)).find_map(|later| {
                TELLING_FAULTS
                    .into_iter()
                    .find_map(|second| broken(&with_fault(&world, later, second)))
            })
        })
    })
}

fn assert_caught(law: Option<String>, expected: &str) {
    let law = law.expect("the planted bug was not noticed");
    assert!(law.contains(expected), "noticed by another law than expected: {law}");
}

fn judged(judge: fn() -> Box<Judge>) -> Option<String> {
    first_broken(|scenario| Scenario { judge: Some(judge), ..scenario })
}

fn adapted(bug: Bug) -> Option<String> {
    first_broken(|scenario| Scenario { bug: Some(bug), ..scenario })
}

fn planted(step: Decision) -> Decided {
    Decided { rule: "planted", step }
}

/// A judgement that lets `decide` decide, and then changes its mind.
macro_rules! second_thoughts {
    (|$subject:ident, $seen:ident, $decision:ident| $body:expr) => {
        || {
            Box::new(|$subject: &Subject, $seen: &Observation<'_>| {
                let $decision = decide($subject, $seen).step;
                planted($body)
            })
        }
    };
}

fn previous(seen: &Observation<'_>) -> Vec<crate::names::TokenId> {
    match seen.secret {
        SecretState::Managed(record) => record.previous_token_ids.clone(),
        SecretState::Vacant(_) | SecretState::Unmanaged | SecretState::Edited(_) => vec![],
    }
}

fn is_unresolved(seen: &Observation<'_>) -> bool {
    matches!(seen.secret, SecretState::Managed(record) if record.is_unfinished())
}

#[test]
fn planted_a_rotation_without_a_seal_is_noticed() {
    // Unsealed, the predecessor may be served again while its revocation is under way.
    let law = judged(second_thoughts!(|_subject, seen, decision| match decision {
        Decision::Seal { .. }
            if previous(seen).iter().any(|id| !seen.evidence.gone.contains(id)) =>
            Decision::Revoke(previous(seen)),
        Decision::Seal { .. } => Decision::Rest { next_due: None, elsewhere: vec![] },
        other => other,
    }));
    assert!(law.is_some());
}

#[test]
fn planted_a_seal_after_the_revocation_is_noticed() {
    let unsealed = || -> Box<Judge> {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            planted(match decide(subject, seen).step {
                Decision::Seal { .. }
                    if previous(seen).iter().any(|id| !seen.evidence.gone.contains(id)) =>
                {
                    Decision::Revoke(previous(seen))
                }
                other => other,
            })
        })
    };
    // The revocation is late, and meanwhile a person goes back to the token that it will hit.
    let law = (10..60).find_map(|at| {
        let back = Pintail { from_turn: at, ..Pintail::one_shot(Request::ROLL_BACK) };
        let world = Scenario {
            judge: Some(unsealed),
            switches: vec![(at, 1)],
            ..Scenario::with([Pintail::one_shot(Request::ROTATION), back])
        };
        (5..40).find_map(|effect| {
            run(&with_fault(&world, effect, Fault::Delay(1_000))).violations.into_iter().next()
        })
    });
    assert_caught(law, "promise 1");
}

#[test]
fn planted_an_orphan_reaped_before_the_write_is_noticed() {
    assert_caught(
        judged(second_thoughts!(|_subject, _seen, decision| match decision {
            Decision::Replace { orphans, .. } | Decision::Fence { orphans }
                if !orphans.is_empty() =>
                Decision::Revoke(orphans),
            other => other,
        })),
        "promise 1",
    );
}

#[test]
fn planted_evidence_of_another_version_is_noticed() {
    let law = judged(|| {
        let proved = Mutex::new(None);
        Box::new(move |subject: &Subject, seen: &Observation<'_>| {
            let mut proved = proved.lock().unwrap();
            let proofs = seen.evidence.proofs();
            if proofs.gate.streak > 1 && proofs.verify.succeeded() {
                *proved = Some(proofs.clone());
            }
            let mut evidence = seen.evidence.clone();
            if let Some(proofs) = proved.as_ref().filter(|_| is_unresolved(seen)) {
                *evidence.proofs_mut() = proofs.clone();
            }
            decide(subject, &Observation { evidence: &evidence, ..*seen })
        })
    });
    assert_caught(law, "promise 2");
}

#[test]
fn planted_a_gate_that_is_skipped_is_noticed() {
    let law = judged(|| {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            let request =
                if is_unresolved(seen) { Request::COMPROMISED.begun() } else { seen.request };
            decide(subject, &Observation { request, ..*seen })
        })
    });
    assert_caught(law, "promise 2");
}

#[test]
fn planted_a_gate_that_is_skipped_after_a_restart_is_noticed() {
    let law = judged(|| {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            // Who begins by the schedule and finds a rotation under way did not begin it.
            let found = is_unresolved(seen) && seen.request == Request::SCHEDULE;
            let request = if found { Request::COMPROMISED.begun() } else { seen.request };
            decide(subject, &Observation { request, ..*seen })
        })
    });
    assert_caught(law, "promise 2");
}

#[test]
fn planted_a_rotation_without_a_verification_is_noticed() {
    assert_caught(
        judged(second_thoughts!(|_subject, seen, decision| match decision {
            Decision::Verify if is_unresolved(seen) => Decision::Seal { orphans: vec![] },
            other => other,
        })),
        "promise 2",
    );
}

#[test]
fn planted_a_roll_back_that_revokes_at_once_is_noticed() {
    assert_caught(
        judged(second_thoughts!(|_subject, seen, decision| match seen.secret {
            SecretState::Managed(record)
                if record.is_rolled_back()
                    && record.phase == Phase::Published
                    && record
                        .previous_token_ids
                        .iter()
                        .any(|id| !seen.evidence.gone.contains(id)) =>
                Decision::Revoke(record.previous_token_ids.clone()),
            _ => decision,
        })),
        "promise 2",
    );
}

#[test]
fn planted_a_roll_back_after_the_seal_is_noticed() {
    let law = judged(second_thoughts!(|_subject, _seen, decision| match decision {
        Decision::Revoke(ids) => Decision::RollBack(ids[0]),
        other => other,
    }));
    assert_caught(law, "promise 1");
}

#[test]
fn planted_a_replacement_that_forgets_its_predecessor_is_noticed() {
    assert_caught(
        judged(second_thoughts!(|_subject, _seen, decision| match decision {
            Decision::Replace { reason, orphans, elsewhere, .. } =>
                Decision::Replace { reason, previous: vec![], orphans, elsewhere },
            other => other,
        })),
        "promise 2",
    );
}

#[test]
fn planted_a_predecessor_that_an_empty_list_makes_forgotten_is_noticed() {
    assert_caught(
        judged(second_thoughts!(|_subject, seen, decision| match decision {
            Decision::Replace { reason, orphans, mut previous, elsewhere } => {
                previous.retain(|id| seen.listing.unwrap_or_default().iter().any(|t| t.id == *id));
                Decision::Replace { reason, previous, orphans, elsewhere }
            }
            other => other,
        })),
        "promise 2",
    );
}

#[test]
fn planted_absence_taken_as_proof_is_noticed() {
    let lists = crate::rotation::simulation::ground::Lists::Empty;
    let daemon = Scenario { lists, ..Scenario::with([Pintail::daemon(1)]) };
    assert!(run(&daemon).violations.is_empty(), "an empty list proves nothing");
    let hasty: fn() -> Box<Judge> =
        second_thoughts!(|_subject, seen, decision| match seen.secret {
            SecretState::Managed(record)
                if seen.request == Request::SCHEDULE
                    && seen
                        .listing
                        .is_some_and(|list| list.iter().all(|t| t.id != record.token_id)) =>
                Decision::Replace {
                    reason: Reason::Lost,
                    previous: vec![record.token_id],
                    orphans: vec![],
                    elsewhere: vec![],
                },
            _ => decision,
        });
    let shown = run(&Scenario { judge: Some(hasty), ..daemon });
    assert_caught(shown.violations.into_iter().next(), "nothing and nobody asked");
}

#[test]
fn planted_mirrors_that_are_forgotten_are_noticed() {
    let forgetful: fn() -> Box<Judge> = || {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            decide(&Subject { mirrors: vec![], ..subject.clone() }, seen)
        })
    };
    let mirror = Some(crate::rotation::simulation::mirror::Keeps::Both);
    let shown = run(&Scenario { mirror, judge: Some(forgetful), ..Scenario::quiet() });
    assert_caught(shown.violations.into_iter().next(), "a mirror serves was revoked");
}

#[test]
fn planted_an_admin_token_that_revokes_itself_is_noticed() {
    let bug = Some(Bug::KeepsItsAdminToken);
    let shown = run(&Scenario { is_admin: true, bug, ..Scenario::quiet() });
    assert_caught(shown.violations.into_iter().next(), "the admin token that it goes by");
}

#[test]
fn planted_a_write_that_does_not_compare_is_noticed() {
    assert!(adapted(Bug::WritesOverAnything).is_some());
}

#[test]
fn planted_a_token_published_again_after_a_conflict_is_noticed() {
    assert_caught(adapted(Bug::PublishesAgain), "promise");
}

#[test]
fn planted_silence_after_a_publication_taken_as_refusal_is_noticed() {
    assert_caught(adapted(Bug::SilenceIsRefusal), "promise 1");
}

#[test]
fn planted_silence_after_a_publication_taken_as_success_is_noticed() {
    assert_caught(adapted(Bug::SilenceIsSuccess), "promise");
}

#[test]
fn planted_a_creation_that_is_sent_again_is_noticed() {
    assert_caught(adapted(Bug::RetriesCreation), "asked for twice");
}

#[test]
fn planted_any_refusal_taken_as_gone_is_noticed() {
    assert_caught(adapted(Bug::AnyNoIsGone), "its predecessor lives");
}

#[test]
fn planted_a_proof_of_what_is_remembered_and_not_read_is_noticed() {
    assert_caught(adapted(Bug::ReadsFromMemory), "promise 2");
}

/// A promise that breaks where an operator moves the secret and `judge` is wrong.
fn broken_by_a_move(judge: fn() -> Box<Judge>) -> Option<String> {
    let later = |from_turn| Pintail { from_turn, ..Pintail::one_shot(Request::SCHEDULE) };
    let moved = Scenario::with([later(0), later(40), later(80)]);
    let long_ago = |ground: &mut Ground| ground.now += jiff::SignedDuration::from_hours(1);
    (0..30).find_map(|at| {
        let scenario = with_fault(&moved, at, Fault::Person(Act::Move));
        let shown = run_with(&Scenario { judge: Some(judge), ..scenario }, false, long_ago);
        shown.violations.into_iter().next()
    })
}

#[test]
fn planted_an_empty_place_taken_for_a_lost_one_is_noticed() {
    let law = broken_by_a_move(second_thoughts!(|_subject, _seen, decision| match decision {
        Decision::Replace { reason, mut previous, orphans, mut elsewhere } => {
            previous.append(&mut elsewhere);
            Decision::Replace { reason, previous, orphans, elsewhere }
        }
        other => other,
    }));
    assert_caught(law, "another place serves was revoked");
}

#[test]
fn planted_what_lives_elsewhere_taken_for_an_orphan_is_noticed() {
    let law = broken_by_a_move(second_thoughts!(|_subject, _seen, decision| match decision {
        Decision::Rest { elsewhere, .. } if !elsewhere.is_empty() =>
            Decision::Fence { orphans: elsewhere },
        other => other,
    }));
    assert_caught(law, "another place serves was revoked");
}

#[test]
fn planted_credit_for_a_token_that_was_not_seen_to_connect_is_noticed() {
    let credulous: fn() -> Box<Judge> = || {
        Box::new(|subject: &Subject, seen: &Observation<'_>| {
            let mut evidence = seen.evidence.clone();
            evidence.proofs_mut().verify.count(seen.time.now, Ok(()));
            decide(subject, &Observation { is_unproved: false, evidence: &evidence, ..*seen })
        })
    };
    assert_caught(judged(credulous), "promise");
}
