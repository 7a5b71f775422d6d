//! Bad input: each is an error that names the thing and the way out, with nothing revoked and no orphan left.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::place::{Kind, allow_reading_alone, private};
use crate::relay::{Relay, response};
use crate::sandbox::Sandbox;
use crate::scene::{ETL, Scene};

/// What must not change.
fn standing(scene: &Scene) -> (BTreeSet<String>, String) {
    (scene.live(ETL), scene.served_token())
}

/// Runs the rotation, which must end with `code` and say all of `words`, and leave everything as it is.
fn refused(scene: &Scene, code: i32, words: &[&str]) {
    let before = standing(scene);
    scene.rotate(&[ETL]).complains(code, words);
    assert_eq!(standing(scene), before);
}

/// As `refused` with exit code 2, and nobody is contacted.
fn refused_unasked(scene: &Scene, words: &[&str]) {
    let contacts = || (scene.sandbox.count("rest"), scene.sandbox.count("postgres"));
    let before = contacts();
    scene.rotate(&[ETL]).complains(2, words);
    scene.pintail(&["run"]).complains(2, words);
    scene.pintail(&["check", "--offline"]).complains(2, words);
    assert_eq!(contacts(), before, "nothing is contacted");
}

fn with_a_token(kind: Kind) -> Scene {
    let scene = Scene::new(kind);
    scene.first_token();
    scene
}

