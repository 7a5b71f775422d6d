//! `pintail dive embed-session`: the session is a secret like a token's text.

use serde_json::json;

use super::bench::Bench;

const DIVE: &str = "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01";

fn line() -> String {
    format!("dive embed-session {DIVE} --username etl_prod")
}

#[test]
fn a_session_is_shown_as_json_or_on_a_terminal_or_goes_into_a_file() {
    let bench = Bench::new();
    let opened = bench.json(&format!("{} --session-name page", line()));
    assert_eq!((&opened["dive_id"], &opened["session_name"]), (&json!(DIVE), &json!("page")));
    assert!(opened["session"].as_str().unwrap().len() > 20);

    let run = bench.type_into(&line(), "");
    assert!(run.text().contains("for 24 hours, shown this once:"), "{run:?}");

    let file = bench.path("session");
    let run = bench.run(&format!("-vv {} --secret-file {file}", line()));
    let session = std::fs::read_to_string(&file).unwrap();
    assert!(session.len() > 20 && run.text().contains(&file));
    assert!(!run.stdout.contains(&session) && !run.stderr.contains(&session));
    assert_eq!(bench.events("session_opened").len(), 3);
}

#[test]
fn into_a_pipe_no_session_is_written_nor_even_opened() {
    let bench = Bench::new();
    assert!(bench.run(&line()).refusal(2).contains("hint: name a --secret-file"));
    assert!(bench.events("session_opened").is_empty());
}

#[test]
fn what_motherduck_refuses_is_told_in_its_words() {
    let bench = Bench::with(&["--accounts=etl_prod", "--lite-plan"]);
    let json = |line: &str| bench.run(&format!("{line} --output json"));
    let run = json(&line());
    assert!(run.refusal(1).contains("embedded dives require the Business plan"), "{run:?}");
    bench.ask("POST", "/_sandbox/faults", &json!({ "lite_plan": false }));
    let run = json(&format!("dive embed-session {DIVE} --username sandbox_member"));
    assert!(run.refusal(1).contains("an embed session needs a service account"), "{run:?}");
    let run = json("dive embed-session not/a/dive --username etl_prod");
    assert!(run.refusal(1).contains("404 NOT_FOUND"), "{run:?}");
    assert_eq!(json("dive embed-session .. --username etl_prod").code, 2);
}

#[test]
fn a_session_that_was_lost_is_not_asked_for_twice() {
    let bench = Bench::new();
    bench.plan(&json!({ "operation": "dive_embed_session", "how": "lose_reply" }));
    let run = bench.run(&format!("{} --output json", line()));
    assert!(run.refusal(1).contains("hint: run it again"), "{run:?}");
    assert_eq!(bench.events("session_opened").len(), 1);
}
