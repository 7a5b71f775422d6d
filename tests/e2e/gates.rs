//! The consumers' health gate, one kind after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::http::Consumer;
use crate::place::Kind;
use crate::scene::{ETL, Scene, steps};

const WITH_A_GATE: [&str; 8] =
    ["create", "preflight", "publish", "gate", "verify", "seal", "revoke", "confirm"];

#[test]
fn an_http_gate_is_asked_about_the_new_token_until_it_was_healthy_often_enough() {
    let mut scene = Scene::new(Kind::File);
    let old = scene.first_token();
    let consumer = Consumer::healthy();
    scene.defaults = format!(
        "gate.http = {{ url = \"{}/{{credential}}/{{username}}/{{token_id}}?was={{previous_token_id}}\", interval = \"100ms\", successes = 3, headers = {{ X-Asked-By = \"pintail\" }} }}",
        consumer.url
    );
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(steps(&result), WITH_A_GATE);
    let wanted = format!("GET /{ETL}/{ETL}/{}?was={old} HTTP/1.1", scene.served_id());
    let heads = consumer.heads();
    assert_eq!(heads.len(), 3, "{heads:#?}");
    for head in &heads {
        assert_eq!(head.lines().next(), Some(wanted.as_str()));
        assert!(head.to_lowercase().contains("x-asked-by: pintail"), "{head}");
        assert!(!head.contains(&scene.served_token()));
    }
    scene.assert_at_rest();
}

#[test]
fn only_the_expected_status_is_healthy() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let consumer = Consumer::start(|_| 204);
    let gate = |status: &str| {
        format!(
            "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\", expected_status = {status} }}",
            consumer.url
        )
    };
    scene.defaults = gate("200");
    scene.rotate(&[ETL]).came_to(3, "held");
    scene.defaults = gate("[200, 204]");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}

#[test]
fn unhealthy_consumers_keep_both_tokens_alive_and_healthy_ones_resume_without_a_new_token() {
    let mut scene = Scene::new(Kind::Vault);
    let old_id = scene.first_token();
    let old_token = scene.served_token();
    let health = Arc::new(AtomicU16::new(503));
    let status = Arc::clone(&health);
    let consumer = Consumer::start(move |_| status.load(Ordering::SeqCst));
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 2, deadline = \"300ms\" }}",
        consumer.url
    );

    let run = scene.rotate(&[ETL]);
    let held = run.came_to(3, "held");
    let error = held["error"].as_str().unwrap();
    assert!(error.starts_with("gate: ") && error.contains("503"), "{run}");
    assert!(held["hint"].as_str().unwrap().contains("roll-back"), "{run}");
    assert_eq!(held["previous_token_id"], old_id.as_str());
    assert_eq!(scene.live(ETL).len(), 2);
    assert!(scene.connects(&old_token) && scene.connects(&scene.served_token()));

    // Still not healthy: still held, and no third token.
    scene.rotate(&[ETL]).came_to(3, "held");
    assert_eq!(scene.sandbox.count("token_create"), 2);

    health.store(200, Ordering::SeqCst);
    let resumed = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(resumed["token_id"], held["token_id"]);
    assert_eq!(resumed["rotation_id"], held["rotation_id"]);
    assert_eq!(resumed["revoked"], serde_json::json!([old_id]));
    assert_eq!(scene.sandbox.count("token_create"), 2);
    assert!(!scene.connects(&old_token));
    scene.assert_at_rest();
}

#[test]
fn a_consumer_that_nobody_hears_of_is_not_healthy() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let port = crate::servers::closed_port();
    scene.defaults = format!(
        "gate.http = {{ url = \"http://127.0.0.1:{port}/healthz\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}"
    );
    let run = scene.rotate(&[ETL]);
    let held = run.came_to(3, "held");
    assert!(held["error"].as_str().unwrap().contains(&port.to_string()), "{run}");
    assert_eq!(scene.live(ETL).len(), 2);
}

#[test]
fn a_gate_command_gets_exactly_the_promised_environment_and_never_the_token() {
    let mut scene = Scene::new(Kind::File);
    let old = scene.first_token();
    let dir = scene.dir().display().to_string();
    let gate = scene.script(
        "gate",
        &format!(
            "cat /proc/$$/environ > {dir}/environment; cat /proc/$$/cmdline > {dir}/arguments; cat > {dir}/input"
        ),
    );
    scene.defaults = format!(
        "gate.command = {{ command = [\"{gate}\", \"{{credential}}\", \"{{token_id}}\"], interval = \"100ms\", successes = 1 }}"
    );
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(steps(&result), WITH_A_GATE);

    let text = |key: &str| result[key].as_str().unwrap().to_owned();
    let environment = scene.file("environment");
    let mut variables: Vec<_> =
        environment.split_terminator('\0').filter(|line| !line.starts_with("PATH=")).collect();
    variables.sort_unstable();
    let wanted = [
        format!("PINTAIL_CREDENTIAL={ETL}"),
        format!("PINTAIL_PATH={}", scene.place.path(ETL)),
        format!("PINTAIL_PREVIOUS_TOKEN_ID={old}"),
        format!("PINTAIL_ROTATION_ID={}", text("rotation_id")),
        "PINTAIL_STORE=main".to_owned(),
        format!("PINTAIL_TOKEN_ID={}", text("token_id")),
        format!("PINTAIL_USERNAME={ETL}"),
    ];
    assert_eq!(variables, wanted);
    let arguments = scene.file("arguments");
    assert!(arguments.ends_with(&format!("\0{ETL}\0{}\0", text("token_id"))), "{arguments}");
    assert_eq!(scene.file("input"), "");
}

#[test]
fn a_gate_command_that_fails_is_told_of_with_its_output() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let gate = scene.script("gate", "echo three pods are not ready >&2; exit 7");
    scene.defaults = format!(
        "gate.command = {{ command = [\"{gate}\"], interval = \"100ms\", successes = 1, deadline = \"300ms\" }}"
    );
    let run = scene.rotate(&[ETL]);
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("code 7") && error.contains("three pods are not ready"), "{run}");
}

#[test]
fn a_waiting_gate_lets_the_time_pass_before_anything_is_revoked() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    scene.defaults = "gate.wait = \"2s\"".into();
    let start = Instant::now();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(start.elapsed() >= Duration::from_secs(2));
    let published: jiff::Timestamp =
        scene.record()["published_at"].as_str().unwrap().parse().unwrap();
    let revoked = scene.sandbox.until(|event| event.kind == "token_revoked").at;
    assert!(revoked.duration_since(published).as_secs() >= 2);
    scene.assert_at_rest();
}
