//! The rules of the design, a row each: what an operator's ordinary edit does, and what it does not.

use super::observed::{DAY, Observed, Where, at, id, listed, name, tries};
use super::table::{check, replaced};
use crate::names::PlaceMark;
use crate::record::Phase;
use crate::rotation::decide::{Decision, MirrorPlace, Reason, Refusal, Request, unrecorded};
use crate::rotation::schedule::Due;
use crate::rotation::world::ListedToken;

/// A token of ours that was made for the place called so.
fn made_for(n: u64, place: &str, age: i64) -> ListedToken {
    let mut name = name(n);
    name.rotation = name.rotation.at_place(PlaceMark::of(&[place]));
    ListedToken { name: Some(name.to_string()), ..listed(n, age) }
}

fn filled(previous: &[u64], elsewhere: &[u64]) -> Decision {
    let ids = |numbers: &[u64]| numbers.iter().map(|n| id(*n)).collect();
    Decision::Replace {
        reason: if elsewhere.is_empty() { Reason::First } else { Reason::Vacant },
        previous: ids(previous),
        orphans: vec![],
        elsewhere: ids(elsewhere),
    }
}

fn vacant() -> Observed {
    Observed { secret: Where::Vacant, ..Observed::quiet() }
}

fn mirrored_at(place: &str, named: &[u64]) -> impl Fn(&mut Observed) {
    let mirror = MirrorPlace { name: place.to_owned(), place: PlaceMark::of(&[place]) };
    let named: Vec<_> = named.iter().map(|n| id(*n)).collect();
    move |observed: &mut Observed| {
        observed.subject.mirrors = vec![mirror.clone()];
        observed.in_mirrors.clone_from(&named);
    }
}

#[test]
fn an_empty_place_is_filled_and_what_may_be_in_use_elsewhere_stays_alive() {
    let written = |observed: &mut Observed| observed.is_untouched = false;
    let one = |token: ListedToken| vacant().listing([token]);
    check([
        ("a token that is older than a crash explains", one(listed(1, DAY)), filled(&[], &[1])),
        (
            "one that was made for another place, just now",
            one(made_for(1, "old", 5)),
            filled(&[], &[1]),
        ),
        (
            "one that was made for this place long ago",
            one(made_for(1, "here", DAY)),
            filled(&[], &[1]),
        ),
        (
            "one that was made just now, where the secret was deleted since",
            one(made_for(1, "here", 5)).edit(written),
            filled(&[], &[1]),
        ),
        (
            "only what a crash explains waits for the gate as a predecessor",
            one(made_for(1, "here", 5)),
            filled(&[1], &[]),
        ),
        (
            "a person who asks for a rotation did not say that nobody needs it",
            one(listed(1, DAY)).asked(Request::ROTATION),
            filled(&[], &[1]),
        ),
        (
            "a person who gives up the old place did",
            one(listed(1, DAY)).asked(Request::ROTATION.giving_up_old_place()),
            filled(&[1], &[]),
        ),
        (
            "of a leak nobody knows which of them leaked",
            one(listed(1, DAY)).asked(Request::COMPROMISED),
            filled(&[1], &[]),
        ),
    ]);
}

#[test]
fn a_move_that_names_the_old_place_as_a_mirror_brings_its_consumers_along() {
    let moved = |named: &[u64]| vacant().edit(mirrored_at("old", named));
    check([
        (
            "the mirror's record names the token, and the mirror is where it was made for",
            moved(&[1]).listing([made_for(1, "old", DAY)]),
            filled(&[1], &[]),
        ),
        (
            "one that no mirror's record names stays alive",
            moved(&[]).listing([made_for(1, "old", DAY)]),
            filled(&[], &[1]),
        ),
        (
            "a mirror that was one before does not speak for a place that is named no more",
            moved(&[1]).listing([made_for(1, "older", DAY)]),
            filled(&[], &[1]),
        ),
    ]);
}

