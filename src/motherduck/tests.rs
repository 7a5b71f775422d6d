//! What the client promises, against a server that plays every part.

mod creation;
mod ducklings;
mod users;

use std::time::{Duration, Instant};

use serde_json::json;

use super::fake::{Fake, Reply, client, reply, reply_with, settings};
use super::settings;
use super::*;
use crate::fault::{Diagnostic, FaultKind};
use crate::names::{AccountName, TokenId};
use crate::record::TokenType;
use crate::rotation::world::{CreatedToken, Revocation};
use crate::secret::SecretSource;

const ID: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";
const NO_TOKENS: &str = r#"{"tokens":[]}"#;

fn account() -> AccountName {
    "etl_prod".parse().unwrap()
}

fn id() -> TokenId {
    ID.parse().unwrap()
}

fn new_token() -> NewToken<'static> {
    NewToken {
        name: "pintail/x",
        ttl: Some(Duration::from_hours(1)),
        token_type: TokenType::ReadWrite,
        description: None,
    }
}

async fn create(fake: &Fake) -> Result<CreatedToken, CreateTokenError> {
    fake.client.create_token(&account(), &new_token()).await
}

fn created_body() -> String {
    json!({"token": "the-t0ken", "id": ID, "created_ts": "2026-11-01 00:00:00", "read_only": false, "token_type": "read_write"})
        .to_string()
}