#[test]
fn a_configuration_that_is_missing_or_unreadable_is_named() {
    let scene = Scene::new(Kind::File);
    for (file, words) in [
        ("/nonexistent/pintail.toml", ["/nonexistent/pintail.toml", "--config"]),
        ("/", ["config directory / holds no", "put the configuration there"]),
    ] {
        let run = scene.pintail(&["--config", file, "rotate-now", "--all"]);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(words.iter().all(|word| run.stderr.contains(word)), "{run}");
    }
    let broken = scene.dir().join("broken.toml");
    fs::write(&broken, "owner = \"e2e\"\n[motherduck\n").unwrap();
    let run = scene.pintail(&["--config", &broken.display().to_string(), "rotate-now", "--all"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("broken.toml") && run.stderr.contains("line 2"), "{run}");
}

#[test]
fn what_is_wrong_in_the_configuration_is_told_before_anybody_is_contacted() {
    let cases: [(&str, &str, &[&str]); 8] = [
        ("gate = \"none\"\nshcedule = \"0 3 * * *\"", "", &["defaults.shcedule", "`schedule`"]),
        ("", "", &["credentials.etl_prod.gate", "gate.http", "gate.command", "gate.wait"]),
        (
            "gate = \"none\"",
            "[stores.main.vault]\naddress = \"https://v\"\nauth = { token_env = \"X\" }",
            &["stores.main", "exactly one"],
        ),
        ("gate = \"none\"", "store = \"mian\"", &["credentials.etl_prod.store", "`main`"]),
        (
            "gate = \"none\"",
            "[credentials.other]\nusername = \"no-hyphens\"",
            &["credentials.other.username", "underscores"],
        ),
        (
            "gate = \"none\"",
            "schedule = \"0 0 30 2 *\"",
            &["credentials.etl_prod.schedule", "never"],
        ),
        ("gate = \"none\"\nrenew_before = \"20d\"", "", &["ttl", "45d", "renew_before"]),
        (
            "gate = \"none\"",
            "[credentials.twin]\nusername = \"etl_prod\"\npath = \"PATH\"",
            &["twin", "etl_prod", "path"],
        ),
    ];
    for (defaults, more, words) in cases {
        let mut scene = Scene::new(Kind::File);
        scene.defaults = defaults.to_owned();
        scene.more = more.replace("PATH", &scene.place.path(ETL));
        refused_unasked(&scene, words);
    }
}

#[test]
fn an_unknown_credential_is_named_with_the_one_that_was_meant() {
    let scene = Scene::new(Kind::File);
    for verb in ["rotate-now", "plan", "status", "roll-back"] {
        scene.pintail(&[verb, "etl_prdo"]).complains(2, &["etl_prdo", "etl_prod"]);
    }
    assert_eq!(scene.sandbox.count("rest"), 0);
}

#[test]
fn an_admin_token_that_cannot_be_used_is_told_by_its_place() {
    let mut scene = Scene::new(Kind::File);
    let file = scene.dir().join("admin");
    scene.admin_token_file.clone_from(&file);
    let name = file.display().to_string();
    for text in [None, Some(""), Some("\n"), Some("two\nlines")] {
        if let Some(text) = text {
            private(&file, text);
        }
        scene.rotate(&[ETL]).complains(2, &[&name]);
    }
    // What is absent or empty a daemon waits for; this cannot pass by itself.
    scene.pintail(&["run"]).complains(2, &[&name]);
    assert_eq!(scene.sandbox.count("rest"), 0, "nothing is contacted");
    // A newline at the end is how editors and `echo` leave a file.
    let admin = fs::read_to_string(scene.sandbox.admin_token_file()).unwrap();
    private(&file, &format!("{admin}\n"));
    scene.rotate(&[ETL]).came_to(0, "rotated");
}

#[test]
fn an_admin_token_that_is_refused_changes_nothing() {
    let mut scene = with_a_token(Kind::File);
    let file = scene.dir().join("admin");
    private(&file, "not-the-admin-token");
    let good = std::mem::replace(&mut scene.admin_token_file, file.clone());
    refused(&scene, 1, &["admin token", "401", &file.display().to_string()]);
    scene.pintail(&["check"]).complains(1, &["admin token", "401"]);
    scene.admin_token_file = good;
    scene.assert_at_rest();
}

#[test]
fn a_token_without_the_admin_role_changes_nothing() {
    let mut scene = with_a_token(Kind::File);
    let member = scene.dir().join("member");
    private(&member, &scene.served_token());
    let good = std::mem::replace(&mut scene.admin_token_file, member);
    refused(&scene, 1, &["403", "Admin"]);
    scene.pintail(&["check"]).complains(1, &["403", "Admin"]);
    scene.admin_token_file = good;
    scene.assert_at_rest();
}

#[test]
fn a_store_that_cannot_be_written_is_found_before_a_token_is_created_and_by_check() {
    let scene = with_a_token(Kind::Vault);
    allow_reading_alone(&scene.place, ETL);
    refused(&scene, 1, &["mount secret", &scene.place.path(ETL)]);
    assert_eq!(scene.sandbox.count("token_create"), 1);
    scene.pintail(&["check"]).complains(1, &[ETL, &scene.place.path(ETL)]);

    let mut scene = with_a_token(Kind::File);
    let elsewhere = scene.dir().join("a-file");
    fs::write(&elsewhere, "").unwrap();
    let table = scene.place.table();
    let moved = table.replace("/secrets\"", "/a-file/secrets\"");
    scene.more = "[credentials.second]\nusername = \"etl_prod\"\nstore = \"second\"\n".to_owned()
        + &moved.replace("stores.main", "stores.second");
    scene.rotate(&["second"]).complains(1, &[&elsewhere.display().to_string()]);
    assert_eq!(scene.sandbox.count("token_create"), 1);
    scene.pintail(&["check"]).complains(1, &["second", &elsewhere.display().to_string()]);
}

#[test]
fn a_secret_of_another_owner_is_refused() {
    let mut scene = with_a_token(Kind::File);
    scene.owner = "somebody_else".into();
    let before = scene.served_token();
    scene.rotate(&[ETL]).complains(1, &["owner e2e", "--take-over"]);
    scene.pintail(&["check"]).complains(1, &["owner e2e"]);
    assert_eq!(scene.served_token(), before);
    assert_eq!(scene.sandbox.count("token_create"), 1);
    scene.owner = "e2e".into();
    scene.assert_at_rest();
}

#[test]
fn a_secret_of_another_account_is_refused() {
    let mut scene = Scene::with(Kind::File, &[ETL, "other"], &[]);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.credentials = vec![];
    scene.more = format!("[credentials.{ETL}]\nusername = \"other\"\n");
    refused(&scene, 1, &["account etl_prod", "username"]);
}

#[test]
fn a_token_that_was_put_there_by_hand_is_not_touched() {
    for kind in [Kind::File, Kind::Vault, Kind::Aws] {
        let scene = with_a_token(kind);
        let mut edited = scene.secret();
        edited.insert("motherduck_token".to_owned(), "put-here-by-hand".into());
        scene.place.write(&scene.clients, ETL, &Value::Object(edited));
        refused(&scene, 1, &["edited by hand", "adopt"]);
        scene.place.write(&scene.clients, ETL, &json!({"motherduck_token": "a-stranger"}));
        refused(&scene, 1, &["did not put there", "adopt"]);
    }
}

#[test]
fn a_secret_that_is_not_a_json_object_is_not_overwritten() {
    let scene = with_a_token(Kind::File);
    let record = scene.place.directory(ETL).join("record.json");
    fs::remove_file(&record).unwrap();
    fs::write(&record, "[1, 2]").unwrap();
    let run = scene.rotate(&[ETL]);
    run.complains(1, &[&scene.place.path(ETL), "JSON object"]);
    assert_eq!(fs::read_to_string(&record).unwrap(), "[1, 2]");
    assert_eq!(scene.sandbox.count("token_create"), 1);

    let scene = with_a_token(Kind::Aws);
    let path = scene.place.path(ETL);
    scene.clients.write_secret(&scene.place.address, &path, "not JSON");
    scene.rotate(&[ETL]).complains(1, &[&path, "JSON object"]);
    assert_eq!(scene.clients.secret(&scene.place.address, &path), "not JSON");
    assert_eq!(scene.sandbox.count("token_create"), 1);
}

#[test]
fn a_damaged_record_is_told_by_its_field() {
    let scene = with_a_token(Kind::Vault);
    let mut damaged = scene.secret();
    damaged["pintail"]["phase"] = "waxing".into();
    scene.place.write(&scene.clients, ETL, &Value::Object(damaged));
    refused(&scene, 1, &["`phase`", &scene.place.path(ETL)]);
}

#[test]
fn a_record_whose_token_is_gone_is_replaced() {
    let scene = with_a_token(Kind::File);
    let (id, admin) = (scene.served_id(), fs::read_to_string(&scene.admin_token_file).unwrap());
    let url = format!("{}/v1/users/{ETL}/tokens/{id}", scene.api_url);
    crate::http::ask_as(&admin, "DELETE", &url, "");
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    assert_ne!(scene.served_id(), id);
    scene.assert_at_rest();
}

#[test]
fn a_postgres_host_with_another_name_than_its_certificates_is_not_believed() {
    let mut scene = with_a_token(Kind::File);
    // 127.0.0.2 is this machine as well, and the certificate does not name it.
    let listen = Sandbox::start(&["--postgres-listen=127.0.0.2:0"]);
    scene.sandbox.ready["postgres_host"] = listen.ready["postgres_host"].clone();
    scene.sandbox.ready["postgres_port"] = listen.ready["postgres_port"].clone();
    let before = scene.live(ETL);
    scene.rotate(&[ETL]).complains(1, &["certificate of 127.0.0.2"]);
    assert_eq!(scene.live(ETL), before);
}

#[test]
fn an_api_url_that_is_not_motherducks_is_told() {
    let mut scene = with_a_token(Kind::File);
    let direct = scene.api_url.clone();
    let stranger = Relay::start(&direct, |_| response(404, "", "Not Found"));
    scene.api_url.clone_from(&stranger.url);
    refused(&scene, 1, &["404", "api_url", &stranger.url]);
    scene.api_url = direct;
    scene.assert_at_rest();
}

#[test]
fn an_account_that_does_not_exist_is_named() {
    let mut scene = Scene::new(Kind::File);
    scene.credentials = vec![];
    scene.more = "[credentials.ghost]\nusername = \"ghost_account\"\n".into();
    scene.rotate(&["ghost"]).complains(1, &["ghost_account", "username"]);
    scene.pintail(&["check"]).complains(1, &["ghost_account"]);
    assert_eq!(scene.sandbox.live("pintail/").len(), 0);
}

#[test]
fn wrong_usage_is_explained_and_contacts_nobody() {
    let scene = Scene::new(Kind::File);
    for arguments in [
        &["rotate-now"][..],
        &["rotate-now", "--all", ETL],
        &["rotate-now", ETL, "--timeout", "soon"],
        &["rotate-now", ETL, "--due", "--compromised", "--reason", "x"],
        &["adopt", ETL],
        &["adopt", ETL, "--token-id", "a-name"],
        &["rotate", ETL],
        &["roll-back"],
        &[],
    ] {
        let run = scene.pintail(arguments);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains("Usage:") || run.stderr.contains("error:"), "{run}");
    }
    assert_eq!(scene.sandbox.count("rest"), 0);
}