#[test]
fn a_token_elsewhere_is_kept_through_every_rotation_until_a_person_gives_it_up() {
    let here =
        || Observed::quiet().edit(|observed| observed.record.elsewhere_token_ids = vec![id(5)]);
    let both = |observed: Observed| observed.listing([listed(2, DAY), listed(5, 2 * DAY)]);
    let held = Decision::Rest { next_due: Some(at(22 * DAY)), elsewhere: vec![id(5)] };
    let rotated = |reason, previous: &[u64], elsewhere: &[u64]| {
        let ids = |numbers: &[u64]| numbers.iter().map(|n| id(*n)).collect();
        let (previous, elsewhere) = (ids(previous), ids(elsewhere));
        Decision::Replace { reason, previous, orphans: vec![], elsewhere }
    };
    check(vec![
        ("at rest it is told, and nothing is done", both(here()), held.clone()),
        ("it is no orphan", both(here()).edit(|observed| observed.evidence.fenced.clear()), held),
        (
            "a rotation goes on with it",
            both(here()).asked(Request::ROTATION),
            rotated(Reason::Forced, &[2], &[5]),
        ),
        (
            "so does one by the schedule",
            both(here()).edit(|observed| observed.now = at(22 * DAY)),
            rotated(Reason::Due(Due::Expiring(at(29 * DAY))), &[2], &[5]),
        ),
        (
            "a person gives it up: it walks the road as a predecessor, gate included",
            both(here()).asked(Request::ROTATION.giving_up_old_place()),
            rotated(Reason::Forced, &[2, 5], &[]),
        ),
        (
            "a leak takes it along",
            both(here()).asked(Request::COMPROMISED),
            rotated(Reason::Compromised, &[2, 5], &[]),
        ),
        (
            "what has expired is forgotten",
            here().listing([listed(2, DAY), listed(5, 31 * DAY)]),
            Decision::Forget(vec![id(5)]),
        ),
        (
            "what is no longer listed does not hold anything up",
            here(),
            Decision::Rest { next_due: Some(at(22 * DAY)), elsewhere: vec![] },
        ),
        (
            "and is forgotten once lists lacked it for long",
            here().edit(|observed| {
                observed.evidence.missing_elsewhere.insert(id(5), at(-601));
            }),
            Decision::Forget(vec![id(5)]),
        ),
    ]);
}

#[test]
fn what_another_place_serves_is_no_orphan_of_this_one() {
    let observed = Observed::quiet();
    let listing =
        [listed(2, DAY), made_for(3, "there", DAY), made_for(4, "here", DAY), listed(5, DAY)];
    let found = unrecorded(
        &observed.subject,
        &listing,
        Some(&observed.record),
        &observed.evidence,
        observed.now,
    );
    assert_eq!((found.orphans, found.elsewhere), (vec![id(4), id(5)], vec![id(3)]));
    // A store that was moved back to a backup serves a dead token; consumers go on with a later one.
    let lost = unrecorded(
        &observed.subject,
        &listing[1..],
        Some(&observed.record),
        &observed.evidence,
        observed.now,
    );
    assert_eq!((lost.orphans, lost.elsewhere), (vec![], vec![id(3), id(4), id(5)]));
    let replaced_lost = observed.clone().listing([listed(5, DAY)]).edit(|observed| {
        observed.evidence.missed_since = Some(at(-60));
        observed.evidence.proofs_mut().verify = tries(5, 0, 10);
        observed.evidence.proofs_mut().refused = true;
    });
    let expected = Decision::Replace {
        reason: Reason::Lost,
        previous: vec![id(2)],
        orphans: vec![],
        elsewhere: vec![id(5)],
    };
    assert_eq!(replaced_lost.decide(), expected);
}

#[test]
fn every_ordinary_edit_of_a_credential_has_its_row() {
    let quiet = Observed::quiet;
    let account = Refusal::OtherAccount("etl_prod".parse().unwrap());
    let owner = Refusal::Foreign("prod".parse().unwrap());
    check([
        (
            "renamed, with its path: under the new name nothing is known, and the old token is left alone",
            vacant()
                .edit(|observed| observed.subject.credential = "elt".parse().unwrap())
                .listing([listed(2, DAY)]),
            replaced(Reason::First, &[], &[]),
        ),
        (
            "renamed at the same path: the record goes on being served",
            quiet().edit(|observed| observed.subject.credential = "elt".parse().unwrap()),
            Decision::Rest { next_due: Some(at(22 * DAY)), elsewhere: vec![] },
        ),
        (
            "the case of its username: the same account",
            quiet().edit(|observed| observed.subject.username = "ETL_Prod".parse().unwrap()),
            Decision::Rest { next_due: Some(at(22 * DAY)), elsewhere: vec![] },
        ),
        (
            "another account: refused",
            quiet().edit(|observed| observed.subject.username = "other".parse().unwrap()),
            Decision::Refuse(account),
        ),
        (
            "another owner at the same path: refused",
            quiet().edit(|observed| observed.subject.owner = "next".parse().unwrap()),
            Decision::Refuse(owner),
        ),
        (
            "another owner elsewhere: the old token is not ours to touch",
            vacant()
                .edit(|observed| observed.subject.owner = "next".parse().unwrap())
                .listing([listed(2, DAY)]),
            replaced(Reason::First, &[], &[]),
        ),
        (
            "another kind of store is another place",
            vacant().listing([made_for(2, "a file", DAY)]),
            filled(&[], &[2]),
        ),
        (
            "back at the old place: what the new one serves meanwhile is not an orphan here",
            quiet().listing([listed(2, DAY), made_for(3, "there", DAY)]),
            Decision::Rest { next_due: Some(at(22 * DAY)), elsewhere: vec![] },
        ),
    ]);
    let sealed = Observed::retiring()
        .edit(|observed| observed.subject.username = "ETL_PROD".parse().unwrap());
    assert_eq!(sealed.record.phase, Phase::Retiring);
    assert_eq!(sealed.decide(), Decision::Revoke(vec![id(1)]));
}