/// The whole chain, as the edge prints it.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn failure(error: &Error) -> &Failure {
    match error {
        Error::Operation { source, .. } => source,
        Error::Url { .. } | Error::Setup { .. } => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_list_is_read_with_all_the_forms_of_its_fields() {
    let body = json!({"tokens": [
        {"id": ID, "name": "n", "created_ts": "2026-11-01T00:00:00Z", "expire_at": "2026-12-01 00:00:00", "read_only": false},
        {"id": "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02", "created_ts": "2026-11-01T00:00:00.5", "expire_at": null, "new": 1},
    ]});
    let fake = Fake::playing([reply(200, body.to_string())]).await;
    let tokens = fake.client.list_tokens(&account()).await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0].id, id());
    assert_eq!(tokens[0].name.as_deref(), Some("n"));
    assert_eq!(tokens[0].expires_at, Some("2026-12-01T00:00:00Z".parse().unwrap()));
    assert_eq!(tokens[1].name, None);
    assert_eq!(tokens[1].expires_at, None);
    assert_eq!(fake.seen()[0].line, "GET /v1/users/etl_prod/tokens");
    assert_eq!(fake.seen()[0].authorization, "Bearer adm1n-first");
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error_and_never_a_short_list() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"tokens":null}"#,
        r#"{"tokens":[{"id":"7f0c2f7e"#,
        r#"{"tokens":[],"pagination":{"has_more":true}}"#,
        r#"{"tokens":[{"id":"a-name-instead","created_ts":"2026-11-01T00:00:00Z"}]}"#,
        r#"{"tokens":[{"id":"7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01"}]}"#,
        "<html>welcome</html>",
    ] {
        let fake = Fake::playing([reply(200, body)]).await;
        let error = fake.client.list_tokens(&account()).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::Malformed { .. }), "{body}: {}", told(&error));
        assert!(!told(&error).contains("a-name-instead"), "{}", told(&error));
        assert_eq!(fake.seen().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn pages_are_followed_to_the_end_and_repeated_rows_count_once() {
    let page = |ids: &[u8], more: serde_json::Value| {
        let rows: Vec<_> = ids
            .iter()
            .map(|n| json!({"id": format!("7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a{n:02}"), "created_ts": "2026-11-01T00:00:00Z"}))
            .collect();
        let mut page = json!({"tokens": rows});
        page.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        reply(200, page.to_string())
    };
    let fake = Fake::playing([
        page(&[1, 2], json!({"next_page_token": "a b&c"})),
        page(&[2, 3], json!({"next_cursor": "x"})),
        page(&[4], json!({"pagination": {"next_cursor": "y"}})),
        page(&[], json!({"next_page_token": null, "pagination": {"next_cursor": ""}})),
    ])
    .await;
    assert_eq!(fake.client.list_tokens(&account()).await.unwrap().len(), 4);
    let lines: Vec<_> = fake.seen().into_iter().map(|seen| seen.line).collect();
    assert!(lines[1].ends_with("?page_token=a+b%26c"), "{lines:?}");
    assert!(lines[2].ends_with("?cursor=x"), "{lines:?}");
    assert!(lines[3].ends_with("?cursor=y"), "{lines:?}");
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_are_an_error() {
    let page = || reply(200, r#"{"tokens":[],"next_page_token":"again"}"#);
    let fake = Fake::playing([page(), page(), page()]).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(told(&error).contains("circle"), "{}", told(&error));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_it() {
    let fake =
        Fake::playing([reply(200, " ".repeat(9 << 20)), reply(200, " ".repeat(65 << 10))]).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(told(&error).contains("larger than 2097152 bytes"), "{}", told(&error));
    let error = fake.client.ducklings(&account()).await.unwrap_err();
    assert!(told(&error).contains("larger than 65536 bytes"), "{}", told(&error));
}

#[tokio::test]
async fn pages_without_end_are_not_followed_to_it() {
    let page = |n: usize| {
        let rows = "1,".repeat(200_000);
        reply(200, format!(r#"{{"padding":[{rows}1],"tokens":[],"next_cursor":{n}}}"#))
    };
    let fake = Fake::playing((0..9).map(page)).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(told(&error).contains("too long"), "{}", told(&error));
    assert_eq!(fake.seen().len(), 3, "200,000 values each, of 500,000");
}

#[tokio::test]
async fn part_of_a_list_is_no_list() {
    for status in [202, 203, 204, 206] {
        let fake = Fake::playing([reply(status, r#"{"tokens":[]}"#)]).await;
        let error = fake.client.list_tokens(&account()).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::Unfinished { .. }), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_revocation_that_was_only_taken_on_is_none() {
    let fake = Fake::playing([reply(202, "")]).await;
    let error = fake.client.revoke_token(&account(), id()).await.unwrap_err();
    assert!(matches!(failure(&error), Failure::Unfinished { .. }), "{}", told(&error));
    assert!(error.may_have_effect());
    assert_eq!(error.kind(), FaultKind::Transient, "the next list tells");
}

#[tokio::test]
async fn get_is_repeated_through_every_passing_trouble() {
    for trouble in [
        || reply(429, ""),
        || reply(502, "<html>"),
        || reply(503, ""),
        || reply(504, ""),
        || Reply::Nothing,
        || Reply::BrokenOff { status: 200, body: NO_TOKENS.to_owned() },
    ] {
        let fake = Fake::playing([trouble(), trouble(), reply(200, NO_TOKENS)]).await;
        assert_eq!(fake.client.list_tokens(&account()).await.unwrap(), []);
        assert_eq!(fake.client.requests_sent(), 3);
    }
}

#[tokio::test]
async fn running_out_of_attempts_is_an_error_that_says_so() {
    let fake = Fake::playing(std::iter::repeat_with(|| reply(503, "")).take(9)).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert_eq!(
        told(&error),
        "cannot list the tokens of account etl_prod: gave up after 4 attempts: MotherDuck is unavailable (503)"
    );
    assert_eq!(error.kind(), FaultKind::Transient);
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let fake =
        Fake::playing([reply_with(429, ("Retry-After", "1"), ""), reply(200, NO_TOKENS)]).await;
    let started = Instant::now();
    fake.client.list_tokens(&account()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_beyond_the_limit_is_an_error_at_once() {
    let fake = Fake::playing([reply_with(503, ("Retry-After", "3600"), "")]).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(
        told(&error).contains("it asks to wait 1h, and we wait at most 1m"),
        "{}",
        told(&error)
    );
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn without_an_admin_token_nothing_is_sent() {
    let missing = SecretSource::File("/nonexistent/admin".into());
    let client = client("http://127.0.0.1:9", missing);
    let error = client.create_token(&account(), &new_token()).await.unwrap_err();
    assert!(matches!(error, CreateTokenError::Refused(_)), "{}", told(&error));
    assert_eq!(client.requests_sent(), 0);
    assert!(error.hint().unwrap().contains("motherduck.admin_token"));
}

#[tokio::test]
async fn an_admin_token_that_stays_refused_is_an_error_that_names_its_place() {
    let fake = Fake::playing([reply(401, r#"{"code":"UNAUTHORIZED"}"#)]).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(matches!(failure(&error), Failure::Unauthorized { .. }));
    assert_eq!(error.kind(), FaultKind::Permanent);
    assert!(error.hint().unwrap().contains(&fake.admin_file.display().to_string()));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn the_admin_token_is_read_once_while_it_is_accepted() {
    let fake = Fake::playing([reply(200, NO_TOKENS), reply(200, NO_TOKENS)]).await;
    fake.client.list_tokens(&account()).await.unwrap();
    std::fs::remove_file(&fake.admin_file).unwrap();
    fake.client.list_tokens(&account()).await.unwrap();
}

#[tokio::test]
async fn a_member_is_told_that_an_admin_is_needed() {
    let body = r#"{"code":"FORBIDDEN","issues":[{"message":"minimum role is Admin"}]}"#;
    let fake = Fake::playing([reply(403, body)]).await;
    let error = fake.client.active_accounts().await.unwrap_err();
    assert!(told(&error).contains("403 FORBIDDEN: minimum role is Admin"), "{}", told(&error));
    assert!(error.hint().unwrap().contains("Admin role"));
}

#[tokio::test]
async fn issues_are_shown_within_bounds_and_without_the_admin_token() {
    let long = "ttl must be 300 or more; ".repeat(50);
    let body = json!({"message": "the message of adm1n-first", "code": "BAD_REQUEST", "issues": [
        {"message": "you sent adm1n-first"}, {"message": long},
    ]});
    let fake = Fake::playing([reply(400, body.to_string())]).await;
    let error = create(&fake).await.unwrap_err();
    let told = told(&error);
    assert!(told.contains("400 BAD_REQUEST: you sent [redacted]; ttl must be"), "{told}");
    assert!(!told.contains("adm1n-first") && told.len() < 500, "{told}");
    assert_eq!(error.kind(), FaultKind::Permanent);
}

#[tokio::test]
async fn a_success_revokes_with_or_without_a_body() {
    for answer in [reply(200, r#"{"id":"x"}"#), reply(204, "")] {
        let fake = Fake::playing([answer]).await;
        let revocation = fake.client.revoke_token(&account(), id()).await.unwrap();
        assert_eq!(revocation, Revocation::Revoked);
        assert_eq!(fake.seen()[0].line, format!("DELETE /v1/users/etl_prod/tokens/{ID}"));
    }
}

#[tokio::test]
async fn the_services_own_word_that_a_token_is_gone_is_success_even_after_a_lost_reply() {
    let gone = r#"{"message":"Not found","code":"NOT_FOUND"}"#;
    let fake = Fake::playing([Reply::Nothing, reply(404, gone)]).await;
    let revocation = fake.client.revoke_token(&account(), id()).await.unwrap();
    assert_eq!(revocation, Revocation::AlreadyGone);
}

#[tokio::test]
async fn a_plain_text_404_is_never_gone() {
    for body in ["Not Found", "", "{}", r#"{"code":"OTHER"}"#, "\"NOT_FOUND\""] {
        let fake = Fake::playing([reply(404, body)]).await;
        let error = fake.client.revoke_token(&account(), id()).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::PlainNotFound { .. }), "{body}");
        assert!(error.hint().unwrap().contains("is motherduck.api_url right?"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fake = Fake::playing([reply_with(307, ("Location", "/elsewhere"), "")]).await;
    let error = fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("redirects are not followed"));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn active_accounts_are_listed_with_their_ducklings() {
    let body = r#"{"accounts":[{"username":"a.person@x","ducklings":[{"id":"rw","type":"pulse","status":"active"}]},{"username":"idle"}]}"#;
    let fake = Fake::playing([reply(200, body)]).await;
    let accounts = fake.client.active_accounts().await.unwrap();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[0].ducklings[0].kind, "pulse");
    assert_eq!(fake.seen()[0].line, "GET /v1/active_accounts");
}

#[tokio::test]
async fn the_clock_skew_is_known_after_any_answer_even_a_refusal() {
    let fake =
        Fake::playing([reply_with(400, ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), "")]).await;
    assert_eq!(fake.client.clock_skew(), None);
    fake.client.list_tokens(&account()).await.unwrap_err();
    assert!(fake.client.clock_skew().unwrap() < jiff::SignedDuration::from_hours(-24));
}

#[tokio::test]
async fn requests_wait_for_the_rate_limit() {
    let fake = Fake::playing(std::iter::repeat_with(|| reply(200, NO_TOKENS)).take(3)).await;
    let mut client = fake.client;
    client.rate = Rate::per_second(2).into();
    let started = Instant::now();
    for _ in 0..3 {
        client.list_tokens(&account()).await.unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(400), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_revocation_does_not_wait_behind_lists_and_no_list_of_an_urgent_run_behind_those_of_others()
 {
    let fake = Fake::playing(std::iter::repeat_with(|| reply(200, NO_TOKENS)).take(9)).await;
    let mut client = fake.client;
    client.rate = Rate::per_second(5).into();
    let urgent = client.urgently();
    for _ in 0..5 {
        client.list_tokens(&account()).await.unwrap();
    }
    let order = std::sync::Mutex::new(vec![]);
    let told = |what| order.lock().unwrap().push(what);
    let list = async {
        client.list_tokens(&account()).await.unwrap();
        told("list");
    };
    let another = async {
        client.list_tokens(&account()).await.unwrap();
        told("another list");
    };
    let revocation = async {
        client.revoke_token(&account(), id()).await.ok();
        told("urgent");
    };
    let urgent_list = async {
        urgent.list_tokens(&account()).await.unwrap();
        told("urgent");
    };
    tokio::join!(list, another, revocation, urgent_list);
    assert_eq!(*order.lock().unwrap(), ["urgent", "urgent", "list", "another list"]);
}

#[test]
fn a_client_in_the_place_of_another_shares_its_rate() {
    let source = || SecretSource::Env("X".to_owned());
    let made = |rate| {
        let settings = settings::MotherDuck {
            requests_per_second: rate,
            ..settings("http://localhost:1", source())
        };
        Client::new(&settings, AdminSource::Secret(source())).unwrap()
    };
    let before = made(10);
    assert!(Arc::ptr_eq(&made(10).in_place_of(&before).rate, &before.rate));
    assert!(made(11).in_place_of(&before).rate.is_like(&Rate::per_second(11)));
}

#[test]
fn the_admin_token_is_never_sent_in_the_clear_beyond_this_machine() {
    let made = |url: &str| {
        let source = SecretSource::Env("X".to_owned());
        Client::new(&settings(url, source.clone()), AdminSource::Secret(source))
    };
    for url in ["http://api.motherduck.com", "http://10.0.0.1", "ftp://localhost", "https://u:p@h"]
    {
        let error = made(url).err().unwrap();
        assert!(matches!(error, Error::Url { .. }) && !error.to_string().contains("u:p"), "{url}");
    }
    for url in
        ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://api.motherduck.com"]
    {
        assert!(made(url).is_ok(), "{url}");
    }
}

#[test]
fn requests_can_be_made_from_any_task() {
    fn check<T: Send>(_: T) {}
    let client = client("http://127.0.0.1:9", SecretSource::Env("X".to_owned()));
    check(client.create_token(&account(), &new_token()));
    check(client.list_tokens(&account()));
    check(client.revoke_token(&account(), id()));
}
