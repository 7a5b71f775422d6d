//! The rules of the design, a row each: the road from a publication to its seal, and back.

use std::time::Duration;

use super::look::{DAY, Look, at, foreign, id, listed, tries, version};
use crate::rotation::decide::{Awaited, Decision, Obstacle, Reason, Refusal, Request};
use crate::rotation::policy::{GatePace, OnFailure};
use crate::rotation::world::Version;

use super::mirrors::mirror_place;
use super::table::{check, hold, replaced, rest, wait};

#[test]
#[expect(clippy::too_many_lines, reason = "the whole road in one table")]
fn a_rotation_walks_from_its_publication_to_its_seal() {
    let rotating = Look::rotating;
    let deployed = |look: &mut Look| look.evidence.proofs_mut().deploy = tries(1, 1, 50);
    let gate = |count, streak, ago| {
        move |look: &mut Look| look.evidence.proofs_mut().gate = tries(count, streak, ago)
    };
    let verify = |count, streak, ago| {
        move |look: &mut Look| look.evidence.proofs_mut().verify = tries(count, streak, ago)
    };
    let verified = Look::proved;
    let gated = || verified().edit(verify(0, 0, 0));
    let at_gate = Awaited::Step(Obstacle::Gate);
    check(vec![
        ("the clients are told first", rotating(), Decision::Deploy),
        (
            "a hook that fails is called again, at its pace",
            rotating().edit(|look| look.evidence.proofs_mut().deploy = tries(1, 0, 1)),
            wait(2, Awaited::Step(Obstacle::Deploy)),
        ),
        (
            "what was published a moment ago may yet be read as it was: the clients are told later",
            rotating().edit(|look| {
                look.subject.settle =
                    look.now.duration_since(look.record.published_at).unsigned_abs()
                        + Duration::from_secs(9);
            }),
            wait(9, Awaited::Step(Obstacle::Deploy)),
        ),
        (
            "nobody waits for that where the token is known to others",
            rotating().edit(|look| {
                look.subject.settle = Duration::from_hours(24 * 365);
                look.request = Request::COMPROMISED.begun();
            }),
            Decision::Deploy,
        ),
        (
            "a publication that lies in the future was made before the clock was set back: no wait",
            rotating().edit(|look| {
                look.subject.settle = Duration::from_secs(90);
                look.record.published_at = at(3_600);
            }),
            Decision::Deploy,
        ),
        (
            "a mirror that was written later is waited for as long",
            rotating().edit(|look| {
                look.subject.settle = Duration::from_secs(90);
                look.subject.mirrors = vec![mirror_place()];
                look.mirrored = true;
                look.evidence.proofs_mut().mirror = tries(1, 1, 30);
            }),
            wait(60, Awaited::Step(Obstacle::Deploy)),
        ),
        ("then the gate is polled", rotating().edit(deployed), Decision::PollGate),
        (
            "without a hook the gate comes first",
            rotating().edit(|look| look.subject.has_deploy_hook = false),
            Decision::PollGate,
        ),
        ("at its interval", rotating().edit(deployed).edit(gate(1, 1, 4)), wait(6, at_gate)),
        (
            "a poll that lies in the future was made before the clock was set back: no wait",
            rotating().edit(deployed).edit(gate(1, 1, -3_600)),
            Decision::PollGate,
        ),
        (
            "two healthy polls of three are not enough",
            rotating().edit(deployed).edit(gate(2, 2, 10)),
            Decision::PollGate,
        ),
        ("after the gate comes the proof", gated(), Decision::Verify),
        (
            "which is tried again",
            gated().edit(verify(1, 0, 1)),
            wait(2, Awaited::Step(Obstacle::Verify)),
        ),
        ("after the proof the seal", verified(), Decision::Seal { orphans: vec![] }),
        (
            "what was listed and is in no record dies behind the seal",
            verified().listing([listed(1, DAY), listed(2, DAY), listed(3, 0), foreign(9)]),
            Decision::Seal { orphans: vec![id(3)] },
        ),
        (
            "evidence of another version is none",
            verified().edit(|look| look.evidence.look_at(&Version::new("8"))),
            Decision::Deploy,
        ),
        (
            "evidence of the same version stays",
            verified().edit(|look| look.evidence.look_at(&version())),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "who only finishes walks the same road",
            verified().asked(Request::FINISH),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "an open gate asks nobody, and the proof is asked for all the same",
            rotating().edit(deployed).gate(GatePace::Open),
            Decision::Verify,
        ),
        (
            "a waiting gate waits",
            rotating().edit(deployed).gate(GatePace::Wait(Duration::from_mins(3))),
            wait(120, at_gate),
        ),
        (
            "and opens",
            rotating().edit(deployed).gate(GatePace::Wait(Duration::from_mins(1))),
            Decision::Verify,
        ),
    ]);
}

