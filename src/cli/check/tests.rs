//! Checks over a sandbox and files.

use std::io::ErrorKind;

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::finding::Level;
use super::*;

async fn checked(bench: &Bench, depth: CheckDepth) -> (Findings, ExitCode) {
    examine(bench.config.clone(), &unnamed(), depth).await
}

/// A configuration that stands in no file.
fn unnamed() -> Files {
    Files::new(vec![], [])
}

fn finding<'a>(findings: &'a Findings, subject: &str) -> &'a Finding {
    findings.findings.iter().find(|finding| finding.subject == subject).unwrap_or_else(|| {
        panic!("nothing about {subject} in {}", both(findings).0);
    })
}

async fn requests(bench: &Bench) -> usize {
    let url = format!("{}/_sandbox/events", bench.sandbox.ready().api_url);
    let client = crate::tls::http_client(
        crate::tls::Roots::Only(&bench.sandbox.ready().ca_file),
        None,
        std::time::Duration::from_secs(10),
    );
    let text = client.unwrap().get(url).send().await.unwrap().text().await.unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["events"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_sound_deployment_has_no_error_and_nothing_is_changed() {
    let bench = Bench::new(TWO).await;
    let served = bench.rotate("etl").await.token_id.unwrap();
    let (findings, code) = checked(&bench, CheckDepth::Everything).await;
    let (text, json) = both(&findings);
    assert_eq!(code, ExitCode::Settled, "{text}");
    assert!(text.ends_with("0 errors, 0 warnings\n"), "{text}");
    assert_eq!(json["findings"][0]["level"], "ok");
    for subject in ["etl", "reader", "motherduck.postgres", "account etl_prod"] {
        assert_eq!(finding(&findings, subject).level, Level::Ok, "{subject}");
    }
    assert_keeps(&text, &bench.served("etl"));
    assert_eq!(bench.listed("etl_prod").await, [served]);
    let reader = std::fs::metadata(bench.path("secrets/motherduck/reader"));
    assert_eq!(reader.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_offline_check_contacts_nobody_and_finds_a_missing_program() {
    let credentials = "[credentials.etl]\nusername = \"etl_prod\"\n\
                       verify.command = { command = [\"/no/such/program\"] }\n";
    let bench = Bench::new(credentials).await;
    let before = requests(&bench).await;
    for depth in [CheckDepth::ConfigurationAlone, CheckDepth::Everything] {
        let (findings, code) = checked(&bench, depth).await;
        assert_eq!(code, ExitCode::Usage);
        let program = finding(&findings, "etl: verify");
        assert_eq!(program.level, Level::Error);
        assert!(program.message.contains("/no/such/program"), "{}", program.message);
    }
    assert_eq!(requests(&bench).await, before);
}

#[tokio::test]
async fn an_admin_token_that_is_unusable_is_found_before_anybody_is_contacted() {
    let bench = Bench::new(TWO).await;
    let file = bench.sandbox.ready().admin_token_file.clone();
    for text in ["", "two\nlines\n"] {
        std::fs::write(&file, text).unwrap();
        let (findings, code) = checked(&bench, CheckDepth::Everything).await;
        assert_eq!(code, ExitCode::Usage);
        assert_eq!(finding(&findings, "motherduck.admin_token").level, Level::Error);
    }
}

#[tokio::test]
async fn a_refused_admin_token_and_one_of_no_admin_are_told_apart() {
    let bench = Bench::new(TWO).await;
    let file = bench.sandbox.ready().admin_token_file.clone();
    let member = bench.made_by_hand("etl_prod", "not an admin's").await;
    for (token, status) in [("unknown.to.all", "401"), ("", "403")] {
        match token {
            "" => member.token.lend(|text| std::fs::write(&file, text)).unwrap(),
            text => std::fs::write(&file, text).unwrap(),
        }
        let (findings, code) = checked(&bench, CheckDepth::Everything).await;
        assert_eq!(code, ExitCode::Failed);
        let admin = findings
            .findings
            .iter()
            .find(|f| f.level == Level::Error && f.subject == "motherduck.admin_token")
            .unwrap();
        assert!(admin.message.contains(status), "{}", admin.message);
        assert!(admin.hint.as_deref().unwrap().contains("Admin"), "{:?}", admin.hint);
    }
}

#[tokio::test]
async fn an_account_that_does_not_exist_and_a_hand_made_secret_are_errors() {
    let credentials =
        "[credentials.etl]\nusername = \"etl_prod\"\n[credentials.gone]\nusername = \"no_such\"\n";
    let bench = Bench::new(credentials).await;
    let hand = bench.made_by_hand("etl_prod", "made by hand").await;
    bench.put("etl", &hand.token);
    let (findings, code) = checked(&bench, CheckDepth::Everything).await;
    assert_eq!(code, ExitCode::Failed);
    let account = finding(&findings, "account no_such");
    assert_eq!(account.level, Level::Error);
    assert!(
        account.hint.as_deref().unwrap().contains("pintail account create no_such"),
        "{:?}",
        account.hint
    );
    assert!(finding(&findings, "etl").hint.as_deref().unwrap().contains("pintail adopt etl"));
    assert_keeps(&both(&findings).0, &hand.token);
}

#[tokio::test]
async fn a_postgres_certificate_that_is_not_believed_is_an_error() {
    let bench = Bench::new(TWO).await;
    let other = Bench::new(TWO).await;
    std::fs::copy(&other.sandbox.ready().ca_file, &bench.sandbox.ready().ca_file).unwrap();
    let (findings, code) = checked(&bench, CheckDepth::Everything).await;
    assert_eq!(code, ExitCode::Failed);
    let endpoint = findings
        .findings
        .iter()
        .find(|f| f.level == Level::Error && f.subject == "motherduck.postgres")
        .unwrap();
    assert!(endpoint.message.contains("not believed"), "{}", endpoint.message);
}

#[tokio::test]
async fn a_gate_that_does_not_answer_is_a_warning() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::new("[credentials.etl]\nusername = \"etl_prod\"\n").await;
    bench.rotate("etl").await;
    let gated = format!(
        "[credentials.etl]\nusername = \"etl_prod\"\ngate.http.url = \"http://{closed}/healthz\"\n"
    );
    let (findings, code) =
        examine(bench.of_owner("prod", &gated), &unnamed(), CheckDepth::Everything).await;
    assert_eq!(code, ExitCode::Settled, "{}", both(&findings).0);
    let gate = finding(&findings, "etl: gate");
    assert_eq!(gate.level, Level::Warning);
    assert!(gate.hint.as_deref().unwrap().contains("held"), "{:?}", gate.hint);
}
