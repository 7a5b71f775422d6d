//! The rules of the design, a row each: the road from a publication to its seal, and back.

use std::time::Duration;

use super::observed::{DAY, Observed, at, foreign, id, listed, tries, version};
use crate::rotation::decide::{Decision, Reason, Refusal, Request, Stage, WaitingFor};
use crate::rotation::policy::{GatePace, OnFailure};
use crate::rotation::world::Version;

use super::mirrors::mirror_place;
use super::table::{check, hold, replaced, rest, wait};

#[test]
#[expect(clippy::too_many_lines, reason = "the whole road in one table")]
fn a_rotation_walks_from_its_publication_to_its_seal() {
    let rotating = Observed::rotating;
    let deployed =
        |observed: &mut Observed| observed.evidence.proofs_mut().deploy = tries(1, 1, 50);
    let gate = |count, streak, ago| {
        move |observed: &mut Observed| {
            observed.evidence.proofs_mut().gate = tries(count, streak, ago);
        }
    };
    let verify = |count, streak, ago| {
        move |observed: &mut Observed| {
            observed.evidence.proofs_mut().verify = tries(count, streak, ago);
        }
    };
    let verified = Observed::proved;
    let gated = || verified().edit(verify(0, 0, 0));
    let at_gate = WaitingFor::Stage(Stage::Gate);
    check(vec![
        ("the clients are told first", rotating(), Decision::Deploy),
        (
            "a hook that fails is called again, at its pace",
            rotating().edit(|observed| observed.evidence.proofs_mut().deploy = tries(1, 0, 1)),
            wait(2, WaitingFor::Stage(Stage::Deploy)),
        ),
        (
            "what was published a moment ago may yet be read as it was: the clients are told later",
            rotating().edit(|observed| {
                observed.subject.settle =
                    observed.now.duration_since(observed.record.published_at).unsigned_abs()
                        + Duration::from_secs(9);
            }),
            wait(9, WaitingFor::Stage(Stage::Deploy)),
        ),
        (
            "nobody waits for that where the token is known to others",
            rotating().edit(|observed| {
                observed.subject.settle = Duration::from_hours(24 * 365);
                observed.request = Request::COMPROMISED.begun();
            }),
            Decision::Deploy,
        ),
        (
            "a publication that lies in the future was made before the clock was set back: no wait",
            rotating().edit(|observed| {
                observed.subject.settle = Duration::from_secs(90);
                observed.record.published_at = at(3_600);
            }),
            Decision::Deploy,
        ),
        (
            "a mirror that was written later is waited for as long",
            rotating().edit(|observed| {
                observed.subject.settle = Duration::from_secs(90);
                observed.subject.mirrors = vec![mirror_place()];
                observed.mirrored = true;
                observed.evidence.proofs_mut().mirror = tries(1, 1, 30);
            }),
            wait(60, WaitingFor::Stage(Stage::Deploy)),
        ),
        ("then the gate is polled", rotating().edit(deployed), Decision::PollGate),
        (
            "without a hook the gate comes first",
            rotating().edit(|observed| observed.subject.has_deploy_hook = false),
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
            wait(2, WaitingFor::Stage(Stage::Verify)),
        ),
        ("after the proof the seal", verified(), Decision::Seal { orphans: vec![] }),
        (
            "what was listed and is in no record dies behind the seal",
            verified().listing([listed(1, DAY), listed(2, DAY), listed(3, 0), foreign(9)]),
            Decision::Seal { orphans: vec![id(3)] },
        ),
        (
            "evidence of another version is none",
            verified().edit(|observed| observed.evidence.observe(&Version::new("8"))),
            Decision::Deploy,
        ),
        (
            "evidence of the same version stays",
            verified().edit(|observed| observed.evidence.observe(&version())),
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
    let sick = Observed::sick;
    let back = || sick().on_failure(OnFailure::RollBack);
    let refused = |observed: &mut Observed| {
        let proofs = observed.evidence.proofs_mut();
        proofs.gate = tries(3, 3, 60);
        proofs.verify = tries(5, 0, 5);
    };
    let finish = Request::FINISH;
    check(vec![
        (
            "before the deadline nothing is given up",
            sick().edit(|observed| observed.record.published_at = at(-60)),
            wait(5, WaitingFor::Stage(Stage::Gate)),
        ),
        (
            "a publication a day ahead was made before the clock was set back: no deadline of a day",
            sick().asked(finish).edit(|observed| observed.record.published_at = at(DAY)),
            hold(Stage::Gate, 55),
        ),
        (
            "nor of the whole patience: only more than that is a clock set back",
            sick().edit(|observed| observed.record.published_at = at(15 * 60)),
            wait(5, WaitingFor::Stage(Stage::Gate)),
        ),
        (
            "one that is a minute ahead was made by a clock that is",
            sick().edit(|observed| observed.record.published_at = at(60)),
            wait(5, WaitingFor::Stage(Stage::Gate)),
        ),
        ("both tokens stay", sick().asked(finish), hold(Stage::Gate, 55)),
        ("or the old one comes back", back(), Decision::RollBack(id(1))),
        (
            "after a restart, long after the deadline, the gate is polled a fair number of times",
            back().edit(|observed| observed.evidence.proofs_mut().gate = tries(4, 0, 10)),
            Decision::PollGate,
        ),
        (
            "and then it is judged",
            back().edit(|observed| observed.evidence.proofs_mut().gate = tries(5, 0, 10)),
            Decision::RollBack(id(1)),
        ),
        (
            "consumers that begin to be healthy are not condemned in the middle",
            back().edit(|observed| observed.evidence.proofs_mut().gate = tries(90, 1, 10)),
            Decision::PollGate,
        ),
        (
            "a held gate is polled once a minute",
            sick()
                .asked(finish)
                .edit(|observed| observed.evidence.proofs_mut().gate = tries(90, 0, 60)),
            Decision::PollGate,
        ),
        (
            "a refused proof is held too",
            sick().edit(refused).asked(finish),
            hold(Stage::Verify, 55),
        ),
        ("or rolled back", back().edit(refused), Decision::RollBack(id(1))),
        (
            "so is a hook that fails",
            sick()
                .asked(finish)
                .edit(|observed| observed.evidence.proofs_mut().deploy = tries(5, 0, 5)),
            hold(Stage::Deploy, 55),
        ),
        (
            "a roll-back is not rolled back",
            Observed::rolled_back().on_failure(OnFailure::RollBack).asked(finish),
            hold(Stage::Gate, 55),
        ),
        (
            "it walks the same road, gate included",
            Observed::rolled_back()
                .edit(|observed| observed.evidence = Observed::proved().evidence),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "where the old token cannot come back, the new one is held",
            back()
                .asked(finish)
                .edit(|observed| observed.evidence.proofs_mut().no_way_back = Some(String::new())),
            hold(Stage::Gate, 55),
        ),
        (
            "a rotation that began over an unfinished one is not rolled back",
            back().asked(finish).edit(|observed| observed.record.previous_token_ids.push(id(5))),
            hold(Stage::Gate, 55),
        ),
    ]);
}

#[test]
fn a_hook_or_a_proof_is_tried_at_its_pace_and_never_given_up_before_its_deadline() {
    let deploy = |count, ago| {
        move |observed: &mut Observed| observed.evidence.proofs_mut().deploy = tries(count, 0, ago)
    };
    let verify = |count, ago| {
        move |observed: &mut Observed| {
            let proofs = observed.evidence.proofs_mut();
            proofs.gate = tries(3, 3, 60);
            proofs.verify = tries(count, 0, ago);
        }
    };
    let back = || Observed::sick().on_failure(OnFailure::RollBack);
    let compromised = || Observed::rotating().asked(Request::COMPROMISED.begun());
    let (at_deploy, at_verify) =
        (WaitingFor::Stage(Stage::Deploy), WaitingFor::Stage(Stage::Verify));
    check([
        ("not sooner than its pace", Observed::rotating().edit(deploy(4, 2)), wait(1, at_deploy)),
        ("but then", Observed::rotating().edit(deploy(4, 3)), Decision::Deploy),
        (
            "before the deadline a fifth failure ends nothing",
            Observed::rotating().edit(deploy(5, 2)),
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
    let asked = |observed: Observed| observed.asked(Request::ROLL_BACK);
    let shut = |why: &str| Decision::Refuse(Refusal::NoWayBack(why.to_owned()));
    check([
        ("in the middle of a rotation", asked(Observed::rotating()), Decision::RollBack(id(1))),
        ("when all is proved", asked(Observed::proved()), Decision::RollBack(id(1))),
        (
            "not after the seal",
            asked(Observed::retiring()),
            shut("it is marked as retiring, or revoked"),
        ),
        ("not without one", asked(Observed::quiet()), shut("the served token replaced none")),
        (
            "not where the store has lost it",
            asked(Observed::rotating()).edit(|observed| {
                observed.evidence.proofs_mut().no_way_back = Some("lost".to_owned());
            }),
            shut("lost"),
        ),
    ]);
}

#[test]
fn the_way_back_ends_where_the_predecessor_connects_and_its_gate_goes_on_later() {
    let back = || Observed::rolled_back().asked(Request::ROLL_BACK);
    let deployed = |observed: &mut Observed| observed.evidence.proofs_mut().deploy = tries(1, 1, 5);
    let verified = |observed: &mut Observed| observed.evidence.proofs_mut().verify = tries(1, 1, 1);
    let untold = |observed: &mut Observed| observed.evidence.proofs_mut().deploy = tries(0, 0, 0);
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
            back()
                .edit(deployed)
                .edit(|observed| observed.evidence.proofs_mut().verify = tries(5, 0, 5)),
            hold(Stage::Verify, 55),
        ),
    ]);
    let later = back().edit(deployed).edit(verified).asked(Request::FINISH);
    assert_eq!(later.decide(), hold(Stage::Gate, 55), "its gate goes on in later runs");
}

#[test]
fn a_sealed_predecessor_is_revoked_before_anything_new() {
    let retiring = Observed::retiring;
    check([
        ("the list comes first", Observed { listing: None, ..retiring() }, Decision::List),
        ("what still lives is revoked", retiring(), Decision::Revoke(vec![id(1)])),
        (
            "before what was asked for",
            retiring().asked(Request::ROTATION),
            Decision::Revoke(vec![id(1)]),
        ),
        (
            "what MotherDuck said is gone is not asked for again",
            retiring().edit(|observed| observed.evidence.gone.extend([id(1)])),
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
    let begun = |observed: Observed| observed.asked(Request::COMPROMISED.begun());
    let hook = |count, streak| {
        move |observed: &mut Observed| {
            observed.evidence.proofs_mut().deploy = tries(count, streak, 5);
        }
    };
    let compromised = |observed: Observed| observed.asked(Request::COMPROMISED);
    let list = [listed(1, 2 * DAY), listed(2, DAY)];
    check([
        ("at once", compromised(Observed::quiet()), replaced(Reason::Compromised, &[2], &[])),
        (
            "in the middle of a rotation too, over both",
            compromised(Observed::proved()).listing(list.clone()),
            replaced(Reason::Compromised, &[2, 1], &[]),
        ),
        (
            "and of a revocation",
            compromised(Observed::retiring()),
            replaced(Reason::Compromised, &[2, 1], &[]),
        ),
        ("the clients are told", begun(Observed::rotating()), Decision::Deploy),
        (
            "once, whatever comes of it",
            begun(Observed::rotating()).edit(hook(1, 0)),
            Decision::Verify,
        ),
        (
            "unhealthy consumers do not matter, a proof does",
            begun(Observed::sick()),
            Decision::Verify,
        ),
        (
            "without it nothing is revoked",
            begun(Observed::sick())
                .edit(|observed| observed.evidence.proofs_mut().verify = tries(5, 0, 5)),
            hold(Stage::Verify, 55),
        ),
        (
            "then the seal",
            begun(Observed::sick())
                .edit(|observed| observed.evidence.proofs_mut().verify = tries(1, 1, 5)),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "somebody who rolls back meanwhile is overruled",
            begun(Observed::rolled_back()).listing(list),
            replaced(Reason::Compromised, &[1, 2], &[]),
        ),
    ]);
}
