//! Declared accounts over a sandbox.

use std::sync::Arc;
use std::time::Duration;

use super::settings::{DeclaredDucklings, DeclaredPool};
use super::*;
use crate::http::settings::Proxy;
use crate::motherduck::settings::{AdminToken, MotherDuck};
use crate::motherduck::{AdminSource, Existence};
use crate::sandbox::{self, Options, Sandbox};
use crate::secret::SecretSource;

async fn start() -> (Sandbox, Arc<Client>) {
    let accounts = vec!["etl_prod".parse().unwrap()];
    let sandbox = sandbox::start(Options { accounts, ..Options::default() }).await.unwrap();
    let source = SecretSource::File(sandbox.ready().admin_token_file.clone());
    let settings = MotherDuck {
        api_url: sandbox.ready().api_url.parse().unwrap(),
        admin_token: AdminToken::Secret(source.clone()),
        requests_per_second: 1000,
        ca_file: None,
        proxy: Proxy::None,
    };
    (sandbox, Arc::new(Client::new(&settings, AdminSource::Secret(source)).unwrap()))
}

fn declared(username: &str, size: &str) -> DeclaredAccount {
    let read_write = DeclaredPool { size: Some(size.to_owned()), cooldown_seconds: None };
    DeclaredAccount {
        username: username.parse().unwrap(),
        ensure: true,
        ducklings: DeclaredDucklings { read_write, ..DeclaredDucklings::default() },
    }
}

#[tokio::test]
async fn looking_tells_absent_from_drifted_from_sound_and_changes_nothing() {
    let (_sandbox, client) = start().await;
    assert_eq!(see(&client, &declared("new_prod", "mega")).await, Ok(AccountState::Absent));
    assert_eq!(see(&client, &declared("etl_prod", "pulse")).await, Ok(AccountState::Sound));
    for _ in 0..2 {
        let seen = see(&client, &declared("etl_prod", "mega")).await;
        assert!(matches!(&seen, Ok(AccountState::Drifted(drift)) if drift.differences.len() == 1));
    }
    let new = "new_prod".parse().unwrap();
    assert_eq!(client.find_account(&new).await.unwrap(), Existence::Absent);
}

#[tokio::test]
async fn several_pintails_that_make_one_account_at_once_all_succeed() {
    let (_sandbox, client) = start().await;
    let declared = declared("new_prod", "mega");
    let account = || AccountReconciler::new(client.clone(), &declared, Duration::ZERO);
    let accounts = [account(), account(), account()];
    let audit = AuditContext::none();
    let made = futures::future::join_all(accounts.iter().map(|one| one.make(&audit))).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(see(&client, &declared).await, Ok(AccountState::Sound));
}

#[tokio::test]
async fn ducklings_are_compared_once_in_the_pace() {
    let (_sandbox, client) = start().await;
    let declared = declared("etl_prod", "mega");
    let account = AccountReconciler::new(client.clone(), &declared, Duration::from_mins(5));
    account.tend(&AuditContext::none()).await;
    assert_eq!(see(&client, &declared).await, Ok(AccountState::Sound));
    let sent = client.requests_sent();
    account.tend(&AuditContext::none()).await;
    assert_eq!(client.requests_sent(), sent);
}

#[tokio::test]
async fn a_keeper_of_nothing_but_the_account_asks_nothing() {
    let (_sandbox, client) = start().await;
    let ducklings = DeclaredDucklings::default();
    let declared = DeclaredAccount { ducklings, ..declared("etl_prod", "mega") };
    AccountReconciler::new(client.clone(), &declared, Duration::ZERO)
        .tend(&AuditContext::none())
        .await;
    assert_eq!(client.requests_sent(), 0);
}
