//! What survives a restart, and what is kept from others.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::fault::Diagnostic;
use crate::sandbox::SandboxError;

fn options(dir: &Path) -> Options {
    Options { dir: Some(dir.join("sandbox")), ..Options::default() }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn accounts_tokens_and_authority_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = Bench::new(options(dir.path())).await;
    let ready = first.sandbox.ready().clone();
    let authority = std::fs::read(&ready.ca_file).unwrap();
    first.post("/v1/users", json!({ "username": "fresh" })).await;
    let (kept, token) = first.token(json!({ "name": "kept" })).await;
    let (gone, revoked) = first.token(json!({ "name": "gone" })).await;
    first.revoke(&gone).await;
    let admin_token = first.admin_token.clone();
    first.sandbox.stop().await;

    let second = Bench::new(options(dir.path())).await;
    assert_eq!(second.admin_token, admin_token);
    assert_eq!(std::fs::read(&second.sandbox.ready().ca_file).unwrap(), authority);
    assert_eq!(second.listed().await, [kept]);
    assert_eq!(second.get("/v1/users/fresh/tokens").await.status, 200);
    second.connect(&token).await.unwrap();
    assert_eq!(second.refusal(&revoked).await, "28P01");
    assert_eq!(second.events("refused").await[0]["token_id"], json!(gone));
}

#[tokio::test]
async fn an_admin_token_that_was_revoked_stays_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let first = Bench::new(options(dir.path())).await;
    let path = "/v1/users/sandbox_admin/tokens";
    let id = first.get(path).await.json()["tokens"][0]["id"].as_str().unwrap().to_owned();
    first.ask(Method::DELETE, &format!("{path}/{id}"), None).await;
    first.sandbox.stop().await;
    let second = Bench::new(options(dir.path())).await;
    assert_eq!(second.get(path).await.status, 401);
}

#[tokio::test]
async fn secrets_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::new(options(dir.path())).await;
    let sandbox = dir.path().join("sandbox");
    assert_eq!(mode(&sandbox), 0o700);
    for file in ["admin-token", "state.jsonl", "ca-key.pem"] {
        assert_eq!(mode(&sandbox.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&bench.sandbox.ready().ca_file), 0o644);
    let temporary = Bench::new(Options::default()).await;
    let file = temporary.sandbox.ready().admin_token_file.clone();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    temporary.sandbox.stop().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn one_directory_is_for_one_sandbox_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Bench::new(options(dir.path())).await;
    let second = start(options(dir.path())).await;
    assert!(matches!(second, Err(SandboxError::InUse { .. })));
    first.sandbox.stop().await;
    start(options(dir.path())).await.unwrap();
}

#[tokio::test]
async fn damaged_state_is_an_error_and_never_an_empty_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    Bench::new(options(dir.path())).await.sandbox.stop().await;
    std::fs::write(dir.path().join("sandbox/state.jsonl"), "{\n").unwrap();
    let error = start(options(dir.path())).await.unwrap_err();
    assert!(matches!(error, SandboxError::Damaged { .. }));
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn an_expired_token_is_refused_by_the_wall_clock() {
    let dir = tempfile::tempdir().unwrap();
    let first = Bench::new(options(dir.path())).await;
    let (id, token) = first.token(json!({ "name": "n", "ttl": 300 })).await;
    first.sandbox.stop().await;
    // The shortest lifetime is five minutes: its end is moved instead of waited for.
    let state = dir.path().join("sandbox/state.jsonl");
    let lines = std::fs::read_to_string(&state).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let mut known = last["token"].clone();
    assert_eq!(known["id"], json!(id));
    known["expires_at"] = json!("2020-01-01T00:00:00Z");
    std::fs::write(&state, format!("{lines}{}\n", json!({ "token": known }))).unwrap();

    let second = Bench::new(options(dir.path())).await;
    assert_eq!(second.refusal(&token).await, "28P01");
    let reply = second.try_ask_as(&token, Method::GET, "/v1/active_accounts", None).await.unwrap();
    assert_eq!(reply.status, 401);
    assert!(second.listed().await.is_empty());
    assert_eq!(second.revoke(&id).await.status, 404);
    second.change(json!({ "keep_expired": true })).await;
    assert_eq!(second.listed().await, std::slice::from_ref(&id));
    assert_eq!(second.revoke(&id).await.status, 200);
}

#[tokio::test]
async fn several_sandboxes_share_nothing() {
    let (first, second) =
        (Bench::new(Options::default()).await, Bench::new(Options::default()).await);
    let reply =
        second.try_ask_as(&first.admin_token, Method::GET, "/v1/users", None).await.unwrap();
    assert_eq!(reply.status, 401);
    first.token(json!({ "name": "n" })).await;
    assert!(second.events("token_created").await.is_empty());
}

#[tokio::test]
async fn accounts_come_from_a_file_too_and_exist_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts.txt");
    std::fs::write(
        &file,
        "# of the fleet\r\ncustomer_1\r\n\n  customer_2 # the second\nETL_prod\n",
    )
    .unwrap();
    let options = Options { accounts_file: Some(file.clone()), ..Options::default() };
    let bench = Bench::new(options.clone()).await;
    let users = bench.get("/v1/users?is_service_account=true").await.json();
    let names = users["users"].as_array().unwrap().iter().map(|user| user["username"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["etl_prod", "customer_1", "customer_2"]);

    std::fs::write(&file, "customer_1\n\nwith-hyphen\n").unwrap();
    let error = start(options.clone()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Account { line: 3, .. }), "{error}");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(start(options).await, Err(SandboxError::Read { .. })));
}
