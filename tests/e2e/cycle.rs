//! The whole cycle on each of the three stores, and the command line's contract.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::place::Kind;
use crate::scene::{ETL, Scene, steps};

const ALL_STEPS: [&str; 7] =
    ["create", "preflight", "publish", "verify", "seal", "revoke", "confirm"];
const RECORD: [&str; 13] = [
    "token_id",
    "token_name",
    "token_type",
    "username",
    "created_at",
    "expires_at",
    "rotation_id",
    "published_at",
    "previous_token_ids",
    "phase",
    "token_sha256",
    "owner",
    "managed_by",
];

fn a_whole_cycle(kind: Kind) {
    let scene = Scene::new(kind);
    scene.place.write(&scene.clients, ETL, &json!({"database": "sales", "nested": {"kept": [1]}}));

    let first = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(steps(&first), ["create", "preflight", "publish", "verify"]);
    assert_eq!((&first["previous_token_id"], &first["revoked"]), (&Value::Null, &json!([])));
    let old = scene.secret();
    assert_eq!(old["token_id"], first["token_id"]);
    assert_eq!(old["pintail"]["phase"], "published");
    let old_token = old["motherduck_token"].as_str().unwrap();
    assert!(scene.connects(old_token));

    let run = scene.rotate(&[ETL]);
    let second = run.came_to(0, "rotated");
    assert_eq!(run.document().as_object().unwrap().keys().collect::<Vec<_>>(), ["credentials"]);
    assert_eq!(steps(&second), ALL_STEPS);
    for step in second["steps"].as_array().unwrap() {
        assert_eq!(step["outcome"], "ok", "{run}");
        assert!(step["duration_ms"].is_u64(), "{run}");
    }
    assert_eq!(second["previous_token_id"], first["token_id"]);
    assert_eq!(second["revoked"], json!([first["token_id"]]));
    assert_eq!(second["error"], Value::Null);

    let new = scene.secret();
    let keys: BTreeSet<_> = new.keys().map(String::as_str).collect();
    let expected = ["database", "nested", "motherduck_token", "token_id", "pintail"];
    assert_eq!(keys, expected.into());
    assert_eq!((&new["database"], &new["nested"]), (&json!("sales"), &json!({"kept": [1]})));
    assert_eq!(new["token_id"], second["token_id"]);
    let record = &new["pintail"];
    let keys: BTreeSet<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, RECORD.into());
    for (key, value) in [
        ("token_id", second["token_id"].clone()),
        ("rotation_id", second["rotation_id"].clone()),
        ("previous_token_ids", json!([first["token_id"]])),
        ("username", json!(ETL)),
        ("token_type", json!("read_write")),
        ("phase", json!("retiring")),
        ("owner", json!("e2e")),
        ("managed_by", json!("pintail")),
    ] {
        assert_eq!(record[key], value, "{key}");
    }
    let name = format!("pintail/e2e/{ETL}/{}", second["rotation_id"].as_str().unwrap());
    assert_eq!(record["token_name"], name.as_str());
    for key in ["created_at", "expires_at", "published_at"] {
        let text = record[key].as_str().unwrap();
        assert!(text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{key}: {text}");
    }
    assert!(!scene.connects(old_token), "the old token is refused");
    scene.assert_at_rest();
}

#[test]
fn the_whole_cycle_works_with_files() {
    a_whole_cycle(Kind::File);
}

#[test]
fn the_whole_cycle_works_with_openbao() {
    a_whole_cycle(Kind::Vault);
}

#[test]
fn the_whole_cycle_works_with_secrets_manager() {
    a_whole_cycle(Kind::Aws);
}

#[test]
fn all_rotates_every_credential_and_tells_of_each_in_the_order_of_names() {
    let scene = Scene::with(Kind::File, &["etl_prod", "dashboards", "customer_42"], &[]);
    for _ in 0..2 {
        let run = scene.rotate(&["--all"]);
        assert_eq!(run.code, Some(0), "{run}");
        let document = run.document();
        let results = document["credentials"].as_array().unwrap();
        let names: Vec<_> = results.iter().map(|result| result["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["customer_42", "dashboards", "etl_prod"]);
        assert!(results.iter().all(|result| result["outcome"] == "rotated"), "{run}");
    }
    for name in &scene.credentials {
        assert_eq!(scene.live(name).len(), 1, "{name}");
    }
}

#[test]
fn one_that_fails_decides_the_exit_code_and_does_not_keep_others_from_rotating() {
    let mut scene = Scene::new(Kind::File);
    scene.more = "[credentials.nobody]\nusername = \"nobody_here\"\n".into();
    let run = scene.rotate(&["--all"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.of(ETL)["outcome"], "rotated");
    let failed = run.of("nobody");
    assert_eq!(failed["outcome"], "failed");
    assert!(failed["error"].as_str().unwrap().contains("nobody_here"), "{run}");
    assert!(failed["hint"].as_str().unwrap().contains("username"), "{run}");
}

#[test]
fn what_is_not_due_is_left_alone() {
    let scene = Scene::new(Kind::File);
    let first = scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    let again = scene.rotate(&["--due"]).came_to(0, "not_due");
    assert_eq!(again["token_id"], first["token_id"]);
    assert_eq!((&again["steps"], &again["revoked"]), (&json!([]), &json!([])));
    assert_eq!(scene.sandbox.count("token_create"), 1);
}

#[test]
fn text_tells_what_became_of_each_credential_on_standard_output() {
    let scene = Scene::new(Kind::File);
    let first = scene.pintail(&["rotate-now", ETL]);
    assert!(first.stdout.starts_with("etl_prod: rotated: token "), "{first}");
    let old = scene.served_id();
    let second = scene.pintail(&["rotate-now", ETL]);
    assert!(second.stdout.contains(&format!("replaced {old}")), "{second}");
    assert_eq!((second.code, second.stdout.lines().count()), (Some(0), 1), "{second}");
}
