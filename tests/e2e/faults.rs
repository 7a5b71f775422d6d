//! A MotherDuck that says no, nothing, or nonsense: what is learned from it, and what is not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};

fn plan(scene: &Scene, faults: &Value) {
    scene.sandbox.faults(&json!({"fail_next": faults}));
}

fn revoked(scene: &Scene) -> Vec<String> {
    let events = scene.sandbox.events().into_iter();
    events
        .filter(|event| event.kind == "token_revoked")
        .filter_map(|event| event.token_id)
        .collect()
}

#[test]
fn a_token_whose_creation_gave_no_answer_is_found_by_its_name_and_revoked() {
    for how in ["lose_reply", "fail_after"] {
        let scene = Scene::new(Kind::File);
        let old = scene.first_token();
        plan(&scene, &json!([{"operation": "token_create", "how": how}]));
        scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_eq!(scene.sandbox.count("token_create"), 3, "{how}");
        let revoked = revoked(&scene);
        assert_eq!((revoked.len(), revoked.last()), (2, Some(&old)), "{how}: the lost one first");
        scene.assert_at_rest();
    }
}

#[test]
fn a_creation_that_a_proxy_sent_twice_is_made_again_under_another_name() {
    let mut scene = Scene::new(Kind::File);
    let old = scene.first_token();
    let strikes = AtomicBool::new(true);
    let relay = Relay::start(&scene.api_url, move |head| {
        let creates = head.starts_with("POST") && head.contains("/tokens ");
        if creates && strikes.swap(false, Ordering::Relaxed) { Fate::Twice } else { Fate::Pass }
    });
    scene.api_url.clone_from(&relay.url);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let replies = relay.replies();
    assert!(replies.iter().any(|reply| reply.contains(" 409 ")), "{replies:#?}");
    let events = scene.sandbox.events();
    let made = events.iter().filter(|event| event.kind == "token_created");
    let names: BTreeSet<_> = made.filter_map(|event| event.name.clone()).collect();
    assert_eq!(names.len(), 3, "the first, the one that was lost, and its replacement: {names:?}");
    assert_eq!(revoked(&scene).last(), Some(&old), "the lost one went before");
    scene.assert_at_rest();
}

#[test]
fn a_creation_that_takes_effect_late_leaves_no_orphan_for_long() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    plan(&scene, &json!([{"operation": "token_create", "how": "late", "delay": "500ms"}]));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.sandbox.until(|event| {
        event.detail.as_ref().is_some_and(|detail| detail.contains("took effect late"))
    });
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}

#[test]
fn an_orphan_that_was_not_listed_yet_is_revoked_by_a_later_rotation() {
    let scene = Scene::new(Kind::Vault);
    scene.first_token();
    scene.sandbox.faults(&json!({
        "listing_delay": "1h",
        "fail_next": [{"operation": "token_create", "how": "lose_reply"}],
    }));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(scene.live(ETL).len(), 2, "the lost one is nowhere to be seen");
    scene.sandbox.faults(&json!({"listing_delay": "0s"}));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}

#[test]
fn a_revocation_whose_reply_is_lost_is_repeated_and_gone_is_as_good_as_revoked() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    plan(&scene, &json!([{"operation": "token_revoke", "how": "lose_reply"}]));
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["error"], Value::Null);
    assert_eq!(scene.sandbox.count("token_revoke"), 2);
    scene.assert_at_rest();
}

#[test]
fn a_plain_text_404_is_not_gone() {
    let scene = Scene::new(Kind::File);
    let (old_id, old_token) = (scene.first_token(), scene.served_token());
    plan(&scene, &json!([{"operation": "token_revoke", "how": "not_found_text"}]));
    let run = scene.rotate(&[ETL]);
    let held = run.came_to(3, "held");
    assert!(held["error"].as_str().unwrap().contains("404"), "{run}");
    assert!(held["hint"].as_str().unwrap().contains("api_url"), "{run}");
    assert_eq!(held["revoked"], json!([]));
    assert!(scene.connects(&old_token), "it lives");
    let resumed = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!((&resumed["token_id"], &resumed["revoked"]), (&held["token_id"], &json!([old_id])));
    scene.assert_at_rest();
}

