//! What counts as serving, what is written over, and what is left where it is.

use super::{MirrorState, state};
use crate::names::{RotationId, TokenName};
use crate::record::{Phase, Record, SecretContent};
use crate::secret::Token;

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn rotation(second: i64) -> RotationId {
    RotationId::starting_at(jiff::Timestamp::from_second(1_800_000_000 + second).unwrap())
}

fn record(text: &str) -> Record {
    let name = TokenName {
        owner: "prod".parse().unwrap(),
        credential: "etl".parse().unwrap(),
        rotation: rotation(0),
    };
    Record {
        token_name: name.to_string(),
        rotation_id: name.rotation,
        previous_token_ids: vec!["7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02".parse().unwrap()],
        ..Record::sample(&token(text))
    }
}

fn managed(record: Record, text: &str) -> SecretContent {
    SecretContent::Managed { record: Box::new(record), token: token(text) }
}

fn bare(text: &str) -> SecretContent {
    SecretContent::Unmanaged { token: token(text) }
}

fn of(record: &Record, found: &SecretContent) -> MirrorState {
    let known = token("old").sha256();
    state(record, found, |digest| digest == known)
}

#[test]
fn a_mirror_that_holds_the_served_text_serves() {
    let served = record("new");
    assert_eq!(of(&served, &managed(served.clone(), "new")), MirrorState::Serves);
    assert_eq!(of(&served, &bare("new")), MirrorState::Serves);
}

#[test]
fn a_mirror_that_is_empty_or_holds_what_was_served_before_is_written() {
    let served = record("new");
    assert_eq!(of(&served, &SecretContent::Vacant), MirrorState::Behind);
    assert_eq!(of(&served, &managed(record("older"), "older")), MirrorState::Behind);
    assert_eq!(of(&served, &bare("old")), MirrorState::Behind);
    let edited = SecretContent::Edited { record: Box::new(record("x")), token: Some(token("old")) };
    assert_eq!(of(&served, &edited), MirrorState::Behind);
}

#[test]
fn a_token_of_unknown_origin_is_left_where_it_is() {
    let served = record("new");
    let mut other_owner = record("older");
    other_owner.owner = "other".parse().unwrap();
    let mut other_account = record("older");
    other_account.username = "someone".parse().unwrap();
    for found in [
        bare("by-hand"),
        managed(other_owner, "older"),
        managed(other_account, "older"),
        SecretContent::Edited { record: Box::new(record("x")), token: Some(token("by-hand")) },
        SecretContent::Edited { record: Box::new(record("x")), token: None },
    ] {
        assert_eq!(of(&served, &found), MirrorState::Foreign, "{found:?}");
    }
}

#[test]
fn after_a_roll_back_only_what_was_written_since_is_proof() {
    let before = record("old");
    let mut back = record("old");
    back.rotation_id = rotation(60);
    back.published_at = "2026-11-01T00:02:00Z".parse().unwrap();
    assert!(back.is_rolled_back());
    assert_eq!(of(&back, &managed(before.clone(), "old")), MirrorState::Behind);
    assert_eq!(of(&back, &bare("old")), MirrorState::Behind);
    assert_eq!(of(&back, &managed(back.clone(), "old")), MirrorState::Serves);
    let sealed = Record { phase: Phase::Retiring, ..back };
    assert_eq!(of(&sealed, &managed(before, "old")), MirrorState::Serves);
    assert_eq!(of(&sealed, &bare("old")), MirrorState::Serves);
}

#[test]
fn a_mirror_of_the_same_account_in_another_spelling_is_no_strangers() {
    let served = Record { username: "ETL_Prod".parse().unwrap(), ..record("new") };
    assert_eq!(of(&served, &managed(record("old"), "old")), MirrorState::Behind);
    let other = Record { username: "other".parse().unwrap(), ..record("old") };
    assert_eq!(of(&served, &managed(other, "old")), MirrorState::Foreign);
}
