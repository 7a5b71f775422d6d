//! A paused credential: nobody begins anything for it but a person who names it, or a leak.

use crate::place::Kind;
use crate::scene::{ETL, Scene};

const IDLE: &str = "idle";

/// One credential that is at work, and one that is paused.
fn scene() -> Scene {
    let mut scene = Scene::with(Kind::File, &[ETL, IDLE], &[]);
    scene.credentials = vec![ETL.to_owned()];
    scene.more = format!("[credentials.{IDLE}]\nusername = \"{IDLE}\"\npaused = true\n");
    scene
}

#[test]
fn neither_the_schedule_nor_a_rotation_of_all_begins_anything_for_a_paused_credential() {
    let scene = scene();
    let due = scene.rotate(&["--due"]);
    assert_eq!(due.code, Some(0), "{due}");
    assert_eq!(due.of(ETL)["outcome"], "rotated");
    assert_eq!(due.of(IDLE)["outcome"], "not_due");

    let all = scene.rotate(&["--all"]);
    all.came_to(0, "rotated");
    let left_out = all.stderr.lines().find(|line| line.contains("paused credential left out"));
    assert!(left_out.is_some_and(|line| line.contains("WARN") && line.contains(IDLE)), "{all}");
    assert!(scene.live(IDLE).is_empty(), "{:#?}", scene.sandbox.events());
}

#[test]
fn a_person_who_names_it_and_a_leak_are_no_time_to_pause() {
    let scene = scene();
    let first = scene.rotate(&[IDLE]).came_to(0, "rotated")["token_id"].clone();
    let status = scene.pintail(&["--output", "json", "status", IDLE]).of(IDLE);
    assert_eq!((&status["state"], &status["token_id"]), (&"paused".into(), &first));
    let leaked = scene.rotate(&["--all", "--compromised", "--reason", "a test"]);
    assert_eq!(leaked.code, Some(0), "{leaked}");
    assert_eq!(leaked.of(IDLE)["previous_token_id"], first);
    assert_eq!(scene.live(IDLE).len(), 1);
}
