//! `[fleets.NAME]`, checked by what it makes of two accounts; and what it makes of those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use figment::value::{Dict, Value};

use super::credential::{self, Surroundings};
use super::findings::{Findings, Key};
use super::placeholders::fill;
use super::{admin, kubernetes, path, shaped};
use crate::config::fleet::{Fleet, Template, Unfit};
use crate::config::raw::credential::Credential as Raw;
use crate::config::raw::fleet::{self as raw_fleet, KEYS, Limit, Rule as RawRule};
use crate::config::suggest;
use crate::config::{Config, Credential};
use crate::fleet::{Glob, JoinRate, LeaveLimit, Rule, Source};
use crate::kubernetes::settings::Cluster;
use crate::names::{AccountName, CredentialName, FleetName, Owner};
use crate::stores::settings::StoreSettings;

/// What a rule makes of the account, unless it says otherwise.
const NAME: &str = "{username}";
/// Two accounts that a rule is tried with when it is read. Nobody contacts them.
const TRIED: [&str; 2] = ["some_account", "other_account"];

const SOURCE: &str = "this is required: say where the accounts come from, by exactly one of `motherduck = { match = \
                      \"customer_*\" }` and `file = \"customers.txt\"`";

/// What a rule refers to.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) owner: Option<&'a Owner>,
    pub(super) stores: &'a BTreeMap<String, Option<StoreSettings>>,
    pub(super) cluster: &'a Cluster,
    pub(super) defaults: &'a Raw,
}

/// One rule, its absent keys taken from the defaults.
pub(super) fn check(
    name: &FleetName,
    value: &Value,
    key: &Key<'_>,
    around: Around<'_>,
    findings: &mut Findings,
) -> Option<Fleet> {
    let Some(dict) = value.as_dict() else {
        findings.problem(key, "this must be a table");
        return None;
    };
    let (own, of_credential): (Dict, Dict) =
        dict.clone().into_iter().partition(|(key, _)| KEYS.contains(&key.as_str()));
    let known = raw_fleet::Fleet::keys();
    let is_foreign = |key: &String| !known.contains(key) && key != "username";
    let foreign: Vec<_> = of_credential.keys().filter(|key| is_foreign(key)).collect();
    if !foreign.is_empty() {
        for word in foreign {
            let known = known.iter().map(String::as_str);
            findings.problem(&key.child(word), suggest::unknown("key", word, known));
        }
        return None;
    }
    let rule: Option<RawRule> = shaped(&Value::from(own), key, findings);
    let keys: Option<Raw> = shaped(&Value::from(of_credential), key, findings);
    let (rule, keys) = rule.zip(keys)?;
    if keys.username.is_some() {
        let text = "a rule finds the usernames by itself: say which by `accounts`";
        findings.problem(&key.child("username"), text);
    }
    let source = source(rule.accounts, &key.child("accounts"), findings);
    let joins = rule.joins_at_most.map(|text| text.parse::<JoinRate>());
    let joins = joins.transpose().map(Option::unwrap_or_default);
    let joins = findings.accept(&key.child("joins_at_most"), joins);
    let leaves = rule.leaves_at_most.map(|limit| match limit {
        Limit::Number(number) => number.to_string().parse::<LeaveLimit>(),
        Limit::Text(text) => text.parse::<LeaveLimit>(),
    });
    let leaves = leaves.transpose().map(Option::unwrap_or_default);
    let leaves = findings.accept(&key.child("leaves_at_most"), leaves);
    let template = Template {
        name: rule.credential.unwrap_or_else(|| NAME.to_owned()),
        keys: Raw { username: None, ..keys.or(around.defaults) },
        cluster: around.cluster.clone(),
    };
    try_out(name, &template, key, around, findings);
    Some(Fleet {
        rule: Rule {
            name: name.clone(),
            source: source?,
            joins_at_most: joins?,
            leaves_at_most: leaves?,
        },
        template: Arc::new(template),
    })
}

