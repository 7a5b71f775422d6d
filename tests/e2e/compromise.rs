//! A token that has leaked: nothing waits for the consumers.

use crate::http::Consumer;
use crate::place::Kind;
use crate::scene::{ETL, Scene, steps};

#[test]
fn a_leaked_token_is_revoked_without_asking_the_gate() {
    let mut scene = Scene::new(Kind::File);
    let (old_id, old_token) = (scene.first_token(), scene.served_token());
    let consumer = Consumer::start(|_| 500);
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}",
        consumer.url
    );
    let run = scene.rotate(&[ETL, "--compromised", "--reason", "seen in a public repository"]);
    let result = run.came_to(0, "rotated");
    assert_eq!(result["revoked"], serde_json::json!([old_id]));
    let road = ["create", "preflight", "publish", "verify", "seal", "revoke", "confirm"];
    assert_eq!(steps(&result), road);
    assert!(run.stderr.contains("seen in a public repository"), "the reason is logged: {run}");
    assert_eq!(consumer.heads().len(), 0, "the gate is never asked");
    assert!(!scene.connects(&old_token));
    scene.assert_at_rest();
}

#[test]
fn a_leak_during_a_held_rotation_ends_both_tokens() {
    let mut scene = Scene::new(Kind::Vault);
    scene.first_token();
    let consumer = Consumer::start(|_| 500);
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}",
        consumer.url
    );
    scene.rotate(&[ETL]).came_to(3, "held");
    let both = scene.live(ETL);
    assert_eq!(both.len(), 2);
    scene.rotate(&[ETL, "--compromised", "--reason", "leaked"]).came_to(0, "rotated");
    assert!(!both.contains(&scene.served_id()));
    scene.assert_at_rest();
}

#[test]
fn a_reason_is_required_and_nothing_is_contacted_without_one() {
    let scene = Scene::new(Kind::File);
    let run = scene.rotate(&[ETL, "--compromised"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("--reason"), "{run}");
    assert_eq!(scene.rotate(&[ETL, "--reason", "why not"]).code, Some(2));
    assert_eq!(scene.rotate(&[ETL, "--compromised", "--reason", " "]).code, Some(2));
    assert_eq!((scene.sandbox.count("rest"), scene.sandbox.count("postgres")), (0, 0));
}
