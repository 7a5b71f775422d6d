//! What would be done to a declared account before its credential's own step.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;

use super::super::observe::Observed;
use crate::account::{AccountState, Difference, see};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::names::AccountName;

/// What was seen of the declared accounts, by their canonical usernames.
pub(super) type Accounts = BTreeMap<String, (AccountName, Result<AccountState, Fault>)>;

/// What would be done to an account.
#[derive(Debug, Serialize)]
pub(super) struct AccountPlan {
    username: AccountName,
    action: Action,
    /// The values that are not as declared; unknown, and so empty, before the account exists.
    ducklings: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    SetDucklings,
}

/// Looks at the declared accounts of the credentials, each once. An account that would be made has no tokens yet.
pub(super) async fn accounts(engine: &Engine, observations: &mut [Observed<'_>]) -> Accounts {
    let declared: BTreeMap<_, _> = observations
        .iter()
        .filter_map(|observed| {
            let canonical = observed.credential.username.canonical();
            let declared = engine.config.accounts.get(&canonical)?;
            Some((canonical, declared))
        })
        .collect();
    let seen: Accounts = futures::stream::iter(declared)
        .map(|(canonical, declared)| async move {
            let state = see(&engine.motherduck, declared).await;
            (canonical, (declared.username.clone(), state))
        })
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    for observed in observations {
        let canonical = observed.credential.username.canonical();
        let ensured = engine.config.accounts.get(&canonical).is_some_and(|account| account.ensure);
        if let (true, Some((_, Ok(AccountState::Absent)))) = (ensured, seen.get(&canonical)) {
            observed.listing = observed.listing.take().map(|_| Ok(Arc::from([])));
        }
    }
    seen
}

impl AccountPlan {
    /// What would be done, if anything. `None` where the account is as declared, or nobody may make it.
    pub(super) fn new(username: &AccountName, state: &AccountState, ensure: bool) -> Option<Self> {
        let (action, ducklings) = match state {
            AccountState::Absent if ensure => (Action::Create, vec![]),
            AccountState::Absent | AccountState::Sound => return None,
            AccountState::Drifted(drift) => (Action::SetDucklings, drift.differences.clone()),
        };
        Some(Self { username: username.clone(), action, ducklings })
    }

    /// What would be done, a line for each thing.
    pub(super) fn lines(&self) -> Vec<String> {
        match self.action {
            Action::Create => vec![format!("would create account {}", self.username)],
            Action::SetDucklings => self
                .ducklings
                .iter()
                .map(|difference| format!("would set {}'s {difference}", self.username))
                .collect(),
        }
    }
}