#[test]
fn no_variable_leads_secrets_in_plain_sight_off_this_machine() {
    for (name, profile) in [
        ("AWS_ENDPOINT_URL", ""),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", ""),
        ("AWS_CONFIG_FILE", "[default]\nendpoint_url = http://192.0.2.1:4566\n"),
    ] {
        let mut scene = Scene::new(Kind::File);
        scene.credentials.clear();
        scene.more = format!(
            "[stores.cloud.aws_secrets_manager]\nregion = \"us-east-1\"\n\
             [credentials.{ETL}]\nusername = \"{ETL}\"\nstore = \"cloud\"\npath = \"etl\"\n"
        );
        let file = scene.dir().join("profile");
        std::fs::write(&file, profile).unwrap();
        let value = match profile {
            "" => "http://192.0.2.1:4566".to_owned(),
            _ => file.display().to_string(),
        };
        scene.variables.push((name.to_owned(), value));
        let run = scene.pintail(&["rotate-now", ETL]);
        run.complains(1, &["http://192.0.2.1:4566 is neither https:// nor a loopback address"]);
        assert_eq!(scene.sandbox.count("token_create"), 0, "{run}");
    }
}

#[test]
fn whoever_else_can_change_what_is_obeyed_is_told_of_at_the_start_and_by_the_check() {
    use std::os::unix::fs::PermissionsExt;
    let mut scene = Scene::new(Kind::File);
    let hook = scene.script("hook", "exit 0");
    scene.defaults = format!("gate = \"none\"\ndeploy.command = [\"{hook}\"]");
    let mode =
        |mode| std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o757);
    let said = format!("file {hook} can be changed by every user of this machine");
    let checked = scene.pintail(&["check", "--offline"]);
    assert!(checked.stdout.contains(&said) && checked.code == Some(0), "{checked}");
    let daemon = scene.start(&["run"]);
    scene.sandbox.until(|event| event.kind == "token_created");
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "it starts all the same: {run}");
    assert!(run.stderr.contains("file mode is unwise") && run.stderr.contains(&said), "{run}");
    mode(0o755);
    assert!(!scene.pintail(&["check", "--offline"]).stdout.contains(&said));
}
