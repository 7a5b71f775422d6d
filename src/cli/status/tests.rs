//! Statuses over a sandbox and files.

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::*;
use crate::cli::selection::configured;
use crate::rotation::adopt::TakeOver;

async fn surveyed(bench: &Bench, names: &[&str]) -> Statuses {
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let names = configured(&bench.config, &names).unwrap();
    survey(&bench.engine().await, &names).await
}

#[tokio::test]
async fn what_was_just_rotated_is_fresh_and_what_serves_nothing_is_due() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let (text, json) = both(&surveyed(&bench, &[]).await);
    let [etl, reader] = json["credentials"].as_array().unwrap().as_slice() else {
        panic!("{json}")
    };
    assert_eq!((&etl["state"], &reader["state"]), (&"fresh".into(), &"due".into()));
    assert_eq!(reader["reason"], "NothingServed");
    assert_eq!(etl["token_id"], served.to_string());
    assert_eq!(etl["path"], "motherduck/etl");
    assert!(etl["age_seconds"].as_i64().unwrap() < 600, "{json}");
    assert!(etl["next_rotation"].is_string() && etl["expires_at"].is_string());
    assert_eq!((&etl["orphans"], &etl["unmanaged_tokens"]), (&[0; 0].into(), &[0; 0].into()));
    assert!(etl["error"].is_null());
    assert!(text.lines().any(|line| line.starts_with("etl ") && line.contains("fresh")), "{text}");
    assert_keeps(&text, &bench.served("etl"));
    assert_keeps(&json.to_string(), &bench.served("etl"));
}

#[tokio::test]
async fn orphans_and_unmanaged_tokens_are_told_apart() {
    let bench = Bench::new(TWO).await;
    bench.rotate("etl").await;
    bench.rotate("reader").await;
    let name = |owner, credential| {
        format!("pintail/{owner}/{credential}/0190163d-8694-739b-aea5-966c26f8ad91")
    };
    let orphan = bench.made_by_hand("etl_prod", &name("prod", "etl")).await.id;
    let removed = bench.made_by_hand("etl_prod", &name("prod", "removed")).await.id;
    bench.made_by_hand("etl_prod", &name("staging", "etl")).await;
    let hand = bench.made_by_hand("etl_prod", "by \u{1b}[2J hand").await.id;
    let (text, json) = both(&surveyed(&bench, &["etl"]).await);
    let etl = &json["credentials"][0];
    assert_eq!(etl["orphans"], serde_json::json!([orphan]));
    let mut strays: Vec<_> =
        etl["unmanaged_tokens"].as_array().unwrap().iter().map(|token| &token["id"]).collect();
    strays.sort_by_key(ToString::to_string);
    let mut expected = [serde_json::json!(removed), serde_json::json!(hand)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(strays, expected.iter().collect::<Vec<_>>());
    assert!(text.contains(&hand.to_string()) && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_token_that_another_credential_adopted_is_not_unmanaged() {
    let bench = Bench::new(TWO).await;
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("reader", &hand.token);
    let name = "reader".parse().unwrap();
    let request =
        super::super::adopt::AdoptRequest { line: None, name, token_id: hand.id, accepted: None };
    let engine = bench.engine().await;
    super::super::adopt::take_in(&engine, &request, TakeOver::No).await.unwrap();
    let (_, json) = both(&surveyed(&bench, &["etl"]).await);
    assert_eq!(json["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(json["credentials"][0]["unmanaged_tokens"], serde_json::json!([]));
}

#[tokio::test]
async fn each_kind_of_trouble_has_its_word_and_its_way_out() {
    let bench = Bench::new(TWO).await;
    let word = |json: &serde_json::Value| {
        let one = &json["credentials"][0];
        format!("{} {}", one["state"].as_str().unwrap(), one["reason"].as_str().unwrap())
    };
    let state = async |bench: &Bench| word(&both(&surveyed(bench, &["etl"]).await).1);
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("etl", &hand.token);
    assert_eq!(state(&bench).await, "blocked NotManaged");
    let served = bench.rotate("reader").await.token_id.unwrap();
    bench.put("reader", &hand.token);
    let statuses = surveyed(&bench, &["reader"]).await;
    let mut told = Vec::new();
    statuses.complain(&mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    assert_eq!(word(&both(&statuses).1), "blocked EditedByHand");
    assert!(told.contains("pintail adopt reader"), "{told}");
    assert_keeps(&told, &hand.token);

    let other = Bench::new(TWO).await;
    let lost = other.rotate("etl").await.token_id.unwrap();
    other.revoke("etl_prod", lost).await;
    assert_eq!(state(&other).await, "due TokenMissing");
    let foreign = Engine::open(other.of_owner("staging", TWO)).await.unwrap();
    let names = ["etl".parse().unwrap()];
    assert_eq!(word(&both(&survey(&foreign, &names).await).1), "blocked OwnedByAnother");
    assert_ne!(served, lost);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_told_and_the_others_are_shown() {
    let bench = Bench::new(TWO).await;
    bench.rotate("reader").await;
    std::fs::create_dir_all(bench.path("secrets/motherduck/etl")).unwrap();
    std::os::unix::fs::symlink("/elsewhere", bench.path("secrets/motherduck/etl/token")).unwrap();
    let statuses = surveyed(&bench, &[]).await;
    let (_, json) = both(&statuses);
    let unseen = &json["credentials"][0];
    assert_eq!(
        (&unseen["state"], &unseen["reason"]),
        (&"unknown".into(), &"StoreUnreachable".into())
    );
    assert!(json["credentials"][0]["error"].is_string());
    assert_eq!(json["credentials"][1]["state"], "fresh");
}
