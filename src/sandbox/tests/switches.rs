//! Every switch, and every fault that can be planned.

use super::*;
use crate::sandbox::RetryAfter;

const TOKENS: &str = "/v1/users/etl_prod/tokens";

/// Asks as the admin; `None` if no answer came.
async fn create(bench: &Bench, name: &str) -> Option<Reply> {
    let body = Some(json!({ "name": name }));
    bench.try_ask_as(&bench.admin_token, Method::POST, TOKENS, body).await.ok()
}

#[tokio::test]
async fn a_failed_request_has_no_effect() {
    let bench = Bench::new(Options { fail_rate: 1.0, seed: Some(1), ..Options::default() }).await;
    for _ in 0..5 {
        let reply = create(&bench, "n").await.unwrap();
        assert!([500, 502, 503].contains(&reply.status.as_u16()));
        assert!(reply.json()["code"].is_string());
    }
    bench.change(json!({ "fail_rate": 0 })).await;
    assert!(bench.listed().await.is_empty());
    let failed = bench.events("request_failed").await;
    assert_eq!(failed.len(), 5);
    assert_eq!(failed[0]["username"], "etl_prod");
    let detail = failed[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("token_create: 50") && detail.ends_with("no effect"), "{detail}");
}

#[tokio::test]
async fn a_lost_reply_leaves_the_effect() {
    let bench = Bench::new(Options { lose_reply_rate: 1.0, ..Options::default() }).await;
    assert!(create(&bench, "n").await.is_none());
    bench.change(json!({ "lose_reply_rate": 0.0 })).await;
    assert_eq!(bench.listed().await.len(), 1);
    let created = bench.events("token_created").await;
    assert_eq!(created[0]["name"], "n");
    assert!(
        bench.events("request_failed").await[0]["detail"].as_str().unwrap().contains("took effect")
    );
}

#[tokio::test]
async fn a_gateway_speaks_html_only_where_it_is_a_gateway() {
    let bench = Bench::new(Options { gateway_html: true, ..Options::default() }).await;
    for (status, html) in [(500, false), (502, true), (503, true), (504, true), (409, false)] {
        bench.plan(json!({ "operation": "token_list", "how": "fail", "status": status })).await;
        let reply = bench.get(TOKENS).await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.text.starts_with("<html>"), html, "{status}");
    }
}

#[tokio::test]
async fn one_request_too_many_is_told_when_to_come_back() {
    for (form, check) in [
        (RetryAfter::None, None),
        (RetryAfter::Seconds(1), Some("1")),
        (RetryAfter::Date, Some("GMT")),
    ] {
        let rate_limit = std::num::NonZeroU32::new(1);
        let bench =
            Bench::new(Options { rate_limit, retry_after: form, ..Options::default() }).await;
        // More requests than seconds can pass meanwhile.
        let mut limited = None;
        for _ in 0..50 {
            let reply = bench.get(TOKENS).await;
            if reply.status == 429 {
                limited = Some(reply);
                break;
            }
        }
        let limited = limited.expect("fifty requests are not served within one second each");
        assert_eq!(limited.json()["code"], "TOO_MANY_REQUESTS");
        let header = limited.headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(header.is_some(), check.is_some());
        assert!(header.unwrap_or_default().ends_with(check.unwrap_or_default()));
    }
}

#[tokio::test]
async fn a_new_token_is_listed_only_after_the_listing_delay() {
    let listing_delay = Duration::from_hours(1);
    let bench = Bench::new(Options { listing_delay, ..Options::default() }).await;
    let (id, _) = bench.token(json!({ "name": "n" })).await;
    assert!(bench.listed().await.is_empty());
    bench.change(json!({ "listing_delay": "0s" })).await;
    assert_eq!(bench.listed().await, [id]);
}

