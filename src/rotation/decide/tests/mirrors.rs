//! The rules of the design, a row each: what waits for the mirrors, and what does not.

use super::observed::{DAY, Observed, Where, at, id, listed, tries};
use super::table::{check, hold, replaced, rest, wait};
use crate::names::PlaceMark;
use crate::rotation::decide::{Decision, MirrorPlace, Reason, Request, Stage, WaitingFor};
use crate::rotation::schedule::Due;

pub(super) fn mirror_place() -> MirrorPlace {
    MirrorPlace { name: "aws".to_owned(), place: PlaceMark::of(&["aws"]) }
}

fn with_mirror(observed: Observed) -> Observed {
    observed.edit(|observed| observed.subject.mirrors = vec![mirror_place()])
}

fn seen(observed: Observed) -> Observed {
    with_mirror(observed).edit(|observed| observed.mirrored = true)
}

#[test]
fn a_rotation_brings_the_mirrors_along_before_anybody_is_told_and_before_its_seal() {
    let rotating = || with_mirror(Observed::rotating());
    let brought = |observed: &mut Observed| observed.evidence.proofs_mut().mirror = tries(1, 1, 55);
    let failed = |count, ago| {
        move |observed: &mut Observed| observed.evidence.proofs_mut().mirror = tries(count, 0, ago)
    };
    check([
        ("the mirrors come before the clients are told", rotating(), Decision::Mirror),
        ("who has none is not held up", Observed::rotating(), Decision::Deploy),
        (
            "a mirror that fails is tried again, at its pace",
            rotating().edit(failed(1, 1)),
            wait(2, WaitingFor::Stage(Stage::Mirror)),
        ),
        ("then the clients are told", rotating().edit(brought), Decision::Deploy),
        (
            "hours may have passed at the gate: they are looked at once more before the seal",
            with_mirror(Observed::proved()).edit(brought),
            Decision::Mirror,
        ),
        (
            "and then it is sealed",
            seen(Observed::proved()).edit(brought),
            Decision::Seal { orphans: vec![] },
        ),
        (
            "after the deadline a mirror that fails holds the rotation",
            rotating()
                .edit(failed(5, 10))
                .edit(|observed| observed.record.published_at = at(-DAY))
                .listing([listed(1, DAY), listed(2, DAY)]),
            hold(Stage::Mirror, 50),
        ),
        (
            "a compromised token, too, lives while a mirror serves it",
            rotating().edit(failed(5, 10)).asked(Request::COMPROMISED.begun()),
            hold(Stage::Mirror, 50),
        ),
    ]);
}

#[test]
fn at_rest_the_mirrors_come_before_whatever_else_can_wait() {
    let quiet = || with_mirror(Observed::quiet());
    let due = |observed: &mut Observed| observed.now = at(23 * DAY);
    let expiring = Reason::Due(Due::Expiring(at(29 * DAY)));
    check([
        ("they are looked at", quiet(), Decision::Mirror),
        ("and then it rests", seen(Observed::quiet()), rest()),
        (
            "predecessors are revoked only behind a fresh look",
            with_mirror(Observed::retiring()),
            Decision::Mirror,
        ),
        ("which was had", seen(Observed::retiring()), Decision::Revoke(vec![id(1)])),
        ("a wish waits for them", quiet().asked(Request::ROTATION), Decision::Mirror),
        (
            "an expiry that is near does not",
            quiet().edit(due).listing([listed(2, DAY)]),
            replaced(expiring, &[2], &[]),
        ),
        (
            "nor does a token that is known to others",
            quiet().asked(Request::COMPROMISED),
            replaced(Reason::Compromised, &[2], &[]),
        ),
        (
            "nor the first one",
            Observed { secret: Where::Vacant, ..quiet() }.listing([]),
            replaced(Reason::First, &[], &[]),
        ),
    ]);
}