#[test]
fn what_fails_until_the_deadline_is_held_or_rolled_back() {
    let sick = Look::sick;
    let back = || sick().on_failure(OnFailure::RollBack);
    let refused = |look: &mut Look| {
        let proofs = look.evidence.proofs_mut();
        proofs.gate = tries(3, 3, 60);
        proofs.verify = tries(5, 0, 5);
    };
    let finish = Request::FINISH;
    check(vec![
        (
            "before the deadline nothing is given up",
            sick().edit(|look| look.record.published_at = at(-60)),
            wait(5, Awaited::Step(Obstacle::Gate)),
        ),
        (
            "a publication a day ahead was made before the clock was set back: no deadline of a day",
            sick().asked(finish).edit(|look| look.record.published_at = at(DAY)),
            hold(Obstacle::Gate, 55),
        ),
        (
            "nor of the whole patience: only more than that is a clock set back",
            sick().edit(|look| look.record.published_at = at(15 * 60)),
            wait(5, Awaited::Step(Obstacle::Gate)),
        ),
        (
            "one that is a minute ahead was made by a clock that is",
            sick().edit(|look| look.record.published_at = at(60)),
            wait(5, Awaited::Step(Obstacle::Gate)),
        ),
        ("both tokens stay", sick().asked(finish), hold(Obstacle::Gate, 55)),
        ("or the old one comes back", back(), Decision::RollBack(id(1))),
        (
            "after a restart, long after the deadline, the gate is polled a fair number of times",
            back().edit(|look| look.evidence.proofs_mut().gate = tries(4, 0, 10)),
            Decision::PollGate,
        ),
        (
            "and then it is judged",
            back().edit(|look| look.evidence.proofs_mut().gate = tries(5, 0, 10)),
            Decision::RollBack(id(1)),
        ),
        (
            "consumers that begin to be healthy are not condemned in the middle",
            back().edit(|look| look.evidence.proofs_mut().gate = tries(90, 1, 10)),
            Decision::PollGate,
        ),
        (
            "a held gate is polled once a minute",
            sick().asked(finish).edit(|look| look.evidence.proofs_mut().gate = tries(90, 0, 60)),
            Decision::PollGate,
        ),
        (
            "a refused proof is held too",
            sick().edit(refused).asked(finish),
            hold(Obstacle::Verify, 55),
        ),
        ("or rolled back", back().edit(refused), Decision::RollBack(id(1))),
        (
            "so is a hook that fails",
            sick().asked(finish).edit(|look| look.evidence.proofs_mut().deploy = tries(5, 0, 5)),
            hold(Obstacle::Deploy, 55),
        ),
        (
            "a roll-back is not rolled back",
            Look::rolled_back().on_failure(OnFailure::RollBack).asked(finish),
            hold(Obstacle::Gate, 55),
        ),
        (
            "it walks the same road, gate included",
            Look::rolled_back().edit(|look| look.evidence = Look::proved().evidence),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "where the old token cannot come back, the new one is held",
            back()
                .asked(finish)
                .edit(|look| look.evidence.proofs_mut().no_way_back = Some(String::new())),
            hold(Obstacle::Gate, 55),
        ),
        (
            "a rotation that began over an unfinished one is not rolled back",
            back().asked(finish).edit(|look| look.record.previous_token_ids.push(id(5))),
            hold(Obstacle::Gate, 55),
        ),
    ]);
}

#[test]
fn a_hook_or_a_proof_is_tried_at_its_pace_and_never_given_up_before_its_deadline() {
    let deploy = |count, ago| {
        move |look: &mut Look| look.evidence.proofs_mut().deploy = tries(count, 0, ago)
    };
    let verify = |count, ago| {
        move |look: &mut Look| {
            let proofs = look.evidence.proofs_mut();
            proofs.gate = tries(3, 3, 60);
            proofs.verify = tries(count, 0, ago);
        }
    };
    let back = || Look::sick().on_failure(OnFailure::RollBack);
    let compromised = || Look::rotating().asked(Request::COMPROMISED.begun());
    let (at_deploy, at_verify) = (Awaited::Step(Obstacle::Deploy), Awaited::Step(Obstacle::Verify));
    check([
        ("not sooner than its pace", Look::rotating().edit(deploy(4, 2)), wait(1, at_deploy)),
        ("but then", Look::rotating().edit(deploy(4, 3)), Decision::Deploy),
        (
            "before the deadline a fifth failure ends nothing",
            Look::rotating().edit(deploy(5, 2)),
            wait(1, at_deploy),
        ),
        (
            "after a restart, long after the deadline, a first failure ends nothing either",
            back().edit(deploy(1, 2)),
            wait(1, at_deploy),
        ),
        ("nor does a fourth", back().edit(verify(4, 2)), wait(1, at_verify)),
        ("a fifth does", back().edit(verify(5, 2)), Decision::RollBack(id(1))),
        (
            "who must not wait for a gate does not wait longer for a proof",
            compromised()
                .edit(deploy(1, 5))
                .edit(|l| l.evidence.proofs_mut().verify = tries(4, 0, 2)),
            wait(1, at_verify),
        ),
    ]);
}

