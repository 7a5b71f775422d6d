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
    assert_eq!(scene.rotate(&["--due", "--compromised", "--reason", "leaked"]).code, Some(2));
    assert_eq!(scene.rotate(&[ETL, "--compromised", "--reason", " "]).code, Some(2));
    assert_eq!((scene.sandbox.count("rest"), scene.sandbox.count("postgres")), (0, 0));
}

#[test]
fn a_reason_does_not_make_a_token_that_is_not_due_a_leaked_one() {
    let mut scene = Scene::new(Kind::File);
    let id = scene.first_token();
    scene.more = format!("[audit_log]\nfile = \"{}\"\n", scene.dir().join("audit").display());
    let before = scene.secret();
    let changes =
        |scene: &Scene| scene.sandbox.count("token_create") + scene.sandbox.count("token_revoke");
    let so_far = changes(&scene);
    let run = scene.rotate(&["--due", "--reason", "weekly run"]);
    assert_eq!(run.came_to(0, "not_due")["token_id"], id);
    assert!(run.stderr.contains("weekly run"), "the reason is logged: {run}");
    assert_eq!((scene.secret(), changes(&scene)), (before, so_far), "nothing was changed");
    assert!(!scene.dir().join("audit").exists(), "there was nothing to write down");
}

#[test]
fn a_reason_is_told_to_the_audit_log_and_the_gate_is_asked_all_the_same() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let consumer = Consumer::start(|_| 200);
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 2, deadline = \"9s\" }}",
        consumer.url
    );
    scene.more = format!("[audit_log]\nfile = \"{}\"\n", scene.dir().join("audit").display());
    scene.rotate(&[ETL, "--reason", "moved to a new team"]).came_to(0, "rotated");
    assert_eq!(consumer.heads().len(), 2, "the gate is asked");
    let lines = scene.file("audit");
    assert!(lines.lines().count() > 4, "{lines}");
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let cause = (&line["trigger"], &line["note"]);
        assert_eq!(cause, (&"manual".into(), &"moved to a new team".into()), "{line}");
    }
}
