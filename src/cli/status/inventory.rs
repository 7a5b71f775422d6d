//! Whose each listed token is: told by the records of all credentials of an account, and by the tokens' names.

use std::collections::{BTreeMap, BTreeSet};

use super::super::look::{Found, Look, account_key};
use crate::config::Config;
use crate::names::{AccountName, TokenId, TokenName};
use crate::rotation::world::ListedToken;

/// The tokens that the records of each account's credentials serve or list as predecessors.
pub(super) struct Inventory(BTreeMap<String, BTreeSet<TokenId>>);

impl Inventory {
    pub(super) fn new(config: &Config, looks: &[Look<'_>]) -> Self {
        let mut recorded: BTreeMap<String, BTreeSet<TokenId>> = BTreeMap::new();
        let ours = looks.iter().filter_map(|look| {
            let record = look.found.as_ref().ok().and_then(Found::record)?;
            (record.owner == config.owner).then_some((look, record))
        });
        for (look, record) in ours {
            let account = recorded.entry(account_key(&look.credential.username)).or_default();
            account.insert(record.token_id);
            account.extend(&record.previous_token_ids);
        }
        Self(recorded)
    }

    /// Whether nobody manages `token`: no record knows it, and its name is neither another deployment's nor that of a
    /// credential of this configuration. A credential that was taken out of the configuration manages nothing.
    pub(super) fn is_unmanaged(
        &self,
        config: &Config,
        account: &AccountName,
        token: &ListedToken,
    ) -> bool {
        let is_recorded =
            self.0.get(&account_key(account)).is_some_and(|ids| ids.contains(&token.id));
        let is_named = token.name.as_deref().and_then(TokenName::parse).is_some_and(|name| {
            name.owner != config.owner || config.credentials.contains_key(&name.credential)
        });
        !is_recorded && !is_named
    }
}
