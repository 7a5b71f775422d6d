//! What follows from whose the served token is, and from an endpoint that does not check tokens.

use std::time::Duration;

use super::observed::{DAY, Observed, at, foreign, id, tries};
use super::table::{check, hold, replaced};
use crate::record::Phase;
use crate::rotation::decide::{Decision, Reason, Refusal, Request, Stage};
use crate::rotation::schedule::{Calendar, Due, Schedule};
use crate::rotation::whose::Whose;

const HOUR: i64 = 3_600;

/// The endpoint said so long ago that the served token is this one's.
fn said(whose: Whose, ago: i64) -> impl FnOnce(&mut Observed) {
    move |observed| observed.evidence.proofs_mut().whose = Some((whose, at(-ago)))
}

fn anothers(ago: i64) -> impl FnOnce(&mut Observed) {
    said(Whose::Another("bi_prod".to_owned()), ago)
}

fn refused() -> Decision {
    let (account, named) = ("etl_prod".parse().unwrap(), "bi_prod".to_owned());
    Decision::Refuse(Refusal::WrongAccount { account, named })
}

#[test]
fn nothing_is_published_over_anothers_token_and_nothing_revoked_whoever_asks() {
    for request in [
        Request::SCHEDULE,
        Request::FINISH,
        Request::ROTATION,
        Request::COMPROMISED,
        Request::COMPROMISED.begun(),
        Request::ROLL_BACK,
    ] {
        for observed in
            [Observed::quiet(), Observed::proved(), Observed::retiring(), Observed::sick()]
        {
            assert_eq!(
                observed.edit(anothers(60)).asked(request).decide(),
                refused(),
                "{request:?}"
            );
        }
    }
    let expired = Observed::quiet().edit(|observed| observed.now = at(30 * DAY));
    let expired = expired.edit(|observed| anothers(60 - 30 * DAY)(observed));
    assert_eq!(expired.decide(), refused(), "its end is not what its record says");
}

#[test]
fn an_endpoint_that_says_so_is_asked_again_after_some_hours() {
    check([
        ("it is believed for hours", Observed::quiet().edit(anothers(6 * HOUR - 1)), refused()),
        ("then it is asked again", Observed::quiet().edit(anothers(6 * HOUR)), Decision::Verify),
        (
            "a word from the future was spoken before the clock was set back",
            Observed::quiet().edit(anothers(-HOUR)),
            Decision::Verify,
        ),
    ]);
}

#[test]
fn what_is_not_known_to_be_anothers_stops_nothing() {
    for whose in [Whose::Own, Whose::Unanswered, Whose::Unclear("postgres".to_owned())] {
        for observed in
            [Observed::quiet(), Observed::proved(), Observed::retiring(), Observed::sick()]
        {
            assert_eq!(observed.clone().edit(said(whose.clone(), 60)).decide(), observed.decide());
        }
    }
}

/// Token 2 replaced token 1 a day ago, is to be replaced each day, and so many times running a revoked token went on
/// connecting.
fn unconfirmed(times: u8) -> Observed {
    Observed::quiet().edit(|observed| {
        let every = Calendar::Every(Duration::from_hours(24));
        observed.subject.policy.schedule =
            Schedule::new(every, Duration::ZERO, &observed.subject.credential);
        observed.record.previous_token_ids = vec![id(1)];
        observed.record.phase = Phase::Retiring;
        observed.record.unconfirmed_revocations = times;
    })
}

/// It was seen so long ago that the revoked token still connects.
fn still_connects(ago: i64) -> impl FnOnce(&mut Observed) {
    move |observed| observed.evidence.proofs_mut().confirm = tries(1, 0, ago)
}

#[test]
fn the_schedule_waits_for_an_endpoint_that_checks_tokens() {
    let scheduled = unconfirmed(0).decide();
    let Decision::Replace { reason: Reason::Due(Due::Scheduled(_)), .. } = &scheduled else {
        panic!("{scheduled:?}")
    };
    check([
        ("once may be an accident", unconfirmed(1), scheduled.clone()),
        ("the second time it is tried once more", unconfirmed(2), Decision::Confirm),
        (
            "it is held while the revoked token connects",
            unconfirmed(2).edit(still_connects(60)),
            hold(Stage::EndpointNotChecking, HOUR - 60),
        ),
        ("it is tried each hour", unconfirmed(3).edit(still_connects(HOUR)), Decision::Confirm),
        (
            "it is seen refused at last",
            unconfirmed(2)
                .edit(|observed| observed.evidence.proofs_mut().confirm = tries(2, 1, 60)),
            scheduled.clone(),
        ),
        (
            "nothing is due, and nothing waits",
            unconfirmed(2).edit(|observed| observed.record.created_at = at(0)),
            unconfirmed(0).edit(|observed| observed.record.created_at = at(0)).decide(),
        ),
        (
            "a command and an admin token are proved by nobody's endpoint",
            unconfirmed(2).edit(|observed| observed.subject.endpoint = None),
            scheduled.clone(),
        ),
    ]);
}

#[test]
fn a_leak_an_expiry_a_loss_and_a_person_do_not_wait_for_that() {
    let held = || unconfirmed(2).edit(still_connects(60));
    check([
        ("a leak", held().asked(Request::COMPROMISED), replaced(Reason::Compromised, &[2], &[])),
        ("a person", held().asked(Request::ROTATION), replaced(Reason::Forced, &[2], &[])),
        (
            "an expiry",
            held().edit(|observed| observed.record.expires_at = Some(at(DAY))),
            replaced(Reason::Due(Due::Expiring(at(DAY))), &[2], &[]),
        ),
        (
            "a loss",
            held().listing([foreign(3)]).edit(|observed| {
                observed.evidence.missed_since = Some(at(-60));
                observed.evidence.proofs_mut().verify = tries(5, 0, 20);
                observed.evidence.proofs_mut().refused = true;
                observed.record.phase = Phase::Published;
                observed.record.previous_token_ids = vec![];
            }),
            replaced(Reason::Lost, &[2], &[]),
        ),
    ]);
}
