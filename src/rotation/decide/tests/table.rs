//! The rules of the design, a row each: what begins a rotation, what ends tokens, what is left alone.

use super::observed::{DAY, Observed, Where, at, foreign, id, listed, name, start, tries};
use crate::names::{RotationId, TokenName};
use crate::record::Phase;
use crate::rotation::decide::{Decision, Reason, Refusal, Request, Stage, TEXT_LOST, WaitingFor};
use crate::rotation::schedule::Due;
use crate::rotation::world::ListedToken;

pub(super) fn check(rows: impl IntoIterator<Item = (&'static str, Observed, Decision)>) {
    for (sentence, observed, expected) in rows {
        assert_eq!(observed.decide(), expected, "{sentence}");
    }
}

pub(super) fn replaced(reason: Reason, previous: &[u64], orphans: &[u64]) -> Decision {
    let ids = |numbers: &[u64]| numbers.iter().map(|n| id(*n)).collect();
    Decision::Replace { reason, previous: ids(previous), orphans: ids(orphans), elsewhere: vec![] }
}

pub(super) fn wait(until: i64, waiting_for: WaitingFor) -> Decision {
    Decision::Wait { until: at(until), waiting_for }
}

pub(super) fn hold(stage: Stage, until: i64) -> Decision {
    Decision::Hold { stage, until: at(until) }
}

const EXPIRES: i64 = 29 * DAY;
const RENEWAL: i64 = 22 * DAY;

pub(super) fn rest() -> Decision {
    Decision::Rest { next_due: Some(at(RENEWAL)), elsewhere: vec![] }
}

fn expiring() -> Reason {
    Reason::Due(Due::Expiring(at(EXPIRES)))
}

#[test]
fn what_pintail_did_not_put_there_is_left_alone() {
    let quiet = Observed::quiet;
    let foreign_owner = |observed: &mut Observed| observed.record.owner = "other".parse().unwrap();
    let elsewhere = Refusal::Foreign("other".parse().unwrap());
    let account = Refusal::OtherAccount("someone".parse().unwrap());
    check([
        (
            "an unmanaged token is refused, whoever asks",
            Observed { secret: Where::Unmanaged, ..quiet() }.asked(Request::COMPROMISED),
            Decision::Refuse(Refusal::Unmanaged),
        ),
        (
            "a token that was edited by hand stops even what is proved",
            Observed { secret: Where::Edited, ..Observed::proved() },
            Decision::Refuse(Refusal::Edited),
        ),
        (
            "another deployment's secret is not touched",
            quiet().edit(foreign_owner).asked(Request::ROTATION),
            Decision::Refuse(elsewhere.clone()),
        ),
        (
            "another deployment's edited secret is said to be the other's",
            Observed { secret: Where::Edited, ..quiet() }.edit(foreign_owner),
            Decision::Refuse(elsewhere),
        ),
        (
            "another account's secret is not touched",
            quiet().edit(|observed| observed.record.username = "someone".parse().unwrap()),
            Decision::Refuse(account),
        ),
    ]);
}

#[test]
fn a_first_token_is_made_where_none_is_served() {
    let vacant = || Observed { secret: Where::Vacant, ..Observed::quiet() };
    let many = |n: u64| (1..=n).map(|n| listed(n, DAY));
    let fenced = |observed: &mut Observed, n: u64| observed.evidence.fenced.extend((1..=n).map(id));
    check([
        ("the list comes first", Observed { listing: None, ..vacant() }, Decision::List),
        ("then a token", vacant().listing([foreign(9)]), replaced(Reason::First, &[], &[])),
        (
            "what a crash explains waits for the gate as a predecessor",
            vacant().listing([listed(1, 60), foreign(9)]),
            replaced(Reason::First, &[1], &[]),
        ),
        (
            "one that this process knows was never served does not",
            vacant().listing([listed(1, DAY)]).edit(|observed| fenced(observed, 1)),
            replaced(Reason::First, &[], &[1]),
        ),
        (
            "those must be gone before they are many",
            vacant().listing(many(3)).edit(|observed| fenced(observed, 3)),
            Decision::Fence { orphans: vec![id(1), id(2), id(3)] },
        ),
        (
            "a person is asked before tokens of unknown use are many",
            vacant().listing(many(10)),
            Decision::Refuse(Refusal::Strays(10)),
        ),
        (
            "nothing is begun by who only finishes",
            vacant().asked(Request::FINISH),
            Decision::Rest { next_due: Some(start()), elsewhere: vec![] },
        ),
        (
            "there is no way back from nothing",
            vacant().asked(Request::ROLL_BACK),
            Decision::Refuse(Refusal::NoWayBack("nothing is served yet".to_owned())),
        ),
    ]);
    let unproved = || {
        Observed::quiet()
            .asked(Request::FINISH)
            .edit(|observed| observed.evidence.unproved = Some(id(2)))
    };
    let deployed = |observed: &mut Observed| observed.evidence.proofs_mut().deploy = tries(1, 1, 5);
    check([
        ("the clients are told of a first token", unproved(), Decision::Deploy),
        ("and it is verified as read", unproved().edit(deployed), Decision::Verify),
        (
            "where it does not connect, that is said",
            unproved().edit(deployed).edit(|l| l.evidence.proofs_mut().verify = tries(5, 0, 10)),
            hold(Stage::Verify, 50),
        ),
        (
            "what nears its expiry is replaced, proved or not",
            unproved().asked(Request::SCHEDULE).edit(|observed| observed.now = at(RENEWAL)),
            Observed::quiet().edit(|observed| observed.now = at(RENEWAL)).decide(),
        ),
    ]);
}

#[test]
fn a_rotation_begins_when_it_is_due_or_asked_for() {
    let quiet = Observed::quiet;
    let near = |observed: &mut Observed| observed.now = at(RENEWAL);
    check([
        ("at rest nothing happens", quiet(), rest()),
        ("the list comes first", Observed { listing: None, ..quiet() }, Decision::List),
        (
            "near its expiry a token is replaced",
            quiet().edit(near),
            replaced(expiring(), &[2], &[]),
        ),
        (
            "a minute before it is not",
            quiet().edit(|observed| observed.now = at(RENEWAL - 60)),
            rest(),
        ),
        ("a person may ask", quiet().asked(Request::ROTATION), replaced(Reason::Forced, &[2], &[])),
        ("who only finishes begins nothing", quiet().edit(near).asked(Request::FINISH), rest()),
        (
            "a list that lacks the served token proves nothing: sealed predecessors are remembered",
            Observed::retiring().listing([]).edit(near),
            replaced(expiring(), &[2, 1], &[]),
        ),
    ]);
}

#[test]
fn no_second_rotation_begins_before_the_first_is_settled() {
    let unsettled = |observed: Observed| {
        observed.edit(|observed| {
            observed.now = at(RENEWAL);
            observed.listing = Some(vec![listed(1, 2 * DAY), listed(2, DAY)]);
        })
    };
    let ahead = |observed: &mut Observed| {
        observed.now = at(2 * 60 * 60);
        observed.other = Some(at(RENEWAL));
        let rotation = RotationId::starting_at(at(-DAY));
        observed.record.rotation_id = rotation;
        observed.record.token_name = TokenName { rotation, ..name(2) }.to_string();
    };
    let twice = |observed: &mut Observed| observed.record.previous_token_ids = vec![id(1), id(3)];
    check([
        (
            "a person who asks gets the one under way",
            Observed::rotating().asked(Request::ROTATION),
            Decision::Deploy,
        ),
        (
            "unless the served token nears its expiry: then both predecessors are kept",
            unsettled(Observed::rotating()),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "even one that the list lacks",
            unsettled(Observed::rotating()).listing([listed(2, DAY)]),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "a revocation that fails does not let the served token expire",
            unsettled(Observed::retiring()),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "a token that seems to near its end as soon as it is served says that a clock is wrong",
            unsettled(Observed::rotating()).edit(|observed| {
                observed.record.published_at = at(RENEWAL - 60);
                observed.record.renewal_ttl_seconds = Some(observed.subject.policy.ttl_seconds());
            }),
            Decision::Deploy,
        ),
        (
            "one that was served for half of its time is old enough",
            unsettled(Observed::rotating())
                .edit(|l| l.record.published_at = at(RENEWAL - 12 * DAY)),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "one that was served for less is replaced, too: a clock was wrong when it was published",
            unsettled(Observed::rotating())
                .edit(|l| l.record.published_at = at(RENEWAL - 11 * DAY)),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "one that nears its end by one of two clocks is replaced",
            unsettled(Observed::rotating()).edit(ahead),
            replaced(expiring(), &[2, 1], &[]),
        ),
        (
            "but not over two predecessors: tokens would pile up",
            unsettled(Observed::rotating()).edit(ahead).edit(twice),
            Decision::Deploy,
        ),
        (
            "by the clock that was right when it was made it is replaced over any number",
            unsettled(Observed::rotating()).edit(twice),
            replaced(expiring(), &[2, 1, 3], &[]),
        ),
        (
            "a token that is served again is as old as it is",
            unsettled(Observed::rolled_back())
                .edit(|observed| observed.record.published_at = at(RENEWAL - 60)),
            replaced(expiring(), &[1, 2], &[]),
        ),
        (
            "who only finishes waits",
            unsettled(Observed::rotating()).asked(Request::FINISH),
            Decision::Deploy,
        ),
    ]);
}

#[test]
fn a_served_token_is_lost_only_by_two_lists_and_a_refusal() {
    let missing = |observed: Observed, since: i64, count: u32, refused: bool| {
        observed.listing([]).edit(|observed| {
            observed.evidence.missed(at(-since));
            let proofs = observed.evidence.proofs_mut();
            proofs.verify = tries(count, 0, 5);
            proofs.refused = refused;
        })
    };
    let quiet = Observed::quiet;
    let second = |until| wait(until, WaitingFor::SecondList);
    let long_ago_verified = quiet().edit(|observed| {
        observed.evidence.proofs_mut().verify = tries(1, 1, DAY);
        observed.evidence.missed(at(-20));
        observed.listing = Some(vec![]);
    });
    let found_alive = quiet().listing([]).edit(|observed| {
        observed.evidence.missed(at(-20));
        observed.evidence.proofs_mut().verify = tries(1, 1, 1);
    });
    // What `Evidence` holds in the pass after the proof.
    let proved_and_unlisted = quiet().listing([]).edit(|observed| {
        observed.evidence.missed(at(-20));
        observed.evidence.found();
        observed.evidence.proofs_mut().verify = tries(1, 1, 0);
    });
    check(vec![
        ("an empty list is one sighting", quiet().listing([]), second(15)),
        ("a second comes later", missing(quiet(), 10, 0, false), second(5)),
        ("two are no proof yet", missing(quiet(), 15, 0, false), Decision::Verify),
        ("nor is one refusal", missing(quiet(), 20, 1, true), Decision::Verify),
        ("five are", missing(quiet(), 20, 5, true), replaced(Reason::Lost, &[2], &[])),
        (
            "five tries without an answer are not",
            missing(quiet(), 20, 5, false),
            hold(Stage::Verify, 55),
        ),
        (
            "what was verified before it was missed counts for nothing",
            long_ago_verified,
            Decision::Verify,
        ),
        ("a token that connects is not lost", found_alive, rest()),
        ("however long the lists lack it", proved_and_unlisted, rest()),
        (
            "expiry wins over doubt",
            missing(quiet(), 20, 5, false).edit(|observed| observed.now = at(RENEWAL)),
            replaced(expiring(), &[2], &[]),
        ),
        (
            "a held rotation asks whether its token is there at all",
            Observed::sick(),
            Decision::List,
        ),
        (
            "and is held while it is",
            Observed::sick().listing([listed(2, 0)]),
            hold(Stage::Gate, 55),
        ),
        (
            "one that is lost in the middle is replaced, over both",
            missing(Observed::sick(), 20, 5, true),
            replaced(Reason::Lost, &[2, 1], &[]),
        ),
    ]);
}

#[test]
fn orphans_die_after_a_write_that_fences_their_publishers_off() {
    let quiet = |others: Vec<ListedToken>| {
        Observed::quiet().listing([listed(2, DAY)].into_iter().chain(others))
    };
    let other = |change: fn(&mut crate::names::TokenName)| {
        let mut name = name(3);
        change(&mut name);
        ListedToken { name: Some(name.to_string()), ..listed(3, DAY) }
    };
    let touch =
        |numbers: &[u64]| Decision::Fence { orphans: numbers.iter().map(|n| id(*n)).collect() };
    check(vec![
        (
            "at the next publication",
            quiet(vec![listed(3, 0)]).asked(Request::ROTATION),
            replaced(Reason::Forced, &[2], &[3]),
        ),
        ("not while their publisher may be at work", quiet(vec![listed(3, 599)]), rest()),
        ("a write is made for their sake later", quiet(vec![listed(3, 600)]), touch(&[3])),
        (
            "which then serves for the younger too",
            quiet(vec![listed(3, 600), listed(4, 0)]),
            touch(&[3, 4]),
        ),
        (
            "who is fenced off already needs no grace",
            quiet(vec![listed(3, 0)]).edit(|observed| observed.evidence.fenced.extend([id(3)])),
            touch(&[3]),
        ),
        (
            "none is created while many live",
            quiet(vec![listed(3, 0), listed(4, 0), listed(5, 0)]).asked(Request::ROTATION),
            touch(&[3, 4, 5]),
        ),
        (
            "what is gone is gone",
            quiet(vec![listed(3, DAY)]).edit(|observed| observed.evidence.gone.extend([id(3)])),
            rest(),
        ),
        ("what has expired is not worth a write", quiet(vec![listed(3, 31 * DAY)]), rest()),
        ("nor what expires now", quiet(vec![listed(3, 30 * DAY)]), rest()),
        ("but what lives a second longer", quiet(vec![listed(3, 30 * DAY - 1)]), touch(&[3])),
        ("a token without our name is nobody's orphan", quiet(vec![foreign(3)]), rest()),
        (
            "nor is one without a name",
            quiet(vec![ListedToken { name: None, ..listed(3, DAY) }]),
            rest(),
        ),
        (
            "nor another credential's",
            quiet(vec![other(|name| name.credential = "other".parse().unwrap())]),
            rest(),
        ),
        (
            "nor another deployment's",
            quiet(vec![other(|name| name.owner = "other".parse().unwrap())]),
            rest(),
        ),
    ]);
    let phase = Observed::retiring().edit(|observed| observed.record.phase = Phase::Published);
    assert!(
        !matches!(phase.decide(), Decision::Fence { .. } | Decision::Revoke(_)),
        "a predecessor is no orphan"
    );
}

#[test]
fn a_person_is_told_which_command_helps() {
    for (refusal, command) in [
        (Refusal::Unmanaged, "pintail adopt etl --token-id"),
        (Refusal::Edited, "pintail adopt etl --token-id"),
        (
            Refusal::Foreign("other".parse().unwrap()),
            "pintail adopt etl --token-id UUID --take-over",
        ),
        (Refusal::OtherAccount("someone".parse().unwrap()), "username = \"someone\""),
        (Refusal::Strays(10), "pintail token revoke"),
        (Refusal::NoWayBack(String::new()), "for a fresh token: pintail rotate-now etl"),
        (Refusal::NoWayBack(TEXT_LOST.to_owned()), "pintail adopt etl --token-id UUID"),
    ] {
        let hint = refusal.hint(&Observed::quiet().subject.credential);
        assert!(hint.contains(command), "{hint}");
    }
}

#[test]
fn a_look_that_spares_lists_rests_on_the_record_where_nothing_may_have_changed() {
    let spared = |change: fn(&mut Observed)| {
        let mut observed = Observed { listing: None, ..Observed::quiet() };
        observed.request = Request::SCHEDULE.sparing_lists();
        observed.edit(change)
    };
    check([
        ("what rests by its record is not listed", spared(|_| {}), rest()),
        (
            "whoever asks for a rotation has it listed",
            spared(|observed| observed.request = Request::ROTATION.sparing_lists()),
            Decision::List,
        ),
        ("what is due is listed", spared(|observed| observed.now = at(RENEWAL)), Decision::List),
        (
            "what was missed in a list is looked for in another",
            spared(|observed| observed.evidence.missed(at(-20))),
            Decision::List,
        ),
        (
            "what this process has put there and not proved is listed",
            spared(|observed| observed.evidence.unproved = Some(id(2))),
            Decision::List,
        ),
        (
            "an empty place is listed before it is filled",
            spared(|observed| observed.secret = Where::Vacant),
            Decision::List,
        ),
        (
            "a list that came counts",
            spared(|observed| observed.listing = Some(vec![listed(2, DAY), listed(7, DAY)])),
            Decision::Fence { orphans: vec![id(7)] },
        ),
    ]);
}
