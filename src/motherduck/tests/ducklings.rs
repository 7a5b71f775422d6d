//! What is promised of Ducklings and dives: whole bodies, and a session that cannot be printed.

use super::*;

#[tokio::test]
async fn ducklings_are_written_as_they_were_read_but_for_the_change() {
    let read = json!({
        "read_write": {"instance_size": "jumbo", "cooldown_seconds": 300, "new": {"a": 1}},
        "read_scaling": {"instance_size": "tera", "flock_size": 4, "cooldown_seconds": null},
        "later": [1],
    });
    let fake = Fake::playing([reply(200, read.to_string()), reply(204, "")]).await;
    let mut ducklings = fake.client.ducklings(&account()).await.unwrap();
    ducklings.read_scaling.flock_size = Some(8);
    fake.client.set_ducklings(&account(), &ducklings).await.unwrap();
    let written = &fake.seen()[1];
    assert_eq!(written.line, "PUT /v1/users/etl_prod/instances");
    let body: serde_json::Value = serde_json::from_str(&written.body).unwrap();
    assert_eq!(
        body,
        json!({"config": {
            "read_write": {"instance_size": "jumbo", "cooldown_seconds": 300, "new": {"a": 1}},
            "read_scaling": {"instance_size": "tera", "flock_size": 8},
            "later": [1],
        }})
    );
}

#[tokio::test]
async fn ducklings_that_cannot_be_read_are_an_error_and_are_never_written() {
    for body in ["", "{}", r#"{"read_write":{"instance_size":"pulse"}}"#] {
        let fake = Fake::playing([reply(200, body)]).await;
        let error = fake.client.ducklings(&account()).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::Malformed { .. }), "{}", told(&error));
    }
}

async fn embed(fake: &Fake) -> Result<crate::secret::Token, Error> {
    fake.client.embed_dive(&"d-1".parse().unwrap(), &account(), Some("page")).await
}

#[tokio::test]
async fn a_session_is_asked_for_once_and_cannot_be_printed() {
    let fake = Fake::playing([reply(200, r#"{"session":"s3ssion"}"#)]).await;
    let session = embed(&fake).await.unwrap();
    assert_eq!(session.lend(str::to_owned), "s3ssion");
    assert!(!format!("{session:?}").contains("s3ssion"));
    let seen = &fake.seen()[0];
    assert_eq!(seen.line, "POST /v1/dives/d-1/embed-session");
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, json!({"username": "etl_prod", "session_name": "page"}));
}

#[tokio::test]
async fn a_session_that_did_not_come_is_not_asked_for_again_nor_shown_in_part() {
    for trouble in [
        reply(500, ""),
        reply(200, r#"{"session":"s3ssion"#),
        reply(200, r#"{"session":"s3 ssion"}"#),
    ] {
        let fake = Fake::playing([trouble, reply(200, r#"{"session":"other"}"#)]).await;
        let error = embed(&fake).await.unwrap_err();
        assert!(!told(&error).contains("s3"), "{}", told(&error));
        assert_eq!(fake.seen().len(), 1);
    }
}

#[test]
fn a_text_that_would_change_the_path_is_no_dive() {
    for text in ["", ".", "..", "a\nb"] {
        assert!(text.parse::<DiveId>().is_err(), "{text:?}");
    }
    assert!("a/b".parse::<DiveId>().is_ok(), "it is percent-encoded");
}
