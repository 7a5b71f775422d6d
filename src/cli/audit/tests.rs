//! Audits over a sandbox and files.

use serde_json::{Value, json};

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::*;

const ALL: &str = "[credentials.etl]\nusername = \"etl_prod\"\n[credentials.reader]\nusername = \"etl_prod\"\n\
                   [credentials.other]\nusername = \"other_prod\"\n";

fn kinds(report: &Value) -> Vec<(String, String)> {
    let accounts = report["accounts"].as_array().unwrap();
    let tokens = accounts.iter().flat_map(|account| account["tokens"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut kinds: Vec<_> =
        tokens.map(|token| (text(&token["kind"]), text(&token["id"]))).collect();
    kinds.sort();
    kinds
}

/// An audit of what `allow` leaves.
async fn audited(bench: &Bench, allow: &[FindingKind]) -> Report {
    let arguments = Audit { allow: allow.to_vec(), ..Audit::default() };
    let names: Vec<_> = bench.config.credentials.keys().cloned().collect();
    survey(&bench.engine().await, &names, &arguments).await
}

#[tokio::test]
async fn a_fleet_at_rest_has_nothing_to_remark() {
    let bench = Bench::new(ALL).await;
    for name in ["etl", "reader", "other"] {
        bench.rotate(name).await;
    }
    let before = bench.listed("etl_prod").await;
    let report = audited(&bench, &[]).await;
    let (text, json) = both(&report);
    assert_eq!(report.code(), ExitCode::Settled, "{text}");
    assert_eq!((&json["findings"], &json["errors"]), (&json!([]), &json!([])));
    assert_eq!(json["uncovered_accounts"], json!([]));
    assert_eq!(json["accounts_source"], "users");
    assert!(text.ends_with("2 accounts: 0 findings, 0 allowed, 0 errors\n"), "{text}");
    assert_eq!(bench.listed("etl_prod").await, before);
    assert_keeps(&text, &bench.served("etl"));
    assert_keeps(&json.to_string(), &bench.served("etl"));
}

#[tokio::test]
async fn every_token_is_told_by_whose_it_is_and_uncovered_accounts_are_named() {
    let bench = Bench::new(TWO).await;
    let served = [
        bench.rotate("etl").await.token_id.unwrap(),
        bench.rotate("reader").await.token_id.unwrap(),
    ];
    let name = |owner, credential| {
        format!("pintail/{owner}/{credential}/0190163d-8694-739b-aea5-966c26f8ad91")
    };
    let orphan = bench.made_by_hand("etl_prod", &name("prod", "etl")).await.id;
    let foreign = bench.made_by_hand("etl_prod", &name("staging", "etl")).await.id;
    let removed = bench.made_by_hand("etl_prod", &name("prod", "removed")).await.id;
    let hand = bench.made_by_hand("etl_prod", "by \u{1b}[2J hand").await.id;
    let report = audited(&bench, &[]).await;
    let (text, json) = both(&report);
    let mut expected = vec![
        ("foreign".to_owned(), foreign.to_string()),
        ("orphan".to_owned(), orphan.to_string()),
        ("unmanaged".to_owned(), removed.to_string()),
        ("unmanaged".to_owned(), hand.to_string()),
        ("served".to_owned(), served[0].to_string()),
        ("served".to_owned(), served[1].to_string()),
    ];
    expected.sort();
    assert_eq!(kinds(&json), expected);
    assert_eq!(json["uncovered_accounts"], json!(["other_prod"]));
    let mut found: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["finding"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    // The orphan is so young that a rotation may be at work.
    assert_eq!(found, ["foreign", "uncovered", "unmanaged", "unmanaged"]);
    assert_eq!(report.code(), ExitCode::Held);
    assert!(text.contains("account other_prod") && !text.contains('\u{1b}'), "{text}");

    let allowed = [FindingKind::Foreign, FindingKind::Uncovered, FindingKind::Unmanaged];
    let report = audited(&bench, &allowed).await;
    assert_eq!(report.findings.len(), 4);
    assert_eq!(report.code(), ExitCode::Settled);
    let report = audited(&bench, &allowed[1..]).await;
    assert_eq!(report.code(), ExitCode::Held);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_a_failure_and_no_token_is_called_a_stray_for_it() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    bench.rotate("reader").await;
    let token = bench.path("secrets/motherduck/etl/..data");
    std::fs::remove_file(&token).unwrap();
    std::os::unix::fs::symlink("/elsewhere", &token).unwrap();
    let report = audited(&bench, &[FindingKind::Uncovered]).await;
    let (text, json) = both(&report);
    assert_eq!(report.code(), ExitCode::Failed, "{text}");
    assert_eq!(json["errors"][0]["subject"], "etl");
    assert!(kinds(&json).contains(&("unknown".to_owned(), served.to_string())), "{json}");
}

#[tokio::test]
async fn a_credential_that_only_a_person_can_help_is_a_finding() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    bench.revoke("etl_prod", served).await;
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("reader", &hand.token);
    let report = audited(&bench, &[]).await;
    let stuck: Vec<_> = report
        .findings
        .iter()
        .filter(|found| found.kind == FindingKind::Stuck)
        .map(|found| (found.credential.as_ref().unwrap().as_str(), found.message.as_str()))
        .collect();
    assert_eq!(stuck.len(), 2, "{:?}", report.findings);
    assert_eq!(stuck[0], ("etl", "MotherDuck does not list the served token"));
    assert!(stuck[1].1.contains("did not put there"), "{stuck:?}");
    assert_eq!(report.code(), ExitCode::Held);
}
