//! Accounts as declarations: made, configured and primed before their first token, kept so, and never deleted.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::ask_as;
use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::sandbox::Event;
use crate::scene::{ETL, Scene, steps};

const DUCKLINGS: &str = r#"
[defaults.ducklings]
read_write = { size = "standard", cooldown = "5m" }
read_scaling = { size = "jumbo", flock_size = 8 }
"#;

/// An account that does not exist, and what is declared of it.
fn absent(kind: Kind, declared: &str, options: &[&str]) -> Scene {
    let mut scene = Scene::with(kind, &["someone_else"], options);
    scene.credentials = vec![ETL.to_owned()];
    scene.defaults = format!("gate = \"none\"\n{declared}");
    scene
}

/// The same for an account that is there.
fn present(declared: &str) -> Scene {
    let mut scene = Scene::new(Kind::File);
    scene.defaults = format!("gate = \"none\"\n{declared}");
    scene
}

fn read_scaling(declared: &str) -> String {
    format!("token_type = \"read_scaling\"\n{declared}")
}

fn ensured() -> String {
    format!("ensure_account = true\n{DUCKLINGS}")
}

/// What happened to accounts and tokens.
fn kinds(events: &[Event]) -> Vec<&str> {
    let uninteresting = ["tokens_listed", "request_failed"];
    let kinds = events.iter().map(|event| event.kind.as_str());
    kinds.filter(|kind| !uninteresting.contains(kind)).collect()
}

fn count(scene: &Scene, kind: &str) -> usize {
    scene.sandbox.events().iter().filter(|event| event.kind == kind).count()
}

/// How often a read-scaling token was tried before a read/write token had connected.
fn tried_unprimed(scene: &Scene) -> usize {
    let unprimed = |event: &Event| {
        let detail = event.detail.as_deref().unwrap_or_default();
        event.kind == "refused" && detail.contains("never connected to with a read/write token")
    };
    scene.sandbox.events().iter().filter(|event| unprimed(event)).count()
}

fn ducklings(scene: &Scene) -> Value {
    let run = scene.pintail(&["--output", "json", "duckling", "get", ETL]);
    assert_eq!(run.code, Some(0), "{run}");
    run.document()
}

fn assert_as_declared(scene: &Scene) {
    let found = ducklings(scene);
    let write = json!({"instance_size": "standard", "cooldown_seconds": 300});
    assert_eq!(found["read_write"], write, "{found}");
    assert_eq!(found["read_scaling"], json!({"instance_size": "jumbo", "flock_size": 8}));
}

fn made_from_nothing(kind: Kind) {
    let scene = absent(kind, &read_scaling(&ensured()), &[]);
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(steps(&result), ["create", "preflight", "publish", "verify"]);
    let events = scene.sandbox.events();
    assert_eq!(
        kinds(&events),
        [
            "account_created",
            "ducklings_set",
            "token_created",
            // The priming token: made, used, and gone before the first read-scaling token is tried.
            "token_created",
            "connected",
            "token_revoked",
            "connected",
            "connected",
        ]
    );
    let created: Vec<_> = events.iter().filter(|event| event.kind == "token_created").collect();
    assert_eq!(created[0].detail.as_deref(), Some("read_scaling"));
    assert_eq!(created[1].detail.as_deref(), Some("read_write"));
    let of = |kind: &str| events.iter().find(|event| event.kind == kind).unwrap();
    assert_eq!(of("connected").token_id, created[1].token_id);
    assert_eq!(of("token_revoked").token_id, created[1].token_id);
    assert_as_declared(&scene);
    scene.assert_at_rest();
}

#[test]
fn an_absent_account_is_made_and_its_first_read_scaling_token_served_from_files() {
    made_from_nothing(Kind::File);
}

#[test]
fn an_absent_account_is_made_and_its_first_read_scaling_token_served_from_openbao() {
    made_from_nothing(Kind::Vault);
}

#[test]
fn an_absent_account_is_made_and_its_first_read_scaling_token_served_from_secrets_manager() {
    made_from_nothing(Kind::Aws);
}

#[test]
fn a_bootstrap_killed_at_any_request_to_motherduck_is_finished_by_the_next_run() {
    let mut kills = 0;
    for at in 0..20 {
        let mut reached = false;
        for lost in [|| Fate::StallRequest, || Fate::StallReply] {
            let mut scene = absent(Kind::File, &read_scaling(&ensured()), &[]);
            let direct = scene.api_url.clone();
            let passed = Arc::new(AtomicUsize::new(0));
            let relay = Relay::start(&direct, move |_| {
                if passed.fetch_add(1, Ordering::SeqCst) == at { lost() } else { Fate::Pass }
            });
            scene.api_url.clone_from(&relay.url);
            let mut running = scene.start(&["--output", "json", "rotate-now", ETL]);
            while running.is_running() && !relay.stalled(Duration::from_millis(20)) {}
            if !running.is_running() {
                continue;
            }
            scene.note(running.kill());
            (reached, kills) = (true, kills + 1);
            assert_all_primers_are_short_lived(&scene);
            scene.api_url = direct;
            scene.rotate(&[ETL]).came_to(0, "rotated");
            assert_eq!(count(&scene, "account_created"), 1, "request {at}");
            assert_eq!(tried_unprimed(&scene), 0, "request {at}");
            assert_as_declared(&scene);
            scene.assert_at_rest();
        }
        if !reached {
            break;
        }
    }
    assert!((16..40).contains(&kills), "{kills} kills");
}

