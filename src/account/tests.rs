//! Keepers over a sandbox.

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
    assert_eq!(see(&client, &declared("new_prod", "mega")).await, Ok(Sight::Absent));
    assert_eq!(see(&client, &declared("etl_prod", "pulse")).await, Ok(Sight::Sound));
    for _ in 0..2 {
        let seen = see(&client, &declared("etl_prod", "mega")).await;
        assert!(matches!(&seen, Ok(Sight::Drifted(drift)) if drift.differences.len() == 1));
    }
    let new = "new_prod".parse().unwrap();
    assert_eq!(client.find_account(&new).await.unwrap(), Existence::Absent);
}

#[tokio::test]
async fn several_pintails_that_make_one_account_at_once_all_succeed() {
    let (_sandbox, client) = start().await;
    let declared = declared("new_prod", "mega");
    let keeper = || AccountReconciler::new(client.clone(), &declared, Duration::ZERO);
    let keepers = [keeper(), keeper(), keeper()];
    let ledger = Ledger::none();
    let made = futures::future::join_all(keepers.iter().map(|one| one.make(&ledger))).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert_eq!(see(&client, &declared).await, Ok(Sight::Sound));
}

#[tokio::test]
async fn ducklings_are_compared_once_in_the_pace() {
    let (_sandbox, client) = start().await;
    let declared = declared("etl_prod", "mega");
    let keeper = AccountReconciler::new(client.clone(), &declared, Duration::from_mins(5));
    keeper.tend(&Ledger::none()).await;
    assert_eq!(see(&client, &declared).await, Ok(Sight::Sound));
    let sent = client.requests_sent();
    keeper.tend(&Ledger::none()).await;
    assert_eq!(client.requests_sent(), sent);
}

#[tokio::test]
async fn a_keeper_of_nothing_but_the_account_asks_nothing() {
    let (_sandbox, client) = start().await;
    let ducklings = DeclaredDucklings::default();
    let declared = DeclaredAccount { ducklings, ..declared("etl_prod", "mega") };
    AccountReconciler::new(client.clone(), &declared, Duration::ZERO).tend(&Ledger::none()).await;
    assert_eq!(client.requests_sent(), 0);
}
