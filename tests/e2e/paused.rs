//! A paused credential: nobody begins anything for it but a person who names it, or a leak.

use serde_json::Value;

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

/// A credential whose token is due at every look.
fn restless(kind: Kind) -> Scene {
    let mut scene = Scene::new(kind);
    "every = \"30d\"\nttl = \"45d\"\nrenew_before = \"14d\"".clone_into(&mut scene.calendar);
    scene
}

fn pauses_and_resumes(kind: Kind) {
    let scene = restless(kind);
    scene.first_token();
    let (first, before) = (scene.served_token(), scene.record());
    let paused = scene.pintail(&[
        "--output",
        "json",
        "pause",
        ETL,
        "--until",
        "2d",
        "--reason",
        "a load test",
    ]);
    assert_eq!(paused.code, Some(0), "{paused}");
    assert_eq!(paused.of(ETL)["outcome"], "paused");
    let mut record = scene.record();
    let pause = record.as_object_mut().unwrap().remove("pause").unwrap();
    assert_eq!(pause["reason"], "a load test");
    assert_eq!(record, before, "nothing else was changed");
    assert_eq!((scene.served_token(), scene.connects(&first)), (first.clone(), true));

    let status = scene.pintail(&["--output", "json", "status"]);
    let row = status.of(ETL);
    assert_eq!((&row["state"], &row["reason"]), (&"paused".into(), &"PausedByHand".into()));
    assert_eq!(row["pause"]["until"], pause["until"]);
    let told = scene.pintail(&["status"]);
    assert!(
        told.stderr.contains("a load test") && told.stderr.contains("pintail resume"),
        "{told}"
    );

    scene.rotate(&["--all"]).came_to(0, "not_due");
    assert_eq!(scene.rotate(&[ETL]).came_to(0, "rotated")["pause"]["reason"], "a load test");
    assert_eq!(scene.record()["pause"], pause, "a rotation carries the pause");
    let resumed = scene.pintail(&["--output", "json", "resume", "etl*"]);
    assert_eq!(resumed.of(ETL)["outcome"], "resumed", "{resumed}");
    assert_eq!(scene.record().get("pause"), None);
    assert_eq!(
        scene.pintail(&["--output", "json", "resume", ETL]).of(ETL)["outcome"],
        "not_paused"
    );
    scene.rotate(&["--all"]).came_to(0, "rotated");
    assert_eq!(scene.live(ETL).len(), 1);
}

#[test]
fn a_person_pauses_and_resumes_in_files() {
    pauses_and_resumes(Kind::File);
}

#[test]
fn a_person_pauses_and_resumes_in_openbao() {
    pauses_and_resumes(Kind::Vault);
}

#[test]
fn a_person_pauses_and_resumes_in_secrets_manager() {
    pauses_and_resumes(Kind::Aws);
}

#[test]
fn what_has_no_record_and_what_is_another_owners_is_not_paused() {
    let mut scene = Scene::with(Kind::File, &[ETL, IDLE], &[]);
    let vacant = scene.pintail(&["--output", "json", "pause", "*"]);
    assert_eq!(vacant.code, Some(1), "{vacant}");
    assert_eq!(vacant.of(ETL)["outcome"], "failed");
    let hint = vacant.of(ETL)["hint"].as_str().unwrap_or_default().to_owned();
    assert!(hint.contains("paused = true"), "{vacant}");
    scene.first_token();
    let before = scene.record();
    scene.owner = "another".to_owned();
    let foreign = scene.pintail(&["--output", "json", "pause", ETL]);
    assert_eq!(foreign.of(ETL)["outcome"], "failed", "{foreign}");
    assert_eq!(scene.record(), before);
    for wrong in [&["pause"][..], &["pause", ETL, "--until", "2020-01-01T00:00:00Z"]] {
        assert_eq!(scene.pintail(wrong).code, Some(2));
    }
}

#[test]
fn a_pause_in_the_middle_of_a_rotation_lets_it_be_finished_and_keeps_the_way_back() {
    let mut scene = Scene::new(Kind::File);
    let keep = ("PINTAIL__STORES__MAIN__FILE__KEEP_VERSIONS".to_owned(), "1".to_owned());
    scene.variables.push(keep);
    scene.first_token();
    let first = scene.served_token();
    let healthy = scene.dir().join("healthy");
    let gate = scene.script("gate", &format!("test -e {}", healthy.display()));
    scene.defaults = format!(
        "gate.command = {{ command = [{gate:?}], interval = \"1s\", successes = 1, deadline = \"1s\" }}"
    );
    scene.rotate(&[ETL]).came_to(3, "held");
    let held = scene.served_id();
    for n in 0..4 {
        // Each is a version more, and the store keeps one.
        let reason = format!("look {n}");
        let paused = scene.pintail(&["--output", "json", "pause", ETL, "--reason", &reason]);
        assert_eq!(paused.of(ETL)["is_unfinished"], Value::Bool(true), "{paused}");
    }
    let back = scene.pintail(&["--output", "json", "roll-back", ETL]);
    assert_eq!(back.of(ETL)["outcome"], "rolled_back", "{back}");
    assert_eq!(scene.served_token(), first);
    assert!(scene.record().get("pause").is_some(), "a roll-back carries the pause");
    std::fs::write(&healthy, "").unwrap();
    scene.rotate(&["--due"]);
    assert!(!scene.live(ETL).contains(&held), "what was begun is finished");
    assert_eq!(scene.live(ETL).len(), 1);
}