/// A priming token that a crash left behind has five minutes to live.
fn assert_all_primers_are_short_lived(scene: &Scene) {
    let admin = std::fs::read_to_string(&scene.admin_token_file).unwrap();
    let url = format!("{}/v1/users/{ETL}/tokens", scene.sandbox.server.url);
    let (status, body) = ask_as(&admin, "GET", &url, "");
    let tokens = if status == 200 { serde_json::from_str(&body).unwrap() } else { Value::Null };
    for token in tokens["tokens"].as_array().into_iter().flatten() {
        if token["token_type"] == "read_write" {
            let at = |key: &str| token[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert_eq!(at("expire_at").duration_since(at("created_ts")).as_secs(), 300, "{token}");
        }
    }
}

#[test]
fn an_account_that_exists_is_left_alone_and_costs_nothing() {
    let rotated = |declared: &str| {
        let scene = present(declared);
        scene.first_token();
        scene.rotate(&[ETL]).came_to(0, "rotated");
        scene.rotate(&["--due"]).came_to(0, "not_due");
        scene.assert_at_rest();
        scene
    };
    let (scene, undeclared) = (rotated("ensure_account = true"), rotated(""));
    assert_eq!(scene.sandbox.requests(), undeclared.sandbox.requests());
    assert_eq!(count(&scene, "account_created") + count(&scene, "ducklings_set"), 0);
}

#[test]
fn an_account_is_primed_for_its_first_token_only() {
    let scene = present(&read_scaling("ensure_account = true"));
    scene.first_token();
    assert_eq!(count(&scene, "token_created"), 2);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(count(&scene, "token_created"), 3, "{:#?}", scene.sandbox.events());
    scene.assert_at_rest();
}

/// Deletes the account by hand, with all its tokens.
fn delete(scene: &Scene) {
    let run = scene.pintail(&["account", "delete", ETL, "--yes", "--even-if-configured"]);
    assert_eq!(run.code, Some(0), "{run}");
}

fn assert_served_anew(scene: &Scene) {
    assert_eq!(scene.live(ETL), BTreeSet::from([scene.served_id()]));
    assert!(scene.connects(&scene.served_token()));
}

#[test]
fn an_account_that_was_deleted_is_made_and_primed_anew() {
    let scene = present(&read_scaling(&ensured()));
    scene.first_token();
    delete(&scene);
    let status = scene.pintail(&["status"]);
    assert!(status.to_string().contains("pintail rotate-now etl_prod"), "{status}");
    assert_eq!(count(&scene, "account_created"), 0, "looking makes nothing");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(tried_unprimed(&scene), 0);
    assert_as_declared(&scene);
    assert_served_anew(&scene);
}

#[test]
fn an_account_that_somebody_made_anew_is_primed_when_its_token_is_refused() {
    let scene = present(&read_scaling("ensure_account = true"));
    scene.first_token();
    delete(&scene);
    let created = scene.pintail(&["account", "create", ETL]);
    assert_eq!(created.code, Some(0), "{created}");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(tried_unprimed(&scene) > 0, "nothing else tells that it was made anew");
    assert_served_anew(&scene);
}

#[test]
fn drift_is_shown_by_plan_and_check_and_repaired_by_the_daemon() {
    let mut scene = present(&format!("ensure_account = true\n{DUCKLINGS}"));
    let plan = scene.pintail(&["plan"]);
    assert_eq!(plan.code, Some(0), "{plan}");
    for line in [
        "would set etl_prod's read_write size from pulse to standard",
        "would set etl_prod's read_write cooldown from none to 300 s",
        "would set etl_prod's read_scaling flock_size from 16 to 8",
    ] {
        assert!(plan.stdout.contains(line), "{line}: {plan}");
    }
    let account = scene.pintail(&["--output", "json", "plan"]).of(ETL)["account"].clone();
    assert_eq!((&account["username"], &account["action"]), (&json!(ETL), &json!("set_ducklings")));
    let size = json!({"value": "read_write size", "from": "pulse", "to": "standard"});
    assert_eq!(account["ducklings"][0], size);
    let check = scene.pintail(&["check"]);
    assert!(check.stdout.contains("its Ducklings are not as declared"), "{check}");
    assert_eq!(count(&scene, "ducklings_set"), 0, "looking changes nothing");

    scene.more = "[daemon]\nsweep = \"1s\"\n".to_owned();
    let daemon = scene.start(&["run"]);
    scene.sandbox.until(|event| event.kind == "ducklings_set");
    assert_as_declared(&scene);
    let by_hand = ["duckling", "set", ETL, "--flock-size", "3"];
    assert_eq!(scene.pintail(&by_hand).code, Some(0));
    // By hand was the second.
    let third = |scene: &Scene| count(scene, "ducklings_set") >= 3;
    let start = std::time::Instant::now();
    while !third(&scene) {
        assert!(start.elapsed() < Duration::from_mins(1), "{:#?}", scene.sandbox.events());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_as_declared(&scene);
    daemon.terminate();
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
    scene.assert_at_rest();
    let settled = scene.pintail(&["--output", "json", "plan"]).of(ETL);
    assert_eq!(settled["account"], Value::Null);
}

#[test]
fn an_absent_account_is_announced_by_plan_and_check_which_do_not_make_it() {
    let scene = absent(Kind::File, &ensured(), &[]);
    let plan = scene.pintail(&["plan"]);
    assert_eq!(plan.code, Some(0), "{plan}");
    assert!(plan.stdout.contains("would create account etl_prod"), "{plan}");
    assert!(plan.stdout.contains("create and publish its first token"), "{plan}");
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
    assert!(check.stdout.contains("its first rotation makes it"), "{check}");
    assert_eq!(count(&scene, "account_created"), 0);
}

#[test]
fn ducklings_that_cannot_be_set_keep_nobody_from_a_fresh_token() {
    let scene = present(DUCKLINGS);
    let refusal = json!({"operation": "duckling_set", "how": "fail", "status": 400, "times": 9});
    scene.sandbox.faults(&json!({"fail_next": [refusal]}));
    let run = scene.rotate(&[ETL]);
    run.came_to(0, "rotated");
    assert!(run.stderr.contains("ducklings left as they are"), "{run}");
    scene.assert_at_rest();
}

#[test]
fn an_account_that_cannot_be_made_fails_with_motherducks_words_before_anything_is_created() {
    let scene = absent(Kind::File, &ensured(), &[]);
    let refusal = json!({"operation": "user_create", "how": "fail", "status": 403, "times": 9});
    scene.sandbox.faults(&json!({"fail_next": [refusal]}));
    scene.rotate(&[ETL]).complains(1, &["cannot create account etl_prod", "403"]);
    assert_eq!(count(&scene, "token_created"), 0);
}

#[test]
fn what_the_plan_of_the_organisation_lacks_is_said_in_motherducks_words() {
    let scene = absent(Kind::File, &read_scaling(&ensured()), &["--lite-plan"]);
    let run = scene.rotate(&[ETL]);
    run.complains(1, &["read scaling requires the Business plan"]);
    assert_eq!(count(&scene, "token_created"), 0, "not even to prime");
}

#[test]
fn a_lost_reply_to_the_creation_makes_no_difference() {
    let scene = absent(Kind::File, &read_scaling(&ensured()), &[]);
    let lost = ["user_create", "duckling_set"]
        .map(|operation| json!({"operation": operation, "how": "lose_reply"}));
    scene.sandbox.faults(&json!({"fail_next": lost}));
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(tried_unprimed(&scene), 0);
    assert_as_declared(&scene);
    scene.assert_at_rest();
}

#[test]
fn without_a_declaration_nothing_is_made_and_the_way_out_is_told() {
    let scene = absent(Kind::File, &read_scaling(""), &[]);
    scene.rotate(&[ETL]).complains(1, &["ensure_account = true"]);
    assert_eq!(count(&scene, "account_created"), 0);
    let made = scene.pintail(&["account", "create", ETL]);
    assert_eq!(made.code, Some(0), "{made}");
    let refused = scene.rotate(&[ETL]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.to_string().contains("until a read/write token has connected"), "{refused}");
    assert_eq!(scene.live(ETL), BTreeSet::new());
}

#[test]
fn several_credentials_of_an_absent_account_make_it_once() {
    let mut scene = absent(Kind::File, &read_scaling(&ensured()), &[]);
    for name in ["second", "third", "fourth"] {
        writeln!(scene.more, "[credentials.{name}]\nusername = \"ETL_prod\"").unwrap();
    }
    let run = scene.rotate(&["--all"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(count(&scene, "account_created"), 1);
    assert_eq!(count(&scene, "ducklings_set"), 1);
    assert_eq!(count(&scene, "token_created"), 5, "four, and one that primed");
    assert_eq!(tried_unprimed(&scene), 0);
}
