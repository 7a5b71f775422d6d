//! Whose a token is: what the endpoint says of it, what is made of that, and an endpoint that checks no tokens.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::http::ask_as;
use crate::place::Kind;
use crate::program::Run;
use crate::sandbox::PINTAIL;
use crate::scene::{ETL, Scene, steps};

/// An account that the organisation has and no credential covers.
const BI: &str = "bi_prod";
/// A schedule that fires every two seconds.
const ALWAYS: &str = "schedule = \"*/2 * * * * *\"\nsplay = \"0s\"\nttl = \"45d\"";

/// A token that was made by hand.
struct Made {
    id: String,
    text: String,
}

fn scene(options: &[&str]) -> Scene {
    let mut scene = Scene::with(Kind::File, &[ETL, BI], options);
    scene.credentials = vec![ETL.to_owned()];
    scene
}

fn made(scene: &Scene, account: &str) -> Made {
    let admin = std::fs::read_to_string(&scene.admin_token_file).unwrap();
    let url = format!("{}/v1/users/{account}/tokens", scene.sandbox.server.url);
    let name = format!("by hand {}", uuid::Uuid::new_v4());
    let (_, answer) = ask_as(&admin, "POST", &url, &json!({ "name": name }).to_string());
    let made: Value = serde_json::from_str(&answer).unwrap();
    let text = |key: &str| made[key].as_str().unwrap().to_owned();
    Made { id: text("id"), text: text("token") }
}

fn put(scene: &Scene, token: &Made) {
    let mut secret = scene.place.read(&scene.clients, ETL).unwrap_or_default();
    secret.insert("motherduck_token".to_owned(), token.text.clone().into());
    scene.place.write(&scene.clients, ETL, &Value::Object(secret));
}

fn says(scene: &Scene, identity: &str) {
    scene.sandbox.faults(&json!({ "identity": identity }));
}

fn json_of(scene: &Scene, arguments: &[&str]) -> Run {
    let all: Vec<_> = ["--output", "json"].iter().chain(arguments).copied().collect();
    scene.pintail(&all)
}

fn revoked(scene: &Scene) -> Vec<String> {
    let events = scene.sandbox.events().into_iter();
    events
        .filter(|event| event.kind == "token_revoked")
        .filter_map(|event| event.token_id)
        .collect()
}

/// Another account's token, adopted for the account under the ID of a token of its own that somebody uses, at a time
/// when the endpoint did not tell accounts.
fn adopted_theirs(scene: &Scene) -> (Made, Made) {
    let (theirs, used) = (made(scene, BI), made(scene, ETL));
    put(scene, &theirs);
    says(scene, "constant");
    let adopt = ["adopt", ETL, "--token-id", &used.id, "--accept-account", "postgres"];
    let run = json_of(scene, &adopt);
    assert_eq!((run.code, &run.document()["opens"]), (Some(0), &json!("postgres")), "{run}");
    says(scene, "username");
    (theirs, used)
}

#[test]
fn another_accounts_token_is_not_adopted() {
    let scene = scene(&[]);
    let (theirs, used) = (made(&scene, BI), made(&scene, ETL));
    put(&scene, &theirs);
    let secret = scene.secret();
    let adopt = ["adopt", ETL, "--token-id", &used.id];
    let words = [BI, ETL, "opens account \"bi_prod\"", "username = \"bi_prod\""];
    scene.pintail(&adopt).complains(1, &words);
    // What is known to be another account's is not accepted by a word either.
    let accepting = [&adopt[..], &["--accept-account", BI]].concat();
    scene.pintail(&accepting).complains(1, &words);
    assert_eq!(scene.secret(), secret);
    put(&scene, &used);
    let run = json_of(&scene, &adopt);
    assert_eq!((run.code, &run.document()["opens"]), (Some(0), &json!(ETL)), "{run}");
}

#[test]
fn an_answer_that_is_no_account_refuses_adopt_alone_and_names_the_way_round() {
    for (identity, answer) in [("constant", "postgres"), ("email", "etl_prod@sandbox.invalid")] {
        let scene = scene(&[&format!("--identity={identity}")]);
        let mine = made(&scene, ETL);
        put(&scene, &mine);
        let adopt = ["adopt", ETL, "--token-id", &mine.id];
        let way = format!("--accept-account {answer}");
        scene.pintail(&adopt).complains(1, &[answer, ETL, &way]);
        let accepted = scene.pintail(&[&adopt[..], &["--accept-account", answer]].concat());
        assert_eq!(accepted.code, Some(0), "{accepted}");
        // What was adopted so is rotated, and what replaces it is, too.
        scene.rotate(&[ETL]).came_to(0, "rotated");
        let run = scene.rotate(&[ETL]);
        run.came_to(0, "rotated");
        assert!(run.stderr.contains("endpoint does not tell accounts"), "{run}");
        scene.assert_at_rest();
    }
}

