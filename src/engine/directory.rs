//! The accounts that there are: those that are configured, and those that MotherDuck lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Config;
use crate::fault::Fault;
use crate::motherduck::Client;

/// Knows the accounts by name.
#[derive(Clone)]
pub(super) struct Directory {
    /// In lower case.
    configured: Arc<BTreeSet<String>>,
    motherduck: Arc<Client>,
}

impl Directory {
    pub(super) fn new(config: &Config, motherduck: Arc<Client>) -> Self {
        let credentials = config.credentials.values().map(|one| one.username.canonical());
        let configured = credentials.chain(config.accounts.keys().cloned()).collect();
        Self { configured: Arc::new(configured), motherduck }
    }

    /// Whether there is an account of that name, or a person's. Where MotherDuck has no list of users, those that are
    /// active are known: whoever was connected to a moment ago is.
    pub(super) async fn knows(&self, name: &str) -> Result<bool, Fault> {
        let is_meant = |other: &str| other.eq_ignore_ascii_case(name);
        if self.configured.contains(&name.to_ascii_lowercase()) {
            return Ok(true);
        }
        let listed = match self.motherduck.list_users().await {
            Ok(users) => Ok(users.iter().any(|user| is_meant(&user.username))),
            Err(error) if error.has_no_user_list() => {
                let active = self.motherduck.active_accounts().await;
                active.map(|active| active.iter().any(|account| is_meant(&account.username)))
            }
            Err(error) => Err(error),
        };
        Ok(listed?)
    }
}
