//! The configuration with the credentials that its rules make of their accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fleet, name_of};
use crate::config::credential::{self, Surroundings, fields};
use crate::config::deploy::restart;
use crate::config::findings::{Findings, Key};
use crate::config::motherduck::admin_token;
use crate::config::stores::Stores;
use crate::config::{Config, Credential, path};
use crate::fleet::Members;
use crate::names::{AccountName, CredentialName, FleetName};

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
                make(&mut config, rule, accounts, &mut unfit);
            }
        }
        let stores = config.stores.iter();
        let stores = stores.map(|(name, store)| (name.clone(), Some(store.clone()))).collect();
        // Of two that would be in one another's way the table stays, or else the one that comes first.
        let mut losers = path::losers(&stores, &config.credentials, &seniors);
        losers.extend(misfits(&config, &stores));
        for (name, why) in losers {
            let Some(credential) = config.credentials.remove(&name) else { continue };
            config.accounts.remove(&credential.username.canonical());
            let Some(fleet) = credential.fleet else { continue };
            unfit.push(Unfit { fleet, account: credential.username, why });
        }
        // What is put in one after the other leaves the nodes of a map half empty; what is collected does not.
        config.credentials = config.credentials.into_iter().collect();
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

/// Makes the credentials of `accounts`, and tells what cannot be.
fn make(config: &mut Config, fleet: &Fleet, accounts: &[AccountName], unfit: &mut Vec<Unfit>) {
    let Fleet { rule, template } = fleet;
    let stores = config.stores.iter();
    let stores: BTreeMap<_, _> =
        stores.map(|(name, store)| (name.clone(), Some(store.clone()))).collect();
    let owner = config.owner.clone();
    let mut around = Surroundings::new(Some(&owner), &stores, &template.cluster);
    let section = Key::root("fleets");
    let key = section.child(rule.name.as_str());
    let mut before: Option<Credential> = None;
    for account in accounts {
        let mut refuse = |why| {
            unfit.push(Unfit { fleet: rule.name.clone(), account: account.clone(), why });
        };
        let name = match name_of(template, account) {
            Ok(name) => name,
            Err(why) => {
                refuse(why);
                continue;
            }
        };
        if let Some(other) = config.credentials.get(&name) {
            let whose = match &other.fleet {
                Some(fleet) => format!("fleet {fleet} has made of account {}", other.username),
                None => "stands in a table of [credentials]".to_owned(),
            };
            refuse(format!("there is a credential {name} already, which {whose}"));
            continue;
        }
        let mut found = Findings::default();
        let keys = template.keys.clone().of(Some(account.clone()));
        match credential::check(keys, &name, &key, &mut around, &mut found) {
            Some(one) if found.is_sound() => {
                let mut one = Credential { fleet: Some(rule.name.clone()), ..one };
                if let Some(before) = &before {
                    one.share_with(before);
                }
                before = Some(one.clone());
                config.credentials.insert(name, one);
            }
            Some(_) | None => refuse(found.in_a_line()),
        }
    }
    config.accounts.extend(around.accounts.into_declared());
    let made = config.credentials.values().map(|one| one.username.canonical());
    let made: BTreeSet<_> = made.collect();
    config.accounts.retain(|account, _| made.contains(account));
}

/// The credentials that a rule made and that cannot be, beside those that are in one another's way.
fn misfits(config: &Config, stores: &Stores) -> BTreeMap<CredentialName, String> {
    let mut found = Findings::default();
    fields::fit_kubernetes(stores, &config.credentials, &mut found);
    restart::need_new_secrets(&config.credentials, &mut found);
    admin_token::check(Some(&config.motherduck), stores, &config.credentials, &mut found);
    let blamed = found.blamed().filter_map(|(name, text)| Some((name.parse().ok()?, text)));
    let is_made =
        |name: &CredentialName| config.credentials.get(name).is_some_and(|one| one.fleet.is_some());
    blamed.filter(|(name, _)| is_made(name)).collect()
}
