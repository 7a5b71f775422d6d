//! The REST API as it is documented.

use super::*;

fn code(reply: &Reply) -> String {
    reply.json()["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_token_lives_from_its_creation_to_its_revocation() {
    let bench = Bench::new(Options::default()).await;
    let body = json!({ "name": "n", "ttl": 300, "token_type": "read_scaling", "unknown": 1 });
    let reply = bench.post("/v1/users/etl_prod/tokens", body).await;
    assert_eq!(reply.status, 200);
    let created = reply.json();
    assert_eq!(created["read_only"], true);
    assert_eq!(created["token_type"], "read_scaling");
    assert_eq!(created["name"], "n");
    assert!(created["expire_at"].is_string() && created["created_ts"].is_string());
    assert!(created.get("unknown").is_none());
    let id = created["id"].as_str().unwrap();

    let reply = bench.get("/v1/users/ETL_PROD/tokens").await;
    assert_eq!(reply.json()["tokens"][0]["id"], id);
    assert!(!reply.text.contains(created["token"].as_str().unwrap()));

    assert_eq!(bench.revoke(id).await.status, 200);
    assert!(bench.listed().await.is_empty());
    let again = bench.revoke(id).await;
    assert_eq!((again.status, code(&again)), (StatusCode::NOT_FOUND, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_token_without_a_ttl_never_expires_and_may_write() {
    let bench = Bench::new(Options::default()).await;
    let created = bench.post("/v1/users/etl_prod/tokens", json!({ "name": "n" })).await.json();
    assert!(created.get("expire_at").is_none());
    assert_eq!(created["token_type"], "read_write");
    assert_eq!(created["read_only"], false);
}

#[tokio::test]
async fn a_token_that_is_missing_or_wrong_or_revoked_is_told_the_same() {
    let bench = Bench::new(Options::default()).await;
    let (id, revoked) = bench.token(json!({ "name": "n" })).await;
    bench.revoke(&id).await;
    for token in ["", "nonsense", &revoked] {
        let reply =
            bench.try_ask_as(token, Method::GET, "/v1/active_accounts", None).await.unwrap();
        assert_eq!(reply.status, 401);
        assert_eq!(
            reply.json(),
            json!({ "message": "Invalid Credentials", "code": "UNAUTHORIZED" })
        );
    }
}

#[tokio::test]
async fn a_member_learns_that_it_lacks_the_minimum_role() {
    let bench = Bench::new(Options::default()).await;
    let (_, token) = bench.token(json!({ "name": "n" })).await;
    let reply = bench.try_ask_as(&token, Method::GET, "/v1/active_accounts", None).await.unwrap();
    assert_eq!((reply.status, code(&reply)), (StatusCode::FORBIDDEN, "FORBIDDEN".to_owned()));
    assert!(reply.json()["issues"][0]["message"].as_str().unwrap().contains("minimum role"));
}

#[tokio::test]
async fn a_missing_entity_is_told_in_json_and_a_missing_route_in_plain_text() {
    let bench = Bench::new(Options::default()).await;
    for path in ["/v1/users/nobody/tokens", "/v1/users/nobody/instances"] {
        let reply = bench.get(path).await;
        assert_eq!((reply.status, code(&reply)), (StatusCode::NOT_FOUND, "NOT_FOUND".to_owned()));
    }
    for (method, path) in
        [(Method::GET, "/v2/users"), (Method::GET, "/"), (Method::PATCH, "/v1/users")]
    {
        let reply = bench.ask(method, path, None).await;
        assert_eq!((reply.status, reply.text.as_str()), (StatusCode::NOT_FOUND, "Not Found"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_new_token_is_told_field_by_field() {
    let bench = Bench::new(Options::default()).await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(256) }), "name"),
        (json!({ "name": "MotherDuck Extension" }), "name"),
        (json!({ "name": "n", "ttl": 299 }), "ttl"),
        (json!({ "name": "n", "ttl": 31_536_001 }), "ttl"),
        (json!({ "name": "n", "ttl": 300.5 }), "ttl"),
        (json!({ "name": "n", "ttl": "300" }), "ttl"),
        (json!({ "name": "n", "token_type": "admin" }), "token_type"),
    ] {
        let reply = bench.post("/v1/users/etl_prod/tokens", body.clone()).await;
        assert_eq!(
            (reply.status, code(&reply)),
            (StatusCode::BAD_REQUEST, "BAD_REQUEST".to_owned())
        );
        assert_eq!(reply.json()["issues"][0]["path"], json!([field]), "{body}");
    }
    assert!(bench.listed().await.is_empty());
}

#[tokio::test]
async fn an_admin_makes_tokens_for_itself_and_for_service_accounts_only() {
    let bench = Bench::new(Options::default()).await;
    let own = bench.post("/v1/users/sandbox_admin/tokens", json!({ "name": "n" })).await;
    assert_eq!(own.status, 200);
    let token = own.json()["token"].as_str().unwrap().to_owned();
    let reply = bench.try_ask_as(&token, Method::GET, "/v1/active_accounts", None).await.unwrap();
    assert_eq!(reply.status, 200);
    let other = bench.post("/v1/users/sandbox_member/tokens", json!({ "name": "n" })).await;
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn an_account_is_created_once_and_takes_its_tokens_along() {
    let bench = Bench::new(Options::default()).await;
    let reply = bench.post("/v1/users", json!({ "username": "fresh" })).await;
    assert_eq!((reply.status, reply.json()), (StatusCode::OK, json!({ "username": "fresh" })));
    assert_eq!(bench.post("/v1/users", json!({ "username": "FRESH" })).await.status, 409);
    for username in ["1st", "with-hyphen", "ab", ""] {
        let reply = bench.post("/v1/users", json!({ "username": username })).await;
        assert_eq!(code(&reply), "BAD_REQUEST", "{username}");
    }
    bench.post("/v1/users/fresh/tokens", json!({ "name": "n" })).await;
    let deleted = bench.ask(Method::DELETE, "/v1/users/fresh", None).await;
    assert_eq!(deleted.json(), json!({ "username": "fresh" }));
    assert_eq!(bench.get("/v1/users/fresh/tokens").await.status, 404);
    assert_eq!(bench.events("token_revoked").await[0]["username"], "fresh");
    assert_eq!(bench.events("account_created").await.len(), 1);
    assert_eq!(bench.events("account_deleted").await.len(), 1);
    assert_eq!(bench.ask(Method::DELETE, "/v1/users/sandbox_admin", None).await.status, 403);
}

#[tokio::test]
async fn users_are_listed_page_by_page() {
    let accounts = ["acc_1", "acc_2", "acc_3"].map(|name| name.parse().unwrap()).to_vec();
    let bench = Bench::new(Options { accounts, ..Options::default() }).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/users?limit=2".to_owned());
    loop {
        let page = bench.get(&path).await.json();
        assert_eq!(page["total_count"], 5);
        seen.extend(page["users"].as_array().unwrap().clone());
        let Some(next) = page["next_page_token"].as_str() else { break };
        path = format!("/v1/users?limit=2&page_token={next}");
    }
    let names: Vec<_> = seen.iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, ["sandbox_admin", "sandbox_member", "acc_1", "acc_2", "acc_3"]);
    assert_eq!(seen[0]["roles"], json!(["Admin"]));
    assert_eq!(seen[2]["is_service_account"], true);
    let accounts = bench.get("/v1/users?is_service_account=true").await.json();
    assert_eq!(accounts["total_count"], 3);
    assert_eq!(bench.get("/v1/users?limit=1001").await.status, 400);
    assert_eq!(bench.get("/v1/users?page_token=x").await.status, 400);
}

#[tokio::test]
async fn ducklings_are_set_with_the_whole_body_or_not_at_all() {
    let bench = Bench::new(Options::default()).await;
    let path = "/v1/users/etl_prod/instances";
    let whole = json!({
        "read_write": { "instance_size": "standard", "cooldown_seconds": 120 },
        "read_scaling": { "instance_size": "pulse", "flock_size": 4 },
    });
    let put = |body: Value| bench.ask(Method::PUT, path, Some(json!({ "config": body })));
    assert_eq!(put(whole.clone()).await.json(), whole);
    assert_eq!(bench.get(path).await.json(), whole);
    for (pointer, wrong) in [
        ("/read_write", json!(null)),
        ("/read_scaling/flock_size", json!(65)),
        ("/read_scaling/instance_size", json!("huge")),
        ("/read_write/cooldown_seconds", json!(59)),
        ("/read_write/instance_size", json!("pulse")),
    ] {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = wrong;
        assert_eq!(put(body).await.status, 400, "{pointer}");
    }
    assert_eq!(bench.ask(Method::PUT, path, Some(whole.clone())).await.status, 400);
    assert_eq!(bench.get(path).await.json(), whole);
}

#[tokio::test]
async fn an_embed_session_is_opaque_and_for_service_accounts() {
    let bench = Bench::new(Options::default()).await;
    let path = "/v1/dives/0190163d-8694-739b-aea5-966c26f8ad91/embed-session";
    let reply = bench.post(path, json!({ "username": "etl_prod", "session_name": "s" })).await;
    assert!(reply.json()["session"].as_str().unwrap().len() > 20);
    assert_eq!(bench.post(path, json!({ "username": "nobody" })).await.status, 404);
    assert_eq!(bench.post(path, json!({ "username": "sandbox_admin" })).await.status, 403);
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let bench = Bench::new(Options::default()).await;
    bench.listed().await;
    bench.listed().await;
    bench.get("/v1/active_accounts").await;
    bench.get("/nowhere").await;
    let counts = bench.get("/_sandbox/requests").await.json();
    assert_eq!(
        counts,
        json!({
            "rest": 4,
            "postgres": 0,
            "by_operation": { "active_accounts": 1, "token_list": 2, "unknown": 1 },
        })
    );
}

#[tokio::test]
async fn no_event_and_no_state_ever_holds_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { dir: Some(dir.path().to_owned()), ..Options::default() };
    let bench = Bench::new(options).await;
    let (id, token) = bench.token(json!({ "name": "n" })).await;
    bench.revoke(&id).await;
    let events = bench.get("/_sandbox/events").await.text;
    let state = std::fs::read_to_string(dir.path().join("state.jsonl")).unwrap();
    assert!(events.contains(&id) && state.contains(&id));
    for text in [events, state] {
        assert!(!text.contains(&token) && !text.contains(&bench.admin_token));
        assert!(!text.contains(token.rsplit('.').next().unwrap()));
    }
}
