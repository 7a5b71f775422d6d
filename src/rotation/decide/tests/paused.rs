//! A paused credential: nothing is begun for it, what was begun is finished, and a person may still ask.

use super::observed::{DAY, Observed, Where, at, id, listed, tries};
use super::table::{check, hold, replaced};
use crate::record::Pause;
use crate::rotation::decide::{Decision, Reason, Request, Stage};
use crate::rotation::schedule::Due;

fn paused(observed: Observed) -> Observed {
    observed.edit(|observed| observed.subject.policy.paused = true)
}

const REST: Decision = Decision::Rest { next_due: None, elsewhere: vec![] };

#[test]
fn nothing_is_begun_for_a_paused_credential() {
    let near = |observed: &mut Observed| observed.now = at(23 * DAY);
    check([
        (
            "not its first token",
            paused(Observed::quiet()).edit(|observed| observed.secret = Where::Vacant),
            REST,
        ),
        ("not before its expiry", paused(Observed::quiet()).edit(near), REST),
        (
            "not after it",
            paused(Observed::quiet()).edit(|observed| observed.now = at(30 * DAY)),
            REST,
        ),
    ]);
    let missing = paused(Observed::quiet()).listing([]);
    assert_eq!(missing.decide(), Decision::Verify, "whether its missing token works is found out");
    let gone = missing.edit(|observed| {
        observed.evidence.proofs_mut().verify = tries(5, 0, 5);
        observed.evidence.proofs_mut().refused = true;
    });
    assert_eq!(gone.decide(), hold(Stage::Verify, 55), "and told, but it is not replaced");
    let awake = Observed::quiet().edit(near).decide();
    assert_eq!(awake, replaced(Reason::Due(Due::Expiring(at(29 * DAY))), &[2], &[]));
}

#[test]
fn what_was_begun_for_a_paused_credential_is_finished() {
    for (sentence, observed) in [
        ("the gate is polled", Observed::rotating()),
        ("what is proved is sealed", Observed::proved()),
        ("what is retiring is revoked", Observed::retiring()),
        ("what is held is held", Observed::sick().listing([listed(1, 2 * DAY), listed(2, DAY)])),
    ] {
        assert_eq!(paused(observed.clone()).decide(), observed.decide(), "{sentence}");
    }
    let stray = listed(3, DAY);
    let orphan = paused(Observed::quiet()).listing([listed(2, DAY), stray]);
    assert_eq!(orphan.decide(), Decision::Fence { orphans: vec![id(3)] }, "orphans are cleaned up");
}

#[test]
fn a_person_may_rotate_a_paused_credential() {
    let forced = paused(Observed::quiet()).asked(Request::ROTATION).decide();
    assert_eq!(forced, replaced(Reason::Forced, &[2], &[]));
    let leaked = paused(Observed::quiet()).asked(Request::COMPROMISED).decide();
    assert_eq!(leaked, replaced(Reason::Compromised, &[2], &[]));
}

fn by_hand(until: Option<i64>) -> Observed {
    Observed::quiet().edit(|observed| {
        observed.record.pause = Some(Box::new(Pause {
            since: at(-60),
            until: until.map(at),
            by: None,
            reason: None,
            unknown: serde_json::Map::new(),
        }));
    })
}

#[test]
fn what_a_person_paused_in_the_record_rests_until_that_ends_or_somebody_asks() {
    let near = |observed: Observed| observed.edit(|observed| observed.now = at(23 * DAY));
    let expiring = replaced(Reason::Due(Due::Expiring(at(29 * DAY))), &[2], &[]);
    let rest = |until: Option<i64>| Decision::Rest { next_due: until.map(at), elsewhere: vec![] };
    check([
        ("not before its expiry", near(by_hand(None)), rest(None)),
        ("nor while the pause lasts", near(by_hand(Some(24 * DAY))), rest(Some(24 * DAY))),
        ("but once it is over", near(by_hand(Some(23 * DAY))), expiring),
        (
            "one who did not name it begins nothing",
            by_hand(None).asked(Request::ROTATION.heeding_pause()),
            rest(None),
        ),
        (
            "unless it has leaked",
            by_hand(None).asked(Request::COMPROMISED.heeding_pause()),
            replaced(Reason::Compromised, &[2], &[]),
        ),
        (
            "one who named it does",
            by_hand(None).asked(Request::ROTATION),
            replaced(Reason::Forced, &[2], &[]),
        ),
    ]);
    for (sentence, observed) in
        [("polled", Observed::rotating()), ("revoked", Observed::retiring())]
    {
        let paused =
            observed.clone().edit(|observed| observed.record.pause = by_hand(None).record.pause);
        assert_eq!(paused.decide(), observed.decide(), "what was begun is {sentence}");
    }
}