#[tokio::test]
async fn a_revoked_token_works_on_until_the_revocation_delay_is_over() {
    let revocation_delay = Duration::from_hours(1);
    let bench = Bench::new(Options { revocation_delay, ..Options::default() }).await;
    let status = async |token: &str| {
        bench.try_ask_as(token, Method::GET, "/v1/active_accounts", None).await.unwrap().status
    };
    let (id, token) = bench.token(json!({ "name": "n" })).await;
    bench.revoke(&id).await;
    assert!(bench.listed().await.is_empty());
    assert_eq!(status(&token).await, 403);
    bench.change(json!({ "revocation_delay": "0s" })).await;
    let (id, token) = bench.token(json!({ "name": "m" })).await;
    bench.revoke(&id).await;
    assert_eq!(status(&token).await, 401);
}

#[tokio::test]
async fn two_tokens_share_a_name_only_if_asked_for() {
    let bench = Bench::new(Options::default()).await;
    let (id, _) = bench.token(json!({ "name": "n" })).await;
    let refused = create(&bench, "n").await.unwrap();
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (409, &json!("CONFLICT")));
    assert_eq!(create(&bench, "m").await.unwrap().status, 200);
    bench.change(json!({ "duplicate_names": true })).await;
    assert_eq!(create(&bench, "n").await.unwrap().status, 200);
    bench.change(json!({ "duplicate_names": false })).await;
    bench.revoke(&id).await;
    assert_eq!(create(&bench, "n").await.unwrap().status, 409, "the second one has the name");
    let other = "/v1/users/sandbox_admin/tokens";
    assert_eq!(bench.post(other, json!({ "name": "n" })).await.status, 200, "another account");
}

#[tokio::test]
async fn the_lite_plan_has_neither_read_scaling_nor_embedded_dives() {
    let bench = Bench::new(Options { lite_plan: true, ..Options::default() }).await;
    let dive = "/v1/dives/7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01/embed-session";
    for (path, body) in [
        (TOKENS, json!({ "name": "n", "token_type": "read_scaling" })),
        (dive, json!({ "username": "etl_prod" })),
    ] {
        let refused = bench.post(path, body.clone()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (403, &json!("FORBIDDEN")));
        assert!(refused.text.contains("Business plan"), "{}", refused.text);
        bench.change(json!({ "lite_plan": false })).await;
        assert_eq!(bench.post(path, body).await.status, 200);
        bench.change(json!({ "lite_plan": true })).await;
    }
    assert_eq!(create(&bench, "read_write is on every plan").await.unwrap().status, 200);
    assert_eq!(bench.events("session_opened").await.len(), 1);
}

#[tokio::test]
async fn every_answer_takes_the_latency() {
    let latency = Duration::from_millis(60);
    let bench = Bench::new(Options { latency, ..Options::default() }).await;
    let start = std::time::Instant::now();
    bench.listed().await;
    assert!(start.elapsed() >= latency);
}

#[tokio::test]
async fn a_planned_fault_strikes_once_and_shows_as_planned() {
    let bench = Bench::new(Options::default()).await;
    let fault = |how: &str| json!({ "operation": "token_create", "how": how });

    bench.plan(fault("fail")).await;
    let failed = create(&bench, "a").await.unwrap();
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["code"]),
        (503, &json!("SERVICE_UNAVAILABLE"))
    );
    bench.plan(fault("html")).await;
    assert!(create(&bench, "b").await.unwrap().text.starts_with("<html>"));
    bench.plan(fault("not_found_text")).await;
    assert_eq!(create(&bench, "c").await.unwrap().text, "Not Found");
    assert!(bench.listed().await.is_empty());

    bench.plan(fault("lose_reply")).await;
    assert!(create(&bench, "d").await.is_none());
    bench.plan(fault("fail_after")).await;
    assert_eq!(create(&bench, "e").await.unwrap().status, 500);
    assert_eq!(bench.listed().await.len(), 2);

    assert_eq!(create(&bench, "f").await.unwrap().status, 200);
    assert_eq!(bench.events("request_failed").await.len(), 5);
}

#[tokio::test]
async fn a_hanging_request_never_answers_and_never_takes_effect() {
    let bench = Bench::new(Options::default()).await;
    bench.plan(json!({ "operation": "token_create", "how": "hang" })).await;
    let url = format!("{}{TOKENS}", bench.sandbox.ready().api_url);
    let request = bench.client.post(url).timeout(Duration::from_millis(200));
    let error = request.bearer_auth(&bench.admin_token).json(&json!({ "name": "n" })).send().await;
    assert!(error.unwrap_err().is_timeout());
    assert!(bench.listed().await.is_empty());
}

