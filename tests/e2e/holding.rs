//! When consumers do not become healthy: both tokens live, and the way back, by policy or by hand.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::Consumer;
use crate::place::Kind;
use crate::scene::{ETL, Scene, steps};

/// The daemon has to be up, to look, and to wait for the deadline of a gate.
const PATIENCE: Duration = Duration::from_mins(1);

/// Consumers that are healthy with one token alone, named by the path.
fn healthy_with(token_id: &str) -> Consumer {
    let wanted = format!("GET /{token_id} ");
    Consumer::start(move |head| if head.starts_with(&wanted) { 200 } else { 500 })
}

fn gate(consumer: &Consumer) -> String {
    format!(
        "gate.http = {{ url = \"{}/{{token_id}}\", interval = \"100ms\", successes = 2, deadline = \"300ms\" }}\n",
        consumer.url
    )
}

fn a_roll_back_by_policy(kind: Kind) {
    let mut scene = Scene::new(kind);
    let (old_id, old_token) = (scene.first_token(), scene.served_token());
    scene.defaults = gate(&healthy_with(&old_id)) + "on_failure = \"roll_back\"";
    let run = scene.rotate(&[ETL]);
    let result = run.came_to(3, "rolled_back");
    assert_eq!(result["token_id"], old_id.as_str(), "{run}");
    assert_eq!(scene.served_token(), old_token);
    let new = result["previous_token_id"].as_str().unwrap();
    assert_eq!(result["revoked"], json!([new]), "{run}");
    let road = ["create", "preflight", "publish", "gate", "publish", "gate", "verify", "seal"];
    assert_eq!(steps(&result)[..8], road, "{run}");
    scene.assert_at_rest();
    // And from there a rotation is possible again.
    scene.defaults = "gate = \"none\"".into();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(!scene.connects(&old_token));
    scene.assert_at_rest();
}

#[test]
fn a_failed_gate_rolls_back_where_the_policy_says_so_with_files() {
    a_roll_back_by_policy(Kind::File);
}

#[test]
fn a_failed_gate_rolls_back_where_the_policy_says_so_with_openbao() {
    a_roll_back_by_policy(Kind::Vault);
}

#[test]
fn a_failed_gate_rolls_back_where_the_policy_says_so_with_secrets_manager() {
    a_roll_back_by_policy(Kind::Aws);
}

#[test]
fn a_held_rotation_is_rolled_back_by_hand() {
    let mut scene = Scene::new(Kind::File);
    let (old_id, old_token) = (scene.first_token(), scene.served_token());
    scene.defaults = gate(&healthy_with(&old_id));
    let held = scene.rotate(&[ETL]).came_to(3, "held");
    let new_token = scene.served_token();
    let result = scene.pintail(&["--output", "json", "roll-back", ETL]).came_to(0, "rolled_back");
    assert_eq!(result["token_id"], old_id.as_str());
    assert_eq!(result["revoked"], json!([]), "the failed one lives until the gate has passed");
    assert_eq!(result["error"], Value::Null);
    assert_eq!(scene.served_token(), old_token);
    assert!(scene.connects(&new_token) && scene.connects(&old_token));
    let again = scene.pintail(&["--output", "json", "roll-back", ETL]).came_to(0, "rolled_back");
    assert_eq!(again["token_id"], old_id.as_str(), "asked once more, it says the same");
    let due = || scene.pintail(&["--output", "json", "rotate-now", "--due", ETL]);
    let finished = due().came_to(3, "rolled_back");
    assert_eq!(finished["revoked"], json!([held["token_id"]]), "its consumers are healthy");
    assert!(!scene.connects(&new_token));
    scene.assert_at_rest();
    due().came_to(0, "not_due");
}

#[test]
fn a_roll_back_by_hand_does_not_wait_for_its_gate_and_nothing_says_so_afterwards() {
    let mut scene = Scene::new(Kind::File);
    let old_id = scene.first_token();
    let nobody = Consumer::start(|_| 503);
    scene.defaults = gate(&nobody);
    let held = scene.rotate(&[ETL]).came_to(3, "held");
    let back = scene.pintail(&["roll-back", ETL]);
    assert_eq!(back.code, Some(0), "{back}");
    assert!(
        back.stdout.contains(&format!("rolled back: token {old_id} is served again")),
        "{back}"
    );
    assert!(!back.to_string().contains("not healthy"), "{back}");
    let later = scene.pintail(&["--output", "json", "rotate-now", "--due", ETL]);
    let still = later.came_to(3, "held");
    assert_eq!((&still["token_id"], &still["revoked"]), (&json!(old_id), &json!([])));
    let said = later.to_string();
    assert!(!said.contains("with the new token") && !said.contains("roll-back"), "{said}");
    assert_eq!(scene.live(ETL), [old_id, held["token_id"].as_str().unwrap().to_owned()].into());
}

