//! `[fleets.NAME]`: a rule that makes credentials, and the configuration with what the rules make of their accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::{fleet, path};
use super::raw::credential::Credential as Raw;
use super::{Config, Credential};
use crate::fleet::{Members, Rule};
use crate::kubernetes::settings::Cluster;
use crate::names::{AccountName, CredentialName, FleetName};

/// `[fleets.NAME]`, checked, the defaults filled in.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Which accounts it is for.
    pub rule: Rule,
    /// How the credentials look.
    pub(super) template: Arc<Template>,
}

impl Fleet {
    /// The store that its credentials are kept in.
    pub(super) fn store(&self) -> Option<&str> {
        self.template.keys.store.as_deref()
    }
}

/// What a rule makes credentials of.
#[derive(Debug)]
pub(super) struct Template {
    /// The credentials' names, with a placeholder.
    pub(super) name: String,
    /// The keys, the defaults filled in.
    pub(super) keys: Raw,
    /// The cluster that they refer to.
    pub(super) cluster: Cluster,
}

/// What a rule can make nothing of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The rule.
    pub fleet: FleetName,
    /// The account.
    pub account: AccountName,
    /// Why not.
    pub why: String,
}

impl Config {
    /// Whether there is any rule.
    pub fn has_fleets(&self) -> bool {
        !self.fleets.is_empty()
    }

    /// The table of `[credentials]` that is for `account`, if there is one.
    pub fn table_of(&self, account: &AccountName) -> Option<&CredentialName> {
        let is_meant = |one: &&Credential| {
            one.fleet.is_none() && one.username.as_str().eq_ignore_ascii_case(account.as_str())
        };
        self.credentials.values().find(is_meant).map(|credential| &credential.name)
    }

    /// The same configuration with the credentials that its rules make of `members` and then of `newcomers`, in place
    /// of those that they made before; and what they can make nothing of. What is written in tables is never touched by
    /// that, and no newcomer is in the way of a member.
    #[must_use]
    pub fn enlist(&self, members: &Members, newcomers: &Members) -> (Self, Vec<Unfit>) {
        let mut config = self.clone();
        config.credentials.retain(|_, credential| credential.fleet.is_none());
        config.accounts.clone_from(&self.declared_by_tables);
        let mut unfit = vec![];
        let mut seniors = BTreeSet::new();
        for accounts in [members, newcomers] {
            seniors.extend(config.credentials.keys().cloned());
            for (name, accounts) in accounts {
                let Some(rule) = self.fleets.get(name) else { continue };
                fleet::make(&mut config, rule, accounts, &mut unfit);
            }
        }
        let stores = config.stores.iter();
        let stores = stores.map(|(name, store)| (name.clone(), Some(store.clone()))).collect();
        // Of two that would be in one another's way the table stays, or else the one that comes first.
        let mut losers = path::losers(&stores, &config.credentials, &seniors);
        losers.extend(fleet::misfits(&config, &stores));
        for (name, why) in losers {
            let Some(credential) = config.credentials.remove(&name) else { continue };
            config.accounts.remove(&credential.username.folded());
            let Some(fleet) = credential.fleet else { continue };
            unfit.push(Unfit { fleet, account: credential.username, why });
        }
        (config, unfit)
    }

    /// How many credentials each rule has made.
    pub fn fleet_sizes(&self) -> BTreeMap<&FleetName, usize> {
        let mut sizes: BTreeMap<_, _> = self.fleets.keys().map(|name| (name, 0)).collect();
        for fleet in self.credentials.values().filter_map(|one| one.fleet.as_ref()) {
            *sizes.entry(fleet).or_default() += 1;
        }
        sizes
    }
}