#[tokio::test]
async fn a_late_request_takes_effect_after_its_connection_was_lost() {
    let bench = Bench::new(Options::default()).await;
    bench.plan(json!({ "operation": "token_create", "how": "late", "delay": "300ms" })).await;
    assert!(create(&bench, "n").await.is_none());
    assert!(bench.events("token_created").await.is_empty());
    let landed = async {
        while bench.events("token_created").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), landed).await.unwrap();
    assert_eq!(bench.listed().await.len(), 1);
}

#[tokio::test]
async fn an_empty_list_can_be_a_lie() {
    let bench = Bench::new(Options::default()).await;
    bench.token(json!({ "name": "n" })).await;
    bench.plan(json!({ "operation": "token_list", "how": "empty_list" })).await;
    assert!(bench.listed().await.is_empty());
    assert_eq!(bench.listed().await.len(), 1);
}

#[tokio::test]
async fn a_plan_can_be_looked_at_and_dropped_and_nonsense_is_refused() {
    let bench = Bench::new(Options::default()).await;
    bench.plan(json!({ "operation": "token_list", "how": "fail" })).await;
    let shown = bench.get("/_sandbox/faults").await.json();
    assert_eq!(shown["fail_next"][0]["operation"], "token_list");
    assert_eq!(shown["switches"]["revocation_delay"], "0s");
    bench.ask(Method::DELETE, "/_sandbox/faults", None).await;
    assert!(bench.listed().await.is_empty());
    for nonsense in [
        json!({ "fail_rte": 1 }),
        json!({ "fail_next": [{ "operation": "token_make", "how": "fail" }] }),
        json!({ "latency": "soon" }),
    ] {
        assert_eq!(bench.post("/_sandbox/faults", nonsense).await.status, 400);
    }
}

#[tokio::test]
async fn a_member_does_with_its_own_tokens_what_it_may_and_with_others_nothing() {
    let accounts = ["etl_prod", "other"].map(|name| name.parse().unwrap()).to_vec();
    let bench = Bench::new(Options { accounts, ..Options::default() }).await;
    let (_, member) = bench.token(json!({ "name": "member" })).await;
    let all = ["create", "list", "revoke"];
    for granted in 0..8_usize {
        let may: Vec<_> =
            all.into_iter().enumerate().filter(|(at, _)| granted & (1 << at) != 0).collect();
        let words: Vec<_> = may.iter().map(|(_, deed)| *deed).collect();
        bench.change(json!({ "members_may": words })).await;
        let (spare, _) = bench.token(json!({ "name": format!("spare {granted}") })).await;
        for account in ["ETL_prod", "other"] {
            let path = format!("/v1/users/{account}/tokens");
            let name = Some(json!({ "name": format!("own {granted}") }));
            let deeds = [
                ("create", Method::POST, path.clone(), name),
                ("list", Method::GET, path.clone(), None),
                ("revoke", Method::DELETE, format!("{path}/{spare}"), None),
            ];
            for (deed, method, path, body) in deeds {
                let reply = bench.try_ask_as(&member, method, &path, body).await.unwrap();
                let is_allowed = account != "other" && words.contains(&deed);
                let expected = if is_allowed { 200 } else { 403 };
                assert_eq!(reply.status, expected, "{deed} for {account} with {words:?}");
            }
        }
        let reply = bench.try_ask_as(&member, Method::GET, "/v1/users", None).await.unwrap();
        assert_eq!(reply.status, 403, "the rest is for Admins");
    }
}

#[tokio::test]
async fn a_member_with_a_token_that_only_reads_may_do_nothing() {
    let bench = Bench::new(Options::default()).await;
    bench.change(json!({ "members_may": ["create", "list", "revoke"] })).await;
    let (_, scaling) = bench.token(json!({ "name": "s", "token_type": "read_scaling" })).await;
    assert_eq!(bench.try_ask_as(&scaling, Method::GET, TOKENS, None).await.unwrap().status, 403);
}