#[test]
fn gateway_pages_in_html_are_waited_out() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    let page = |operation| json!({"operation": operation, "how": "html"});
    plan(&scene, &["token_list", "token_create", "token_revoke"].map(page).into());
    let run = scene.rotate(&[ETL]);
    run.came_to(0, "rotated");
    assert!(!run.to_string().contains("<html>"), "{run}");
    scene.assert_at_rest();
}

#[test]
fn retry_after_is_honoured() {
    for (form, at_least_ms) in [("2", 1900), ("date", 900)] {
        let scene = Scene::new(Kind::File);
        scene.first_token();
        scene.sandbox.faults(&json!({"rate_limit": 1, "retry_after": form}));
        scene.rotate(&[ETL]).came_to(0, "rotated");
        scene.sandbox.faults(&json!({"rate_limit": 0}));
        let events = scene.sandbox.events();
        let refused: Vec<_> = (0..events.len())
            .filter(|&at| events[at].detail.as_ref().is_some_and(|text| text.contains("429")))
            .collect();
        assert!(!refused.is_empty(), "{form}");
        for at in refused {
            let rest = ["tokens_listed", "token_created", "token_revoked", "request_failed"];
            let next = events[at + 1..].iter().find(|next| rest.contains(&next.kind.as_str()));
            let pause = next.unwrap().at.duration_since(events[at].at);
            assert!(pause.as_millis() >= at_least_ms, "{form}: {pause:?}");
        }
        scene.assert_at_rest();
    }
}

#[test]
fn an_empty_list_proves_nothing() {
    let scene = Scene::new(Kind::File);
    let old = scene.first_token();
    plan(&scene, &json!([{"operation": "token_list", "how": "empty_list"}]));
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["revoked"], json!([old]), "the predecessor is not taken for gone");
    scene.assert_at_rest();
}

#[test]
fn a_served_token_that_two_lists_lack_is_kept_since_it_connects() {
    let scene = Scene::new(Kind::File);
    let id = scene.first_token();
    plan(&scene, &json!([{"operation": "token_list", "how": "empty_list", "times": 2}]));
    scene.rotate(&["--due", ETL]).came_to(0, "not_due");
    assert_eq!((scene.served_id(), scene.sandbox.count("token_create")), (id, 1));
    assert_eq!(scene.sandbox.count("postgres"), 3, "it is tried once");
}

#[test]
fn a_slow_revocation_is_waited_for_and_seen() {
    let scene = Scene::with(Kind::File, &[ETL], &["--revocation-delay=3s"]);
    scene.first_token();
    let old = scene.served_token();
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    let confirm = result["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&confirm["step"], &confirm["outcome"]), (&json!("confirm"), &json!("ok")));
    assert!(confirm["duration_ms"].as_u64().unwrap() >= 3000, "{result}");
    assert!(!scene.connects(&old));
}

#[test]
fn under_random_faults_the_served_token_always_connects_and_the_world_comes_to_rest() {
    let faults = ["--fail-rate=0.15", "--lose-reply-rate=0.15", "--gateway-html", "--seed=11"];
    let scene = Scene::with(Kind::File, &[ETL], &faults);
    let mut served = None;
    for round in 0..6 {
        let run = scene.rotate(&[ETL]);
        assert!([Some(0), Some(1), Some(3)].contains(&run.code), "round {round}: {run}");
        if let Some(secret) = scene.place.read(&scene.clients, ETL) {
            assert!(scene.connects(secret["motherduck_token"].as_str().unwrap()), "round {round}");
            served = Some(secret["token_id"].clone());
        }
        let live = scene.live(ETL);
        assert!(live.len() <= 6, "round {round}: {live:?}");
    }
    assert!(served.is_some());
    scene.sandbox.faults(&json!({"fail_rate": 0.0, "lose_reply_rate": 0.0}));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}