fn source(
    raw: Option<crate::config::raw::fleet::Accounts>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Source> {
    match raw.map(|raw| (raw.motherduck, raw.file)) {
        Some((Some(users), None)) => {
            let key = key.child("motherduck");
            let match_key = key.child("match");
            let text = "this is required: what the accounts' names have in common";
            let matching = findings.require(&match_key, users.matching, text)?;
            let matching = findings.accept(&match_key, Glob::of_some(&matching));
            let except_key = key.child("except");
            let except = users.except.unwrap_or_default().into_iter().map(|text| text.parse());
            let except = findings.accept(&except_key, except.collect::<Result<Vec<Glob>, _>>());
            Some(Source::MotherDuck { matching: matching?, except: except? })
        }
        Some((None, Some(file))) => Some(Source::File(file.0)),
        Some((None, None) | (Some(_), Some(_))) | None => {
            findings.problem(key, SOURCE);
            None
        }
    }
}

/// Finds out whether the rule makes sound credentials, and of two accounts two that are not in one another's way.
fn try_out(
    fleet: &FleetName,
    template: &Template,
    key: &Key<'_>,
    around: Around<'_>,
    findings: &mut Findings,
) {
    let mut surroundings = Surroundings::new(around.owner, around.stores, around.cluster);
    let mut made = BTreeMap::new();
    let mut found = Findings::default();
    for tried in TRIED {
        let Ok(account) = tried.parse::<AccountName>() else { continue };
        match named(template, &account) {
            Err(why) => {
                findings.problem(&key.child("credential"), why);
                return;
            }
            Ok(name) if made.contains_key(&name) => {
                let text = "this gives two accounts one name: put {username} into it";
                findings.problem(&key.child("credential"), text);
                return;
            }
            Ok(name) => {
                let keys = Raw { username: Some(account), ..template.keys.clone() };
                let before = found.count();
                let one = credential::check(keys, &name, key, &mut surroundings, &mut found);
                if found.count() > before {
                    // What is wrong with one account is wrong with the other.
                    break;
                }
                made.extend(
                    one.map(|one| (name, Credential { fleet: Some(fleet.clone()), ..one })),
                );
            }
        }
    }
    if found.is_sound() && !path::losers(around.stores, &made, &BTreeSet::new()).is_empty() {
        let text =
            "two accounts would share a secret: put {credential} or {username} into each path";
        found.problem(&key.child("path"), text);
    }
    findings.take_over(found, &format!("fleet {fleet}"));
}

fn named(template: &Template, account: &AccountName) -> Result<CredentialName, String> {
    let name = fill(&template.name, &[("username", account.as_str())])?;
    name.parse::<CredentialName>().map_err(|error| error.to_string())
}

/// Makes the credentials of `accounts`, and tells what cannot be.
pub(in crate::config) fn make(
    config: &mut Config,
    fleet: &Fleet,
    accounts: &[AccountName],
    unfit: &mut Vec<Unfit>,
) {
    let Fleet { rule, template } = fleet;
    let stores = config.stores.iter();
    let stores: BTreeMap<_, _> =
        stores.map(|(name, store)| (name.clone(), Some(store.clone()))).collect();
    let owner = config.owner.clone();
    let mut around = Surroundings::new(Some(&owner), &stores, &template.cluster);
    let section = Key::root("fleets");
    let key = section.child(rule.name.as_str());
    for account in accounts {
        let mut refuse = |why| {
            unfit.push(Unfit { fleet: rule.name.clone(), account: account.clone(), why });
        };
        let name = match named(template, account) {
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
        let keys = Raw { username: Some(account.clone()), ..template.keys.clone() };
        match credential::check(keys, &name, &key, &mut around, &mut found) {
            Some(one) if found.is_sound() => {
                let one = Credential { fleet: Some(rule.name.clone()), ..one };
                config.credentials.insert(name, one);
            }
            Some(_) | None => refuse(found.in_a_line()),
        }
    }
    config.accounts.extend(around.accounts.into_declared());
    let made = config.credentials.values().map(|one| one.username.folded());
    let made: BTreeSet<_> = made.collect();
    config.accounts.retain(|account, _| made.contains(account));
}

/// The credentials that a rule made and that cannot be, beside those that are in one another's way.
pub(in crate::config) fn misfits(
    config: &Config,
    stores: &BTreeMap<String, Option<StoreSettings>>,
) -> BTreeMap<CredentialName, String> {
    let mut found = Findings::default();
    kubernetes::fields(stores, &config.credentials, &mut found);
    kubernetes::need_new_secrets(&config.credentials, &mut found);
    admin::check(Some(&config.motherduck), stores, &config.credentials, &mut found);
    let blamed = found.blamed().filter_map(|(name, text)| Some((name.parse().ok()?, text)));
    let is_made =
        |name: &CredentialName| config.credentials.get(name).is_some_and(|one| one.fleet.is_some());
    blamed.filter(|(name, _)| is_made(name)).collect()
}
