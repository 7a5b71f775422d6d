//! `pintail token create` and `token list`: a secret is shown once, to whom it was meant for, or not at all.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::bench::{Bench, Run};

fn is_accepted(bench: &Bench, token: &str) -> bool {
    // A Member's token is not allowed to ask, but known: 403. A revoked one is unknown: 401.
    match bench.ask_as(token, "GET", "/v1/active_accounts", &Value::Null).0 {
        403 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[test]
fn as_json_a_token_comes_with_its_text() {
    let bench = Bench::new();
    let run = bench
        .run("token create etl_prod --name importer --ttl 30d --type read_scaling --output json");
    let created = run.json();
    assert_eq!(created["name"], "importer");
    assert_eq!(created["token_type"], "read_scaling");
    let token = created["token"].as_str().unwrap();
    assert!(is_accepted(&bench, token));
    assert!(!run.stderr.contains(token));
    let listed = bench.json("token list etl_prod");
    let row = &listed["tokens"][0];
    assert_eq!(row["id"], created["token_id"]);
    assert_eq!(row["expires_at"], created["expires_at"]);
    assert_eq!(row["token_type"], "read_scaling");
    assert_eq!(row["managed"], false);
    assert!(row.get("token").is_none());
}

#[test]
fn on_a_terminal_a_token_is_shown() {
    let bench = Bench::new();
    let run = bench.type_into("token create etl_prod --name importer --ttl 1h", "");
    let token = run.text().lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap();
    assert!(is_accepted(&bench, token), "{run:?}");
    assert!(run.stdout.contains("Its text, shown this once:"), "{run:?}");
}

#[test]
fn into_a_pipe_no_token_is_written_nor_even_created() {
    let bench = Bench::new();
    let before = bench.requests();
    let run = bench.run("token create etl_prod --name importer");
    assert!(run.refusal(2).contains("hint: name a --secret-file"), "{run:?}");
    assert_eq!(bench.requests(), before, "nothing was contacted");
}

#[test]
fn a_token_can_go_into_a_file_and_nowhere_else() {
    let bench = Bench::new();
    for (name, format) in [("a", "text"), ("b", "json")] {
        let file = bench.path(name);
        let run = bench.run(&format!(
            "-vv token create etl_prod --name {name} --secret-file {file} --output {format}"
        ));
        assert!(run.text().contains(&file), "{run:?}");
        let token = std::fs::read_to_string(&file).unwrap();
        assert!(is_accepted(&bench, &token));
        assert!(!run.stdout.contains(&token) && !run.stderr.contains(&token), "{name}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_exists_is_not_overwritten_and_no_token_is_created() {
    let bench = Bench::new();
    let file = bench.path("a");
    std::fs::write(&file, "precious").unwrap();
    let before = bench.requests();
    let run = bench.run(&format!("token create etl_prod --name n --secret-file {file}"));
    assert!(run.refusal(2).contains("hint: name a file that does not exist"), "{run:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(bench.requests(), before, "nothing was contacted");
}

#[test]
fn a_token_that_cannot_be_written_out_is_revoked_again() {
    let bench = Bench::new();
    let run = bench.shell("$PINTAIL token create etl_prod --name n --output json >/dev/full");
    assert!(run.refusal(1).contains("was revoked again"), "{run:?}");
    assert!(bench.tokens().is_empty());
    assert_eq!(bench.events("token_revoked").len(), 1);
}

#[test]
fn a_token_that_does_not_fit_into_its_file_is_revoked_again() {
    let bench = Bench::new();
    let script =
        "trap '' XFSZ; ulimit -f 0; $PINTAIL token create etl_prod --name n --secret-file f";
    let run = bench.shell(script);
    assert!(run.refusal(1).contains("was revoked again"), "{run:?}");
    assert!(bench.tokens().is_empty());
    assert!(!std::path::Path::new(&bench.path("f")).exists());
}

#[test]
fn a_token_that_could_neither_be_written_nor_revoked_is_named() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "token_revoke", "how": "fail", "status": 500 }));
    let run = bench.shell("$PINTAIL token create etl_prod --name n --output json >/dev/full");
    let id = &bench.tokens()[0];
    let hint = format!("hint: revoke it: pintail token revoke etl_prod {id}");
    assert!(run.refusal(1).contains(&hint), "{run:?}");
}

#[test]
fn after_a_lost_reply_the_operator_is_told_which_token_to_revoke() {
    let bench = Bench::with(&["--accounts=etl_prod", "--duplicate-names"]);
    let other = bench.token("n");
    bench.plan(&json!({ "operation": "token_create", "how": "lose_reply" }));
    let run = bench.run("token create etl_prod --name n --output json");
    let tokens = bench.tokens();
    let new = tokens.iter().find(|id| **id != other).unwrap();
    assert!(run.refusal(1).contains(&format!("pintail token revoke etl_prod {new}")), "{run:?}");
    assert!(!run.stderr.contains(&other), "a token of the same name that was there before");
    assert_eq!(tokens.len(), 2, "nothing is revoked by its name");
}

#[test]
fn a_lost_token_that_is_not_listed_yet_is_to_be_looked_for_later() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "token_create", "how": "late", "delay": "1h" }));
    let file = bench.path("f");
    let run = bench.run(&format!("token create etl_prod --name n --secret-file {file}"));
    assert!(run.refusal(1).contains("Look again with `pintail token list etl_prod`"), "{run:?}");
    assert!(!std::path::Path::new(&file).exists(), "no file stays behind without its token");
}

