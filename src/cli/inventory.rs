//! Whose each listed token is, by the records of all credentials of an account; shared by `status` and `audit`.

use std::collections::BTreeMap;

use super::observe::{Observed, ObservedSecret};
use crate::config::Config;
use crate::engine::subject;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::rotation::decide::unrecorded;
use crate::rotation::evidence::Evidence;
use crate::rotation::ownership::{Ownership, Recorded, ownership};
use crate::rotation::world::ListedToken;

/// The tokens that the records of each account's credentials serve or list as predecessors.
pub(super) struct Inventory(BTreeMap<String, BTreeMap<TokenId, (Recorded, CredentialName)>>);

impl Inventory {
    pub(super) fn new(config: &Config, observations: &[Observed<'_>]) -> Self {
        let mut accounts: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        for observed in observations {
            let Some(listing) = observed.listed() else { continue };
            let record = observed.secret.as_ref().ok().and_then(ObservedSecret::record);
            let subject = subject(config, observed.credential);
            let nothing = Evidence::default();
            let name = &observed.credential.name;
            let account = accounts.entry(observed.credential.username.canonical()).or_default();
            if observed.secret.is_ok() {
                let found = unrecorded(&subject, listing, record, &nothing, observed.time);
                account.extend(
                    found.elsewhere.into_iter().map(|id| (id, (Recorded::Elsewhere, name.clone()))),
                );
            }
        }
        let ours = observations.iter().filter_map(|observed| {
            let record = observed.secret.as_ref().ok().and_then(ObservedSecret::record)?;
            (record.owner == config.owner).then_some((observed, record))
        });
        for (observed, record) in ours {
            let name = &observed.credential.name;
            let account = accounts.entry(observed.credential.username.canonical()).or_default();
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
    pub(super) fn ownership(
        &self,
        config: &Config,
        account: &AccountName,
        token: &ListedToken,
    ) -> Ownership {
        let recorded = self.recorded(account, token.id).map(|(recorded, _)| *recorded);
        ownership(&config.owner, token, recorded, |name| {
            config
                .credentials
                .get(name)
                .is_some_and(|credential| credential.username.canonical() == account.canonical())
        })
    }

    fn recorded(&self, account: &AccountName, id: TokenId) -> Option<&(Recorded, CredentialName)> {
        self.0.get(&account.canonical())?.get(&id)
    }
}
