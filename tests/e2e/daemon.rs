//! `pintail run`: a schedule of seconds, faults, and a token that always lives.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::history::{History, assert_nothing_served_was_revoked};
use crate::place::Kind;
use crate::program::Running;
use crate::sandbox::Sandbox;
use crate::scene::{ETL, Scene};

const PATIENCE: Duration = Duration::from_secs(90);

/// A schedule that fires every two seconds.
fn every_two_seconds(scene: &mut Scene) {
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
}

fn revocations(sandbox: &Sandbox) -> usize {
    sandbox.events().iter().filter(|event| event.kind == "token_revoked").count()
}

/// Waits until so many tokens were revoked; whatever is served meanwhile must live.
fn until_revoked(scene: &Scene, history: &mut History, daemon: &mut Running, wanted: usize) {
    let start = Instant::now();
    while revocations(&scene.sandbox) < wanted {
        history.look(scene);
        assert!(daemon.is_running(), "it has ended");
        assert!(start.elapsed() < PATIENCE, "{:#?}", scene.sandbox.events());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stop(scene: &Scene, daemon: Running) {
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("daemon stopped"), "{run}");
}

#[test]
fn a_daemon_keeps_rotating_under_random_faults_and_ends_when_it_is_told() {
    let faults = ["--fail-rate=0.1", "--lose-reply-rate=0.1", "--gateway-html", "--seed=5"];
    let mut scene = Scene::with(Kind::File, &[ETL], &faults);
    every_two_seconds(&mut scene);
    let mut history = History::default();
    let mut daemon = scene.start(&["run"]);
    until_revoked(&scene, &mut history, &mut daemon, 4);
    stop(&scene, daemon);
    history.look(&scene);
    assert!(history.served().len() >= 3, "{:?}", history.served());

    // What it left undone a one-shot run finishes.
    scene.sandbox.faults(&json!({"fail_rate": 0.0, "lose_reply_rate": 0.0}));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    history.look(&scene);
    assert_nothing_served_was_revoked(&scene);
}

#[test]
fn a_daemon_that_is_killed_is_continued_by_the_next_with_openbao() {
    let mut scene = Scene::new(Kind::Vault);
    every_two_seconds(&mut scene);
    let mut history = History::default();
    for round in 1..=3 {
        let mut daemon = scene.start(&["run"]);
        until_revoked(&scene, &mut history, &mut daemon, round);
        scene.note(daemon.kill());
    }
    let mut daemon = scene.start(&["run"]);
    until_revoked(&scene, &mut history, &mut daemon, 4);
    stop(&scene, daemon);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    assert_nothing_served_was_revoked(&scene);
}

#[test]
fn two_daemons_on_one_credential_do_no_harm() {
    let mut scene = Scene::new(Kind::File);
    every_two_seconds(&mut scene);
    let mut history = History::default();
    let other = scene.start(&["run"]);
    let mut daemon = scene.start(&["run"]);
    until_revoked(&scene, &mut history, &mut daemon, 3);
    stop(&scene, daemon);
    stop(&scene, other);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    history.look(&scene);
    assert_nothing_served_was_revoked(&scene);
}
