//! What would be done to a declared account before its credential's own step.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;

use super::super::look::Look;
use crate::account::{Difference, Sight, see};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::names::AccountName;

/// What was seen of the declared accounts, by their folded usernames.
pub(super) type Accounts = BTreeMap<String, (AccountName, Result<Sight, Fault>)>;

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
pub(super) async fn accounts(outside: &Engine, looks: &mut [Look<'_>]) -> Accounts {
    let declared: BTreeMap<_, _> = looks
        .iter()
        .filter_map(|look| {
            let folded = look.credential.username.folded();
            let declared = outside.config.accounts.get(&folded)?;
            Some((folded, declared))
        })
        .collect();
    let seen: Accounts = futures::stream::iter(declared)
        .map(|(folded, declared)| async move {
            let sight = see(&outside.motherduck, declared).await;
            (folded, (declared.username.clone(), sight))
        })
        .buffered(outside.config.daemon.concurrency)
        .collect()
        .await;
    for look in looks {
        let folded = look.credential.username.folded();
        let ensured = outside.config.accounts.get(&folded).is_some_and(|account| account.ensure);
        if let (true, Some((_, Ok(Sight::Absent)))) = (ensured, seen.get(&folded)) {
            look.listing = look.listing.take().map(|_| Ok(Arc::from([])));
        }
    }
    seen
}

impl AccountPlan {
    /// What would be done, if anything. `None` where the account is as declared, or nobody may make it.
    pub(super) fn new(username: &AccountName, sight: &Sight, ensure: bool) -> Option<Self> {
        let (action, ducklings) = match sight {
            Sight::Absent if ensure => (Action::Create, vec![]),
            Sight::Absent | Sight::Sound => return None,
            Sight::Drifted(drift) => (Action::SetDucklings, drift.differences.clone()),
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
