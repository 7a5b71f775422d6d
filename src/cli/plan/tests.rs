//! Plans over a sandbox and files.

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::*;
use crate::cli::selection::configured;

async fn drawn_up(bench: &Bench, trigger: Request) -> Plans {
    let names = configured(&bench.config, &[]).unwrap();
    draw_up(&bench.engine().await, &names, |_| trigger).await
}

#[tokio::test]
async fn a_plan_says_what_would_be_done_and_changes_nothing() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let (text, json) = both(&drawn_up(&bench, Request::SCHEDULE).await);
    let [etl, reader] = json["credentials"].as_array().unwrap().as_slice() else {
        panic!("{json}")
    };
    assert_eq!(etl["decision"], "rest");
    assert_eq!(reader["decision"], "replace");
    assert_eq!(reader["reason"], "nothing is served yet");
    assert_eq!(etl["next_runs"].as_array().unwrap().len(), 3);
    assert!(etl["renew_at"].is_string() && reader["renew_at"].is_null());
    assert!(text.contains("etl: nothing\n") && text.contains("not due before"), "{text}");
    assert!(text.contains("reader: create and publish its first token"), "{text}");
    assert_keeps(&text, &bench.served("etl"));
    assert_eq!(bench.listed("etl_prod").await, [served]);
    assert!(!bench.path("secrets/motherduck/reader").exists());
}

#[tokio::test]
async fn a_forced_plan_names_what_would_be_revoked() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let (text, json) = both(&drawn_up(&bench, Request::ROTATION).await);
    assert_eq!(json["credentials"][0]["decision"], "replace");
    assert_eq!(json["credentials"][0]["revokes"][0], served.to_string());
    assert!(text.contains(&format!("revokes  {served}")), "{text}");
}

#[tokio::test]
async fn a_token_that_a_person_put_there_is_refused_with_the_way_out() {
    let bench = Bench::new(TWO).await;
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("etl", &hand.token);
    let (text, json) = both(&drawn_up(&bench, Request::SCHEDULE).await);
    assert_eq!(json["credentials"][0]["decision"], "refuse");
    assert!(text.contains("pintail adopt etl"), "{text}");
    assert_keeps(&text, &hand.token);
}

#[tokio::test]
async fn a_credential_that_cannot_be_seen_does_not_hide_the_others() {
    let credentials =
        "[credentials.etl]\nusername = \"etl_prod\"\n[credentials.gone]\nusername = \"no_such\"\n";
    let bench = Bench::new(credentials).await;
    let (text, json) = both(&drawn_up(&bench, Request::SCHEDULE).await);
    assert_eq!(json["credentials"][0]["decision"], "replace");
    assert!(json["credentials"][1]["decision"].is_null());
    assert!(json["credentials"][1]["error"].as_str().unwrap().contains("no_such"), "{json}");
    assert!(text.contains("gone: not known"), "{text}");
}

#[tokio::test]
async fn runs_are_shown_in_the_schedules_own_time_zone_too() {
    let bench = Bench::new(
        "[credentials.etl]\nusername = \"etl_prod\"\nschedule = \"0 3 * * SUN\"\ntimezone = \"Europe/Paris\"\n",
    )
    .await;
    let (text, json) = both(&drawn_up(&bench, Request::SCHEDULE).await);
    assert!(text.contains("03:00:00 Europe/Paris)"), "{text}");
    assert!(
        json["credentials"][0]["next_runs"][0].as_str().unwrap().ends_with(":00:00Z"),
        "{json}"
    );
}

#[tokio::test]
async fn an_account_that_several_credentials_share_is_listed_once() {
    let bench = Bench::new(TWO).await;
    let engine = bench.engine().await;
    let names = configured(&bench.config, &[]).unwrap();
    draw_up(&engine, &names, |_| Request::SCHEDULE).await;
    assert_eq!(engine.motherduck.requests_sent(), 1);
}