#[test]
fn a_creation_does_not_begin_where_the_list_cannot_be_had() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "token_list", "how": "not_found_text" }));
    let run = bench.run("token create etl_prod --name n --output json");
    assert!(run.refusal(1).contains("cannot list the tokens"), "{run:?}");
    assert!(bench.events("token_created").is_empty());
}

#[test]
fn a_secret_that_is_on_its_way_is_waited_for_when_the_program_is_told_to_stop() {
    let bench = Bench::with(&["--accounts=etl_prod", "--latency=700ms"]);
    let mut command = bench.command("token create etl_prod --name n --output json");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let asked = || {
        let (_, counts) = bench.ask("GET", "/_sandbox/requests", &Value::Null);
        counts["by_operation"]["token_create"] == 1
    };
    while !asked() {
        std::thread::yield_now();
    }
    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(told.success());
    let run = Run::of(child.wait_with_output().unwrap());
    assert!(is_accepted(&bench, run.json()["token"].as_str().unwrap()));
}

#[test]
fn motherducks_own_issues_are_passed_on() {
    let bench = Bench::with(&["--accounts=etl_prod", "--lite-plan"]);
    let run = bench.run("token create etl_prod --name n --type read_scaling --output json");
    let words = "403 FORBIDDEN: read scaling requires the Business plan";
    assert!(run.refusal(1).contains(words), "{run:?}");
    let run = bench.run("token list nobody_here");
    assert!(run.refusal(1).contains("404 NOT_FOUND"), "{run:?}");
}

#[test]
fn names_and_lifetimes_that_would_be_refused_are_usage_errors() {
    let bench = Bench::new();
    let before = bench.requests();
    for rest in ["--name pintail/prod/etl/x", "--name n --ttl 4m", "--name n --ttl 366d", ""] {
        let run = bench.run(format!("token create etl_prod --output json {rest}").trim());
        assert_eq!(run.code, 2, "{run:?}");
    }
    assert_eq!(bench.requests(), before, "nothing was contacted");
}

#[test]
fn a_list_shows_who_manages_a_token_and_obeys_no_name() {
    let bench = Bench::new();
    bench.token("pintail/test/etl/0190163d-8694-739b-aea5-966c26f8ad91");
    bench.token("evil\u{1b}[2J\nname");
    let listed = bench.json("token list etl_prod");
    assert_eq!(listed["tokens"][0]["managed"], true);
    assert_eq!(listed["tokens"][1]["managed"], false);
    let run = bench.run("token list etl_prod");
    assert_eq!(run.text().lines().count(), 3, "{run:?}");
    assert!(!run.stdout.contains('\u{1b}') && run.stdout.contains("never"), "{run:?}");
}

#[test]
fn a_token_that_never_expires_and_a_name_that_is_taken_are_pointed_out() {
    let bench = Bench::with(&["--accounts=etl_prod", "--duplicate-names"]);
    bench.token("n");
    let run = bench.run("token create etl_prod --name n --output json");
    assert_eq!(run.json()["expires_at"], Value::Null);
    assert!(run.stderr.contains("never expires") && run.stderr.contains("already"), "{run:?}");
}

#[test]
fn where_names_are_unique_one_that_is_taken_is_refused_and_nothing_is_said_to_be_lost() {
    let bench = Bench::new();
    bench.token("n");
    let run = bench.run("token create etl_prod --name n --output json");
    let refusal = run.refusal(1);
    assert!(refusal.contains("409") && refusal.contains("choose another name"), "{run:?}");
    assert!(!refusal.contains("may have been created"), "{run:?}");
    assert_eq!(bench.json("token list etl_prod")["tokens"].as_array().unwrap().len(), 1);
}
