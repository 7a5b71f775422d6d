//! What is promised of a creation: it takes effect at most once, and the caller learns whether it may have.

use super::*;
use crate::fault::Diagnostic;

#[tokio::test]
async fn a_created_token_comes_with_its_text_and_its_expiry() {
    let fake = Fake::playing([reply(201, created_body())]).await;
    let created = create(&fake).await.unwrap();
    assert_eq!(created.id, id());
    assert_eq!(created.token.lend(str::to_owned), "the-t0ken");
    assert_eq!(created.expires_at, Some("2026-11-01T01:00:00Z".parse().unwrap()));
    let seen = &fake.seen()[0];
    assert_eq!(seen.line, "POST /v1/users/etl_prod/tokens");
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, json!({"name": "pintail/x", "ttl": 3600, "token_type": "read_write"}));
}

#[tokio::test]
async fn a_token_for_ever_is_asked_for_without_a_lifetime() {
    let fake = Fake::playing([reply(200, created_body())]).await;
    let new =
        NewToken { name: "n", ttl: None, token_type: TokenType::ReadScaling, description: None };
    let created = fake.client.create_token(&account(), &new).await.unwrap();
    assert_eq!(created.expires_at, None);
    let body: serde_json::Value = serde_json::from_str(&fake.seen()[0].body).unwrap();
    assert_eq!(body, json!({"name": "n", "token_type": "read_scaling"}));
}

#[tokio::test]
async fn a_description_is_sent_only_if_there_is_one() {
    let fake = Fake::playing([reply(200, created_body())]).await;
    let new = NewToken { ttl: None, description: Some("for the importer"), ..new_token() };
    fake.client.create_token(&account(), &new).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&fake.seen()[0].body).unwrap();
    assert_eq!(
        body,
        json!({"name": "pintail/x", "token_type": "read_write", "description": "for the importer"})
    );
}

#[tokio::test]
async fn a_creation_that_was_refused_is_known_not_to_have_happened_and_not_repeated() {
    for status in [400, 401, 403, 404, 422] {
        let fake = Fake::playing([reply(status, "{}"), reply(200, created_body())]).await;
        let error = create(&fake).await.unwrap_err();
        assert!(matches!(error, CreateTokenError::Refused(_)), "{status}: {}", told(&error));
        assert_eq!(fake.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_creation_whose_outcome_is_open_is_unknown_and_not_repeated() {
    let cut = created_body()[..40].to_owned();
    for trouble in [
        reply(500, "{}"),
        reply(502, ""),
        reply(503, ""),
        reply(504, ""),
        reply(302, ""),
        Reply::Nothing,
        Reply::BrokenOff { status: 200, body: created_body() },
        reply(204, ""),
        reply(200, cut),
        reply(200, created_body().replace(ID, "not-a-uuid")),
        reply(200, created_body().replace("the-t0ken", "")),
    ] {
        let fake = Fake::playing([trouble, reply(200, created_body())]).await;
        let error = create(&fake).await.unwrap_err();
        assert!(matches!(error, CreateTokenError::Unknown(_)), "{}", told(&error));
        assert!(!told(&error).contains("the-t0"), "{}", told(&error));
        assert_eq!(fake.seen().len(), 1, "{}", told(&error));
    }
}

#[tokio::test]
async fn a_name_that_exists_may_be_that_of_the_token_that_was_asked_for() {
    let fake = Fake::playing([reply(409, "{}"), reply(200, created_body())]).await;
    let error = create(&fake).await.unwrap_err();
    assert!(matches!(error, CreateTokenError::Unknown(_)), "{}", told(&error));
    assert_eq!(error.kind(), FaultKind::Transient, "another name may be free");
    assert_eq!(fake.seen().len(), 1, "the same name is not asked for again");
}

#[tokio::test]
async fn a_creation_is_repeated_after_429_and_refused_when_that_does_not_end() {
    let fake = Fake::playing([reply(429, ""), reply(200, created_body())]).await;
    create(&fake).await.unwrap();
    assert_eq!(fake.seen().len(), 2);

    let fake = Fake::playing(std::iter::repeat_with(|| reply(429, "")).take(9)).await;
    let error = create(&fake).await.unwrap_err();
    assert!(matches!(error, CreateTokenError::Refused(_)), "{}", told(&error));
    assert!(told(&error).contains("gave up after 4 attempts"), "{}", told(&error));
}

#[tokio::test]
async fn a_creation_lost_after_a_429_is_unknown() {
    let fake = Fake::playing([reply(429, ""), Reply::Nothing]).await;
    let error = create(&fake).await.unwrap_err();
    assert!(matches!(error, CreateTokenError::Unknown(_)), "{}", told(&error));
}

#[tokio::test]
async fn a_creation_that_reached_nobody_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("admin");
    std::fs::write(&file, "adm1n").unwrap();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let client = client(&format!("http://127.0.0.1:{port}"), SecretSource::File(file));
    let error = client.create_token(&account(), &new_token()).await.unwrap_err();
    assert!(matches!(error, CreateTokenError::Refused(_)), "{}", told(&error));
    assert_eq!(client.requests_sent(), 1);
}

#[tokio::test]
async fn a_rotated_admin_token_is_read_again_and_the_request_repeated_even_if_it_creates() {
    let fake = Fake::playing_with(|file| {
        vec![
            Reply::RotateAdminToken { file: file.to_owned(), text: "adm1n-second" },
            reply(200, created_body()),
            reply(200, NO_TOKENS),
        ]
    })
    .await;
    create(&fake).await.unwrap();
    fake.client.list_tokens(&account()).await.unwrap();
    let used: Vec<_> = fake.seen().into_iter().map(|seen| seen.authorization).collect();
    assert_eq!(used, ["Bearer adm1n-first", "Bearer adm1n-second", "Bearer adm1n-second"]);
}
