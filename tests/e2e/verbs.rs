//! The verbs that look, and the one that takes over: their text and their documents.

use std::fs;

use serde_json::{Value, json};

use crate::http::Consumer;
use crate::place::Kind;
use crate::program::Run;
use crate::scene::{ETL, Scene};

fn json_of(scene: &Scene, arguments: &[&str]) -> Run {
    let all: Vec<_> = ["--output", "json"].iter().chain(arguments).copied().collect();
    scene.pintail(&all)
}

/// Nothing was created, revoked or written since.
fn unchanged(scene: &Scene, look: impl FnOnce()) {
    let state = || {
        let secret = scene.place.read(&scene.clients, ETL);
        (scene.sandbox.count("token_create"), scene.sandbox.count("token_revoke"), secret)
    };
    let before = state();
    look();
    assert_eq!(state(), before);
}

fn held(scene: &mut Scene) {
    let consumer = Consumer::start(|_| 503);
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}",
        consumer.url
    );
    scene.rotate(&[ETL]).came_to(3, "held");
}

#[test]
fn plan_tells_the_next_step_and_the_next_runs_and_changes_nothing() {
    let mut scene = Scene::new(Kind::Vault);
    unchanged(&scene, || {
        let plan = json_of(&scene, &["plan"]).of(ETL);
        assert_eq!((&plan["decision"], &plan["error"]), (&json!("replace"), &Value::Null));
    });
    let id = scene.first_token();
    unchanged(&scene, || {
        let run = json_of(&scene, &["plan", ETL]);
        let plan = run.of(ETL);
        assert_eq!((run.code, &plan["decision"]), (Some(0), &json!("rest")), "{run}");
        assert_eq!((&plan["revokes"], &plan["orphans"]), (&json!([]), &json!([])));
        assert_eq!(plan["next_runs"].as_array().unwrap().len(), 3);
        let text = scene.pintail(&["plan"]);
        assert!(
            text.stdout.starts_with("etl_prod: nothing\n") && text.stdout.contains("next"),
            "{text}"
        );
        let dry = json_of(&scene, &["rotate-now", ETL, "--dry-run"]).of(ETL);
        assert_eq!((&dry["decision"], &dry["revokes"]), (&json!("replace"), &json!([id])));
    });
    held(&mut scene);
    unchanged(&scene, || {
        let plan = json_of(&scene, &["plan"]).of(ETL);
        assert_eq!((&plan["decision"], &plan["revokes"]), (&json!("poll_gate"), &json!([id])));
    });
}

#[test]
fn status_tells_where_each_credential_stands() {
    let mut scene = Scene::new(Kind::Vault);
    let status = |scene: &Scene| json_of(scene, &["status"]).of(ETL);
    unchanged(&scene, || assert_eq!(status(&scene)["state"], "due"));
    let first = scene.first_token();
    unchanged(&scene, || {
        let row = status(&scene);
        for (key, value) in [
            ("state", json!("fresh")),
            ("username", json!(ETL)),
            ("token_type", json!("read_write")),
            ("store", json!("main")),
            ("token_id", json!(first)),
            ("previous_token_ids", json!([])),
            ("orphans", json!([])),
            ("unmanaged_tokens", json!([])),
            ("error", Value::Null),
        ] {
            assert_eq!(row[key], value, "{key}: {row}");
        }
        let text = scene.pintail(&["status"]);
        let columns = ["CREDENTIAL", "ACCOUNT", "TOKEN ID", "STATE", ETL, &first, "fresh"];
        assert!(columns.iter().all(|word| text.stdout.contains(word)), "{text}");
    });
    held(&mut scene);
    unchanged(&scene, || {
        let row = status(&scene);
        assert_eq!(row["previous_token_ids"], json!([first]));
        assert!(["rotating", "held"].contains(&row["state"].as_str().unwrap()), "{row}");
    });
}

#[test]
fn check_says_that_all_is_well_and_changes_nothing() {
    let mut scene = Scene::new(Kind::Vault);
    scene.first_token();
    let consumer = Consumer::healthy();
    scene.defaults = format!("gate.http.url = \"{}\"", consumer.url);
    unchanged(&scene, || {
        let run = json_of(&scene, &["check"]);
        assert_eq!(run.code, Some(0), "{run}");
        let document = run.document();
        let findings = document["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["level"] == "ok"), "{run}");
        for subject in ["configuration", "motherduck.admin_token", "motherduck.postgres", ETL] {
            assert!(
                findings.iter().any(|finding| finding["subject"] == subject),
                "{subject}: {run}"
            );
        }
        let text = scene.pintail(&["check"]);
        assert!(text.stdout.ends_with("0 errors, 0 warnings\n"), "{text}");
    });
    let asked = scene.sandbox.requests();
    assert_eq!(scene.pintail(&["check", "--offline"]).code, Some(0));
    assert_eq!(scene.sandbox.requests(), asked, "nobody is contacted");
}

#[test]
fn a_hand_made_token_is_adopted_without_being_rotated_and_then_rotated() {
    for kind in [Kind::File, Kind::Vault, Kind::Aws] {
        let scene = Scene::new(kind);
        let admin = fs::read_to_string(&scene.admin_token_file).unwrap();
        let url = format!("{}/v1/users/{ETL}/tokens", scene.api_url);
        let body = json!({"name": "made by hand"}).to_string();
        let (_, made) = crate::http::ask_as(&admin, "POST", &url, &body);
        let made: Value = serde_json::from_str(&made).unwrap();
        let (token, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
        let secret = json!({"motherduck_token": token, "database": "sales"});
        scene.place.write(&scene.clients, ETL, &secret);
        scene.rotate(&[ETL]).complains(1, &["did not put there", "adopt"]);

        let stranger = uuid::Uuid::new_v4().to_string();
        scene.pintail(&["adopt", ETL, "--token-id", &stranger]).complains(1, &[&stranger]);
        let run = json_of(&scene, &["adopt", ETL, "--token-id", id]);
        assert_eq!((run.code, &run.document()["token_id"]), (Some(0), &json!(id)), "{run}");
        let adopted = scene.secret();
        assert_eq!(
            (&adopted["motherduck_token"], &adopted["token_id"]),
            (&json!(token), &json!(id))
        );
        assert_eq!(
            (&adopted["database"], &adopted["pintail"]["managed_by"]),
            (&json!("sales"), &json!("pintail"))
        );
        assert!(scene.connects(token));

        let result = scene.rotate(&[ETL]).came_to(0, "rotated");
        assert_eq!(result["revoked"], json!([id]));
        assert!(!scene.connects(token));
        assert_eq!(scene.secret()["database"], "sales");
        scene.assert_at_rest();
    }
}

#[test]
fn another_owners_secret_is_taken_over_when_an_operator_says_so() {
    let mut scene = Scene::new(Kind::File);
    let id = scene.first_token();
    scene.owner = "heir".into();
    scene.pintail(&["adopt", ETL, "--token-id", &id]).complains(1, &["owner e2e", "--take-over"]);
    let run = json_of(&scene, &["adopt", ETL, "--token-id", &id, "--take-over"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(scene.record()["owner"], "heir");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["revoked"], json!([id]));
    scene.assert_at_rest();
}