#[test]
fn an_endpoint_that_does_not_say_stops_neither_adopt_nor_a_rotation() {
    let scene = scene(&["--identity=none"]);
    let mine = made(&scene, ETL);
    put(&scene, &mine);
    let run = json_of(&scene, &["adopt", ETL, "--token-id", &mine.id]);
    assert_eq!((run.code, &run.document()["opens"]), (Some(0), &Value::Null), "{run}");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.rotate(&[ETL, "--compromised", "--reason", "leaked"]).came_to(0, "rotated");
    scene.assert_at_rest();
}

#[test]
fn nothing_is_published_over_another_accounts_token_and_nothing_revoked() {
    let scene = scene(&[]);
    let (theirs, used) = adopted_theirs(&scene);
    let secret = scene.secret();
    for arguments in [&[ETL][..], &[ETL, "--compromised", "--reason", "leaked"]] {
        let run = scene.rotate(arguments);
        let failed = run.came_to(1, "failed");
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains("opens account \"bi_prod\", and not etl_prod"), "{run}");
        let hint = failed["hint"].as_str().unwrap();
        assert!(hint.contains("pintail adopt etl_prod") && hint.contains("\"off\""), "{run}");
    }
    assert_eq!(scene.secret(), secret);
    let revoked = revoked(&scene);
    assert!(!revoked.contains(&theirs.id) && !revoked.contains(&used.id), "{revoked:?}");
    assert!(scene.live(ETL).is_empty(), "what was created to find out is gone");
    // A person sets it right.
    put(&scene, &used);
    let adopt = json_of(&scene, &["adopt", ETL, "--token-id", &used.id]);
    assert_eq!(adopt.code, Some(0), "{adopt}");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["revoked"], json!([used.id]));
    scene.assert_at_rest();
}

#[test]
fn a_daemon_finds_it_out_once_and_goes_on_with_the_others() {
    let mut scene = Scene::with(Kind::File, &[ETL, BI, "web_prod"], &[]);
    scene.credentials = vec![ETL.to_owned(), "web_prod".to_owned()];
    let (theirs, used) = adopted_theirs(&scene);
    scene.calendar = ALWAYS.to_owned();
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
    let secret = scene.secret();
    let daemon = scene.start(&["run"]);
    let created = |credential: &str| {
        let prefix = format!("pintail/e2e/{credential}/");
        let is_meant = |event: &crate::sandbox::Event| {
            event.kind == "token_created"
                && event.name.as_ref().is_some_and(|name| name.starts_with(&prefix))
        };
        scene.sandbox.events().into_iter().filter(is_meant).count()
    };
    while created("web_prod") < 4 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert!(run.stderr.contains("bi_prod"), "{run}");
    assert_eq!((created(ETL), scene.secret()), (1, secret), "{run}");
    let revoked = revoked(&scene);
    assert!(!revoked.contains(&used.id) && !revoked.contains(&theirs.id), "{revoked:?}");
}

#[test]
fn another_accounts_token_may_be_adopted_for_its_own_account() {
    let mut scene = scene(&[]);
    let (theirs, used) = adopted_theirs(&scene);
    scene.credentials = vec![];
    scene.more = format!("[credentials.{ETL}]\nusername = \"{BI}\"\n");
    scene.rotate(&[ETL]).came_to(1, "failed");
    let run = json_of(&scene, &["adopt", ETL, "--token-id", &theirs.id]);
    assert_eq!((run.code, &run.document()["opens"]), (Some(0), &json!(BI)), "{run}");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["revoked"], json!([theirs.id]));
    assert!(!revoked(&scene).contains(&used.id));
}

#[test]
fn a_fresh_token_over_a_wrong_one_lets_live_what_the_wrong_one_was_called() {
    let scene = scene(&[]);
    let (theirs, used) = adopted_theirs(&scene);
    let fresh = made(&scene, ETL);
    put(&scene, &fresh);
    let run = json_of(&scene, &["adopt", ETL, "--token-id", &fresh.id]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.document()["previous_token_ids"], json!([]), "{run}");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(result["revoked"], json!([fresh.id]));
    let revoked = revoked(&scene);
    assert!(!revoked.contains(&used.id) && !revoked.contains(&theirs.id), "{revoked:?}");
}

#[test]
fn a_rotation_that_is_under_way_is_held_at_the_proof_of_another_accounts_token() {
    let scene = scene(&[]);
    let first = scene.first_token();
    let (theirs, used) = adopted_theirs(&scene);
    let secret = scene.secret();
    let run = scene.rotate(&[ETL]);
    let held = run.came_to(3, "held");
    assert!(held["error"].as_str().unwrap().contains("bi_prod"), "{run}");
    assert_eq!(steps(&held), ["verify"], "{run}");
    assert_eq!(scene.secret(), secret);
    let revoked = revoked(&scene);
    for id in [&first, &theirs.id, &used.id] {
        assert!(!revoked.contains(id), "{id}: {revoked:?}");
    }
}

