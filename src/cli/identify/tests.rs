//! Tokens that are identified, over a sandbox and files.

use super::super::bench::{Bench, TWO, assert_keeps, both};
use super::*;

async fn identified(bench: &Bench, token: &Token) -> Identified {
    let identified = observe(&bench.engine().await, token).await;
    let (text, json) = both(&identified);
    assert_keeps(&text, token);
    assert_keeps(&json.to_string(), token);
    identified
}

#[tokio::test]
async fn a_served_token_is_told_with_its_account_its_credential_and_what_replaces_it() {
    let bench = Bench::new(TWO).await;
    let id = bench.rotate("etl").await.token_id.unwrap();
    let found = identified(&bench, &bench.served("etl")).await;
    assert_eq!((found.status, found.connection), (TokenStatus::Served, Connection::Works));
    assert_eq!(found.account.as_deref(), Some("etl_prod"));
    assert_eq!(found.credential.as_ref().map(CredentialName::as_str), Some("etl"));
    assert_eq!(found.token_id, Some(id));
    assert_eq!(found.replaced_by.as_deref(), Some("pintail rotate-now etl"));
    assert_eq!(found.code(), ExitCode::Settled);
    let (text, json) = both(&found);
    assert!(text.starts_with("it opens account \"etl_prod\"\ncredential etl serves it"), "{text}");
    assert_eq!((&json["status"], &json["connection"]), (&"served".into(), &"works".into()));
}

#[tokio::test]
async fn a_token_that_was_served_before_is_told_as_a_predecessor() {
    let bench = Bench::new(TWO).await;
    bench.rotate("etl").await;
    let old = bench.served("etl");
    bench.rotate("etl").await;
    let found = identified(&bench, &old).await;
    assert_eq!((found.status, found.connection), (TokenStatus::Predecessor, Connection::Refused));
    assert_eq!(found.replaced_by, None, "it is revoked");
}

#[tokio::test]
async fn a_hand_made_token_is_unmanaged_whether_or_not_a_secret_holds_it() {
    let bench = Bench::new(TWO).await;
    let made = bench.made_by_hand("etl_prod", "made by hand").await;
    let found = identified(&bench, &made.token).await;
    assert_eq!((found.status, &found.credential), (TokenStatus::Unmanaged, &None));
    assert_eq!(found.replaced_by.as_deref(), Some("pintail token list etl_prod"));
    assert!(!found.account_credentials.is_empty());
    bench.put("reader", &made.token);
    let found = identified(&bench, &made.token).await;
    assert_eq!(found.status, TokenStatus::Unmanaged);
    assert_eq!(found.replaced_by.as_deref(), Some("pintail adopt reader --token-id UUID"));
}

#[tokio::test]
async fn what_nobody_here_knows_is_unknown() {
    let bench = Bench::new(TWO).await;
    let found = identified(&bench, &Token::new("never.a.token").unwrap()).await;
    assert_eq!((found.status, found.connection), (TokenStatus::Unknown, Connection::Refused));
    assert_eq!((found.code(), found.replaced_by), (ExitCode::Settled, None));
}

#[tokio::test]
async fn unknown_is_not_the_last_word_where_a_secret_could_not_be_read() {
    let bench = Bench::new(TWO).await;
    std::fs::create_dir_all(bench.path("secrets/motherduck")).unwrap();
    std::os::unix::fs::symlink("/elsewhere", bench.path("secrets/motherduck/etl")).unwrap();
    let found = identified(&bench, &Token::new("never.a.token").unwrap()).await;
    assert_eq!(found.code(), ExitCode::Failed);
    assert_eq!(found.errors[0].subject, "etl");
}