#[test]
fn without_a_held_rotation_there_is_nothing_to_roll_back_to() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    let back = || scene.pintail(&["--output", "json", "roll-back", ETL]);
    back().complains(1, &["no predecessor", "the served token replaced none"]);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    back().complains(1, &["no predecessor", "retiring"]);
    scene.assert_at_rest();
}

#[test]
fn a_timeout_ends_the_wait_and_the_next_run_goes_on() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let status = Arc::new(Mutex::new(500));
    let answer = Arc::clone(&status);
    let consumer = Consumer::start(move |_| *answer.lock().unwrap());
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"1h\" }}",
        consumer.url
    );
    let stopped = scene.rotate(&[ETL, "--timeout", "1s"]).came_to(3, "held");
    assert_eq!(scene.live(ETL).len(), 2);
    *status.lock().unwrap() = 200;
    let resumed = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(resumed["token_id"], stopped["token_id"]);
    scene.assert_at_rest();
}

#[test]
fn sigterm_finishes_the_step_in_hand_and_the_next_run_goes_on() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let (tell, asked) = std::sync::mpsc::channel();
    let consumer = Consumer::start(move |_| {
        let _ = tell.send(());
        500
    });
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"1h\" }}",
        consumer.url
    );
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    asked.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    running.terminate();
    let stopped = scene.note(running.wait()).came_to(3, "held");
    scene.defaults = "gate = \"none\"".into();
    let resumed = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(resumed["token_id"], stopped["token_id"]);
    scene.assert_at_rest();
}

/// What the page says, without its markup.
fn text_of(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<String>().replace("&amp;", "&").replace("&quot;", "\"")
}

fn is_open(address: &str) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}

#[test]
fn status_says_of_a_held_credential_what_the_page_of_the_daemon_says() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let nobody = Consumer::start(|_| 503);
    scene.defaults = gate(&nobody);
    let listen = format!("127.0.0.1:{}", crate::servers::closed_port());
    scene.more = format!("[server]\nlisten = \"{listen}\"\n[daemon]\nsweep = \"1s\"\n");
    scene.rotate(&[ETL]).came_to(3, "held");

    // Without a daemon only its gate's deadline is known, which has passed.
    let json = || scene.pintail(&["--output", "json", "status", ETL]).of(ETL);
    let alone = json();
    assert_eq!((&alone["state"], &alone["reason"]), (&json!("held"), &json!("GateNotPassed")));
    assert_eq!(alone["next_look"], Value::Null);

    let daemon = scene.start(&["run"]);
    let page = |path: &str| crate::http::ask("GET", &format!("http://{listen}{path}"), "").1;
    let begun = Instant::now();
    while !(is_open(&listen) && page("/status.json").contains("answered 503")) {
        assert!(begun.elapsed() < PATIENCE, "the daemon does not hold it");
        std::thread::sleep(Duration::from_millis(20));
    }
    let shown: Value = serde_json::from_str(&page("/status.json")).unwrap();
    let status = json();
    for field in ["state", "reason", "severity", "step", "since", "message", "hint"] {
        assert_eq!(status[field], shown["credentials"][0][field], "{field}: {status}");
        assert!(status[field].is_string(), "{field}: {status}");
    }
    assert!(status["next_look"].is_string(), "{status}");
    let told = scene.pintail(&["status", ETL]);
    let html = text_of(&page("/"));
    for said in ["message", "hint", "reason"] {
        let said = status[said].as_str().unwrap();
        assert!(told.stderr.contains(said), "{said}: {told}");
        assert!(html.contains(said), "{said}: {html}");
    }
    for said in ["held since 2", "next: both tokens stay valid", "pintail looks again at 2"] {
        assert!(told.stderr.contains(said), "{said}: {told}");
    }
    assert_eq!(told.code, Some(0), "{told}");
    daemon.terminate();
    scene.note(daemon.wait());
}