#[test]
fn check_and_audit_find_another_accounts_token_where_they_are_to_connect() {
    let scene = scene(&[]);
    adopted_theirs(&scene);
    let connected = scene.sandbox.count("postgres");
    let quiet = json_of(&scene, &["check"]);
    assert_eq!(quiet.code, Some(0), "{quiet}");
    json_of(&scene, &["audit"]);
    assert_eq!(scene.sandbox.count("postgres"), connected, "no Duckling wakes");

    let check = json_of(&scene, &["check", "--connect"]);
    assert_eq!(check.code, Some(1), "{check}");
    let found = &check.document()["findings"];
    let is_meant = |finding: &&Value| finding["subject"] == format!("{ETL}: connection");
    let finding = found.as_array().unwrap().iter().find(is_meant).unwrap().clone();
    assert_eq!(finding["level"], "error", "{check}");
    assert!(finding["message"].as_str().unwrap().contains("bi_prod"), "{check}");

    let audit = json_of(&scene, &["audit", "--connect"]);
    assert_eq!(audit.code, Some(3), "{audit}");
    let remarks = |run: &Run| {
        let document = run.document();
        let all = document["findings"].as_array().unwrap().clone();
        all.iter().map(|one| one["finding"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(remarks(&audit).contains(&"wrong_account".to_owned()), "{audit}");

    says(&scene, "constant");
    let unclear = json_of(&scene, &["check", "--connect"]);
    assert_eq!(unclear.code, Some(0), "{unclear}");
    assert!(unclear.stdout.contains("\"warning\""), "{unclear}");
    let unclear = json_of(&scene, &["audit", "--connect"]);
    assert!(remarks(&unclear).contains(&"identity_unclear".to_owned()), "{unclear}");
}

#[test]
fn an_identity_that_is_required_must_be_told() {
    let mut scene = scene(&["--identity=none"]);
    scene.defaults = "gate = \"none\"\nverify.postgres.identity = \"required\"".into();
    let run = scene.rotate(&[ETL, "--timeout", "1s"]);
    let failed = run.came_to(1, "failed");
    let said = failed["error"].as_str().unwrap();
    assert!(said.contains("does not say") || said.contains("stopped"), "{run}");
    says(&scene, "constant");
    let run = scene.rotate(&[ETL]);
    let failed = run.came_to(1, "failed");
    assert!(failed["error"].as_str().unwrap().contains("does not tell accounts"), "{run}");
    assert!(failed["hint"].as_str().unwrap().contains("if_answered"), "{run}");
    assert!(scene.live(ETL).is_empty(), "nothing is left of what was not verified");
    says(&scene, "username");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
    // A token of which nothing is said is not adopted either.
    let mine = made(&scene, ETL);
    put(&scene, &mine);
    says(&scene, "none");
    scene.pintail(&["adopt", ETL, "--token-id", &mine.id]).complains(1, &["does not say", ETL]);
}

#[test]
fn an_endpoint_that_is_not_to_be_asked_is_not_asked() {
    let mut scene = scene(&[]);
    scene.defaults = "gate = \"none\"\nverify.postgres.identity = \"off\"".into();
    let (theirs, used) = (made(&scene, BI), made(&scene, ETL));
    put(&scene, &theirs);
    let run = json_of(&scene, &["adopt", ETL, "--token-id", &used.id]);
    assert_eq!((run.code, &run.document()["opens"]), (Some(0), &Value::Null), "{run}");
    // The text in the secret lives on under another ID, so that its refusal is never seen.
    rotate_unconfirmed(&scene);
    assert!(revoked(&scene).contains(&used.id), "nobody would have found out");
}

#[test]
fn an_endpoint_that_asks_for_no_password_proves_nothing() {
    let scene = scene(&[]);
    let id = scene.first_token();
    scene.sandbox.faults(&json!({ "no_password": true }));
    let run = scene.rotate(&[ETL]);
    let failed = run.came_to(1, "failed");
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("preflight: ") && error.contains("asks for no password"), "{run}");
    assert!(failed["hint"].as_str().unwrap().contains("MotherDuck's own host"), "{run}");
    assert_eq!(scene.served_id(), id);
    scene.sandbox.faults(&json!({ "no_password": false }));
    scene.assert_at_rest();
}

/// Says in the record that so often running a revoked token went on connecting.
fn count_unconfirmed(scene: &Scene, count: u8) {
    let mut secret = scene.secret();
    secret["pintail"]["unconfirmed_revocations"] = count.into();
    scene.place.write(&scene.clients, ETL, &Value::Object(secret));
}

/// What a run comes to that does what is due, once something is.
fn due(scene: &Scene) -> Run {
    loop {
        let run = scene.rotate(&["--due"]);
        if run.of(ETL)["outcome"] != "not_due" {
            return run;
        }
    }
}

/// Rotates, and does not wait until the old token is refused.
fn rotate_unconfirmed(scene: &Scene) {
    let before = revoked(scene).len();
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    while revoked(scene).len() == before {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    running.terminate();
    scene.note(running.wait()).came_to(0, "rotated");
}

#[test]
fn the_schedule_waits_where_revoked_tokens_go_on_connecting_and_a_person_does_not() {
    let mut scene = scene(&["--revocation-delay=10h"]);
    scene.calendar = ALWAYS.to_owned();
    scene.first_token();
    rotate_unconfirmed(&scene);
    count_unconfirmed(&scene, 2);
    let id = scene.served_id();
    let run = due(&scene);
    let held = run.came_to(3, "held");
    assert_eq!((steps(&held), scene.served_id()), (vec!["confirm"], id.clone()), "{run}");
    let error = held["error"].as_str().unwrap();
    assert!(error.contains("does not check tokens"), "{run}");
    assert!(held["hint"].as_str().unwrap().contains("rotate-now"), "{run}");
    let plan = json_of(&scene, &["plan", ETL]).of(ETL);
    assert_eq!(plan["decision"], "confirm", "{plan}");

    // A person rotates all the same, and what is known of the endpoint goes on into the next record.
    rotate_unconfirmed(&scene);
    assert_ne!(scene.served_id(), id);
    assert_eq!(scene.secret()["pintail"]["unconfirmed_revocations"], 2);
}

#[test]
fn the_schedule_goes_on_once_a_revoked_token_is_seen_refused() {
    let mut scene = scene(&[]);
    scene.calendar = ALWAYS.to_owned();
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    // Its revocation took longer than anybody waited for it.
    count_unconfirmed(&scene, 2);
    let id = scene.served_id();
    due(&scene).came_to(0, "rotated");
    assert_ne!(scene.served_id(), id);
    assert_eq!(scene.secret()["pintail"].get("unconfirmed_revocations"), None);
    scene.assert_at_rest();
}

/// Runs `pintail identify` with `input` on its standard input.
fn identify(scene: &Scene, input: &[u8]) -> Run {
    let file = scene.dir().join("identify.toml");
    std::fs::write(&file, scene.configuration()).unwrap();
    let mut child = Command::new(PINTAIL)
        .args(["--output", "json", "--config"])
        .arg(&file)
        .arg("identify")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    scene.note(Run {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        command_line: "pintail identify".to_owned(),
    })
}

#[test]
fn a_token_on_standard_input_is_identified_and_never_shown() {
    let scene = scene(&[]);
    let first = scene.first_token();
    let old = scene.served_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let (theirs, loose) = (made(&scene, BI), made(&scene, ETL));
    let served = scene.served_token();
    let told = |token: &str| {
        let run = identify(&scene, format!("{token}\n").as_bytes());
        assert_eq!(run.code, Some(0), "{run}");
        assert!(!run.to_string().contains(token));
        let document = run.document();
        let text = |key: &str| document[key].as_str().unwrap_or("-").to_owned();
        ["connection", "account", "status", "credential", "token_id", "replaced_by"].map(text)
    };
    let rotate = "pintail rotate-now etl_prod";
    assert_eq!(told(&served), ["works", ETL, "served", ETL, &scene.served_id(), rotate]);
    assert_eq!(told(&old), ["refused", "-", "predecessor", ETL, &first, "-"]);
    let list = "pintail token list etl_prod";
    assert_eq!(told(&loose.text), ["works", ETL, "unmanaged", "-", "-", list]);
    let list = "pintail token list bi_prod";
    assert_eq!(told(&theirs.text), ["works", BI, "unknown", "-", "-", list]);
    assert_eq!(told("never.a.token"), ["refused", "-", "unknown", "-", "-", "-"]);
}

#[test]
fn what_is_no_token_is_a_clear_error_and_nobody_is_contacted() {
    let scene = scene(&[]);
    let asked = scene.sandbox.requests();
    for (input, word) in
        [(&b""[..], "empty"), (b"s3cret and more", "one word"), (b"s3cret\xff\xfe", "not text")]
    {
        let run = identify(&scene, input);
        run.complains(2, &[word, "pintail identify"]);
        assert!(!run.to_string().contains("s3cret"), "{run}");
    }
    assert_eq!(scene.sandbox.requests(), asked);
}
