//! What may be adopted, row by row.

use std::time::Duration;

use super::*;
use crate::record::TokenType;
use crate::rotation::policy::{CatchUp, GatePace, IdentityRule, OnFailure, Policy};
use crate::rotation::schedule::{Calendar, Schedule};
use crate::secret::Token;

fn id(number: u8) -> TokenId {
    format!("7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a{number:02x}").parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn subject() -> Subject {
    let credential: CredentialName = "etl".parse().unwrap();
    Subject {
        place: crate::names::PlaceMark::of(&[]),
        owner: "prod".parse().unwrap(),
        username: "etl_prod".parse().unwrap(),
        token_type: TokenType::ReadWrite,
        policy: Policy {
            schedule: Schedule::new(Calendar::ExpiryOnly, Duration::ZERO, &credential),
            paused: false,
            ttl: None,
            renew_before: Duration::ZERO,
            catch_up: CatchUp::Run,
            on_failure: OnFailure::Hold,
            orphan_grace: Duration::ZERO,
            gate: GatePace::Open,
        },
        credential,
        has_deploy_hook: false,
        is_made_by_rule: false,
        settle: Duration::ZERO,
        endpoint: Some(IdentityRule::IfAnswered),
        mirrors: vec![],
    }
}

fn token() -> Token {
    Token::new("by-hand").unwrap()
}

/// `serving` and its predecessors, of `owner`; with another text than [`token`]'s.
fn record(owner: &str, serving: u8, previous: &[u8]) -> Box<Record> {
    Box::new(Record {
        token_id: id(serving),
        token_name: String::new(),
        created_at: now(),
        rotation_id: RotationId::starting_at(now()),
        published_at: now(),
        previous_token_ids: previous.iter().map(|&number| id(number)).collect(),
        phase: Phase::Retiring,
        token_sha256: String::new(),
        owner: owner.parse().unwrap(),
        ..Record::sample(&Token::new("t").unwrap())
    })
}

fn listed(number: u8, name: &str) -> ListedToken {
    ListedToken { id: id(number), name: Some(name.to_owned()), created_at: now(), expires_at: None }
}

fn judge(
    content: &SecretContent,
    take_over: TakeOver,
    listing: &[ListedToken],
    others: &[(CredentialName, Record)],
) -> Result<Record, AdoptRefusal> {
    let subject = subject();
    let adoption = Adoption { subject: &subject, token_id: id(1), take_over, disproved: None };
    let claim = adoption.claim(content)?;
    adoption.record(&claim, listing, others.iter().map(|(name, record)| (name, record)), now())
}

fn unmanaged() -> SecretContent {
    SecretContent::Unmanaged { token: token() }
}

fn edited(record: Box<Record>) -> SecretContent {
    SecretContent::Edited { record, token: Some(token()) }
}

fn managed(record: Box<Record>) -> SecretContent {
    SecretContent::Managed { record, token: token() }
}

fn everything() -> Vec<ListedToken> {
    (1..=5).map(|number| listed(number, "by hand")).collect()
}

#[test]
fn a_hand_made_token_becomes_served_as_it_is_listed_and_replaces_nothing() {
    let record = judge(&unmanaged(), TakeOver::No, &everything(), &[]).unwrap();
    assert_eq!(record.token_id, id(1));
    assert_eq!(record.token_name, "by hand");
    assert_eq!(record.token_sha256, token().sha256());
    assert_eq!(record.previous_token_ids, vec![]);
    assert_eq!(record.phase, Phase::Published);
    assert_eq!(record.owner, subject().owner);
    assert_eq!(record.rotation_id.started_at(), Some(now()));
}

#[test]
fn what_an_edited_secret_served_before_and_lives_is_kept_until_a_gate_has_passed() {
    let listing = [listed(1, "by hand"), listed(2, "a"), listed(4, "b")];
    let content = edited(record("prod", 2, &[3, 4, 1]));
    let adopted = judge(&content, TakeOver::No, &listing, &[]).unwrap();
    assert_eq!(adopted.previous_token_ids, [id(2), id(4)]);
}

#[test]
fn another_deployments_secret_is_taken_only_when_asked_for() {
    let foreign = || record("staging", 1, &[2]);
    let refusal = AdoptRefusal::Foreign("staging".parse().unwrap());
    for content in [managed(foreign()), edited(foreign())] {
        assert_eq!(judge(&content, TakeOver::No, &everything(), &[]).unwrap_err(), refusal);
    }
    let taken = judge(&managed(foreign()), TakeOver::Yes, &everything(), &[]).unwrap();
    assert_eq!((taken.owner, taken.previous_token_ids), (subject().owner, vec![id(2)]));
}

#[test]
fn an_id_that_the_record_disproves_is_refused() {
    let content = managed(record("staging", 2, &[]));
    let refusal = judge(&content, TakeOver::Yes, &everything(), &[]).unwrap_err();
    assert_eq!(refusal, AdoptRefusal::OtherToken(id(2)));
    let content = edited(record("prod", 1, &[]));
    let refusal = judge(&content, TakeOver::No, &everything(), &[]).unwrap_err();
    assert_eq!(refusal, AdoptRefusal::NotThisToken(id(1)));
}

#[test]
fn what_cannot_be_adopted_is_refused_with_its_reason() {
    let mut other_account = record("prod", 2, &[]);
    other_account.username = "other_prod".parse().unwrap();
    for (content, refusal) in [
        (SecretContent::Vacant, AdoptRefusal::Vacant),
        (
            SecretContent::Edited { record: record("prod", 2, &[]), token: None },
            AdoptRefusal::NoText,
        ),
        (managed(record("prod", 2, &[])), AdoptRefusal::AlreadyManaged(id(2))),
        (managed(other_account), AdoptRefusal::OtherAccount("other_prod".parse().unwrap())),
    ] {
        let judged = judge(&content, TakeOver::Yes, &everything(), &[]).unwrap_err();
        assert_eq!(judged, refusal, "{content:?}");
    }
}

#[test]
fn a_token_that_is_not_listed_is_refused_and_those_that_are_get_named() {
    let listing = [listed(2, "two\u{1b}[2J"), listed(3, "three")];
    let refusal = judge(&unmanaged(), TakeOver::No, &listing, &[]).unwrap_err();
    let hint = refusal.hint(&subject().credential).unwrap();
    assert!(hint.contains(&id(2).to_string()) && hint.contains("\"three\""), "{hint}");
    assert!(!hint.contains('\u{1b}'), "{hint}");
}

#[test]
fn a_token_that_somebody_else_would_revoke_is_refused() {
    let named = |owner: &str, credential: &str| {
        let rotation = RotationId::starting_at(now());
        [listed(1, &format!("pintail/{owner}/{credential}/{rotation}"))]
    };
    let reader: CredentialName = "reader".parse().unwrap();
    let in_use = AdoptRefusal::InUse { id: id(1), credential: reader.clone() };
    for take_over in [TakeOver::No, TakeOver::Yes] {
        let judged = judge(&unmanaged(), take_over, &named("prod", "reader"), &[]);
        assert_eq!(judged.unwrap_err(), in_use);
        for record in [record("prod", 1, &[]), record("prod", 2, &[1])] {
            let others = [(reader.clone(), *record)];
            let judged = judge(&unmanaged(), take_over, &everything(), &others);
            assert_eq!(judged.unwrap_err(), in_use);
        }
    }
    let foreign = named("staging", "etl");
    let refusal = judge(&unmanaged(), TakeOver::No, &foreign, &[]).unwrap_err();
    let owner = "staging".parse().unwrap();
    assert_eq!(refusal, AdoptRefusal::ForeignToken { id: id(1), owner });
    assert!(judge(&unmanaged(), TakeOver::Yes, &foreign, &[]).is_ok());
    assert!(judge(&unmanaged(), TakeOver::No, &named("prod", "etl"), &[]).is_ok());
}

#[test]
fn an_account_without_any_token_is_said_to_be_the_wrong_one() {
    let missing = |listed| AdoptRefusal::NotListed {
        id: id(9),
        account: "etl_prod".parse().unwrap(),
        listed,
    };
    let hint = |refusal: AdoptRefusal| refusal.hint(&subject().credential).unwrap();
    assert!(hint(missing(vec![])).contains("username"));
    assert!(!hint(missing(vec![listed(1, "one")])).contains("username"));
}
