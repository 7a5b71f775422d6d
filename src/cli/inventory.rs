//! Whose each listed token is, by the records of all credentials of an account; shared by `status` and `audit`.

use std::collections::BTreeMap;

use super::look::{Found, Look};
use crate::config::Config;
use crate::engine::subject;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::rotation::decide::unrecorded;
use crate::rotation::evidence::Evidence;
use crate::rotation::ownership::{Ownership, Recorded, kinship};
use crate::rotation::world::ListedToken;

/// The tokens that the records of each account's credentials serve or list as predecessors.
pub(super) struct Inventory(BTreeMap<String, BTreeMap<TokenId, (Recorded, CredentialName)>>);

impl Inventory {
    pub(super) fn new(config: &Config, looks: &[Look<'_>]) -> Self {
        let mut accounts: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        for look in looks {
            let Some(listing) = look.listed() else { continue };
            let record = look.found.as_ref().ok().and_then(Found::record);
            let subject = subject(config, look.credential);
            let nothing = Evidence::default();
            let name = &look.credential.name;
            let account = accounts.entry(look.credential.username.folded()).or_default();
            if look.found.is_ok() {
                let found = unrecorded(&subject, listing, record, &nothing, look.time);
                account.extend(
                    found.elsewhere.into_iter().map(|id| (id, (Recorded::Elsewhere, name.clone()))),
                );
            }
        }
        let ours = looks.iter().filter_map(|look| {
            let record = look.found.as_ref().ok().and_then(Found::record)?;
            (record.owner == config.owner).then_some((look, record))
        });
        for (look, record) in ours {
            let name = &look.credential.name;
            let account = accounts.entry(look.credential.username.folded()).or_default();
            for id in &record.elsewhere_token_ids {
                account.entry(*id).or_insert_with(|| (Recorded::Elsewhere, name.clone()));
            }
            for id in &record.previous_token_ids {
                account.insert(*id, (Recorded::Predecessor, name.clone()));
            }
            // Served weighs more, should another record have it as a predecessor.
            account.insert(record.token_id, (Recorded::Served, name.clone()));
        }
        Self(accounts)
    }

    /// The credential whose record knows the token.
    pub(super) fn holder(&self, account: &AccountName, id: TokenId) -> Option<&CredentialName> {
        self.recorded(account, id).map(|(_, name)| name)
    }

    /// Whose `token` is, which `account` lists.
    pub(super) fn kinship(
        &self,
        config: &Config,
        account: &AccountName,
        token: &ListedToken,
    ) -> Ownership {
        let recorded = self.recorded(account, token.id).map(|(recorded, _)| *recorded);
        kinship(&config.owner, token, recorded, |name| {
            config
                .credentials
                .get(name)
                .is_some_and(|credential| credential.username.folded() == account.folded())
        })
    }

    fn recorded(&self, account: &AccountName, id: TokenId) -> Option<&(Recorded, CredentialName)> {
        self.0.get(&account.folded())?.get(&id)
    }
}
