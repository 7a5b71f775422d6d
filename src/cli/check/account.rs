//! Whether declared accounts are as declared.

use futures::StreamExt;

use super::finding::Finding;
use crate::account::{Sight, see};
use crate::engine::Engine;
use crate::names::AccountName;

/// Whether an absent account would be made.
pub(super) fn ensured(outside: &Engine, username: &AccountName) -> bool {
    let declared = outside.config.accounts.get(&username.folded());
    declared.is_some_and(|account| account.ensure)
}

/// Whether the Ducklings of the accounts are as declared.
pub(super) async fn drifts(outside: &Engine) -> Vec<Finding> {
    let declared = outside.config.accounts.values().filter(|one| !one.ducklings.is_empty());
    let found: Vec<_> = futures::stream::iter(declared)
        .map(|declared| async move {
            let subject = format!("account {}", declared.username);
            match see(&outside.motherduck, declared).await {
                Ok(Sight::Absent) => None,
                Ok(Sight::Sound) => Some(Finding::ok(&subject, "its Ducklings are as declared")),
                Ok(Sight::Drifted(drift)) => Some(Finding::warning(
                    &subject,
                    format!("its Ducklings are not as declared: {drift}"),
                    Some("the next rotation, or look of the daemon, sets them".to_owned()),
                )),
                Err(fault) => Some(Finding::fault(&subject, fault)),
            }
        })
        .buffered(outside.config.daemon.concurrency)
        .collect()
        .await;
    found.into_iter().flatten().collect()
}