#[test]
fn a_person_can_ask_for_the_predecessor_until_the_seal() {
    let asked = |look: Look| look.asked(Request::ROLL_BACK);
    let shut = |why: &str| Decision::Refuse(Refusal::NoWayBack(why.to_owned()));
    check([
        ("in the middle of a rotation", asked(Look::rotating()), Decision::RollBack(id(1))),
        ("when all is proved", asked(Look::proved()), Decision::RollBack(id(1))),
        (
            "not after the seal",
            asked(Look::retiring()),
            shut("it is marked as retiring, or revoked"),
        ),
        ("not without one", asked(Look::quiet()), shut("the served token replaced none")),
        (
            "not where the store has lost it",
            asked(Look::rotating())
                .edit(|look| look.evidence.proofs_mut().no_way_back = Some("lost".to_owned())),
            shut("lost"),
        ),
    ]);
}

#[test]
fn the_way_back_ends_where_the_predecessor_connects_and_its_gate_goes_on_later() {
    let back = || Look::rolled_back().asked(Request::ROLL_BACK);
    let deployed = |look: &mut Look| look.evidence.proofs_mut().deploy = tries(1, 1, 5);
    let verified = |look: &mut Look| look.evidence.proofs_mut().verify = tries(1, 1, 1);
    let untold = |look: &mut Look| look.evidence.proofs_mut().deploy = tries(0, 0, 0);
    check([
        ("the clients are told", back().edit(untold), Decision::Deploy),
        ("it is verified as read, gate or no gate", back().edit(deployed), Decision::Verify),
        (
            "and that is all that was asked for",
            back().edit(deployed).edit(verified),
            Decision::Rest { next_due: None, elsewhere: vec![] },
        ),
        (
            "a predecessor that does not connect is told at once",
            back().edit(deployed).edit(|look| look.evidence.proofs_mut().verify = tries(5, 0, 5)),
            hold(Obstacle::Verify, 55),
        ),
    ]);
    let later = back().edit(deployed).edit(verified).asked(Request::FINISH);
    assert_eq!(later.decide(), hold(Obstacle::Gate, 55), "its gate goes on in later runs");
}

#[test]
fn a_sealed_predecessor_is_revoked_before_anything_new() {
    let retiring = Look::retiring;
    check([
        ("the list comes first", Look { listing: None, ..retiring() }, Decision::List),
        ("what still lives is revoked", retiring(), Decision::Revoke(vec![id(1)])),
        (
            "before what was asked for",
            retiring().asked(Request::ROTATION),
            Decision::Revoke(vec![id(1)]),
        ),
        (
            "what MotherDuck said is gone is not asked for again",
            retiring().edit(|look| look.evidence.gone.extend([id(1)])),
            rest(),
        ),
        ("what is not listed is not either", retiring().listing([listed(2, DAY)]), rest()),
        (
            "unless the list lacks the served token too, and so tells nothing",
            retiring().listing([]),
            Decision::Revoke(vec![id(1)]),
        ),
    ]);
}

#[test]
fn a_token_that_others_know_is_replaced_without_a_gate() {
    let begun = |look: Look| look.asked(Request::COMPROMISED.begun());
    let hook = |count, streak| {
        move |look: &mut Look| look.evidence.proofs_mut().deploy = tries(count, streak, 5)
    };
    let compromised = |look: Look| look.asked(Request::COMPROMISED);
    let list = [listed(1, 2 * DAY), listed(2, DAY)];
    check([
        ("at once", compromised(Look::quiet()), replaced(Reason::Compromised, &[2], &[])),
        (
            "in the middle of a rotation too, over both",
            compromised(Look::proved()).listing(list.clone()),
            replaced(Reason::Compromised, &[2, 1], &[]),
        ),
        (
            "and of a revocation",
            compromised(Look::retiring()),
            replaced(Reason::Compromised, &[2, 1], &[]),
        ),
        ("the clients are told", begun(Look::rotating()), Decision::Deploy),
        ("once, whatever comes of it", begun(Look::rotating()).edit(hook(1, 0)), Decision::Verify),
        ("unhealthy consumers do not matter, a proof does", begun(Look::sick()), Decision::Verify),
        (
            "without it nothing is revoked",
            begun(Look::sick()).edit(|look| look.evidence.proofs_mut().verify = tries(5, 0, 5)),
            hold(Obstacle::Verify, 55),
        ),
        (
            "then the seal",
            begun(Look::sick()).edit(|look| look.evidence.proofs_mut().verify = tries(1, 1, 5)),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "somebody who rolls back meanwhile is overruled",
            begun(Look::rolled_back()).listing(list),
            replaced(Reason::Compromised, &[1, 2], &[]),
        ),
    ]);
}
