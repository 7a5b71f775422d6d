//! Whether declared accounts are as declared.

use futures::StreamExt;

use super::finding::Finding;
use crate::account::{AccountState, see};
use crate::engine::Engine;
use crate::names::AccountName;

/// Whether an absent account would be made.
pub(super) fn ensured(engine: &Engine, username: &AccountName) -> bool {
    let declared = engine.config.accounts.get(&username.canonical());
    declared.is_some_and(|account| account.ensure)
}

/// Whether the Ducklings of the accounts are as declared.
pub(super) async fn drifts(engine: &Engine) -> Vec<Finding> {
    let declared = engine.config.accounts.values().filter(|one| !one.ducklings.is_empty());
    let found: Vec<_> = futures::stream::iter(declared)
        .map(|declared| async move {
            let subject = format!("account {}", declared.username);
            match see(&engine.motherduck, declared).await {
                Ok(AccountState::Absent) => None,
                Ok(AccountState::Sound) => {
                    Some(Finding::ok(&subject, "its Ducklings are as declared"))
                }
                Ok(AccountState::Drifted(drift)) => Some(Finding::warning(
                    &subject,
                    format!("its Ducklings are not as declared: {drift}"),
                    Some("the next rotation, or look of the daemon, sets them".to_owned()),
                )),
                Err(fault) => Some(Finding::fault(&subject, fault)),
            }
        })
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    found.into_iter().flatten().collect()
}
