//! `[fleets.NAME]`: a rule that makes credentials, checked by what it makes of two accounts.

mod enlist;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use figment::value::{Dict, Value};

pub use self::enlist::Unfit;
pub(super) use self::rule::Fleet as Table;
use super::Credential;
use super::credential::{self, Surroundings, Table as Keys};
use super::findings::{Findings, Key};
use super::placeholders::fill;
use super::stores::Stores;
use super::table::{named, shaped};
use super::{path, suggest};
use crate::fleet::Rule;
use crate::kubernetes::settings::Cluster;
use crate::names::{AccountName, CredentialName, FleetName, Owner};

/// Two accounts that a rule is tried with when it is read. Nobody contacts them.
const TRIED: [&str; 2] = ["some_account", "other_account"];

/// `[fleets.NAME]`, checked, the defaults filled in.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Which accounts it is for.
    pub rule: Rule,
    /// How the credentials look.
    template: Arc<Template>,
}

impl Fleet {
    /// The store that its credentials are kept in.
    pub(super) fn store(&self) -> Option<&str> {
        self.template.keys.store()
    }
}

/// What a rule makes credentials of.
#[derive(Debug)]
struct Template {
    /// The credentials' names, with a placeholder.
    name: String,
    /// The keys, the defaults filled in.
    keys: Keys,
    /// The cluster that they refer to.
    cluster: Cluster,
}

/// What a rule refers to.
#[derive(Clone, Copy)]
struct Around<'a> {
    owner: Option<&'a Owner>,
    stores: &'a Stores,
    cluster: &'a Cluster,
    defaults: &'a Keys,
}

/// The rules that are sound, by name.
pub(super) fn read(
    root: &Dict,
    owner: Option<&Owner>,
    (stores, cluster): (&Stores, &Cluster),
    defaults: Option<&Keys>,
    findings: &mut Findings,
) -> BTreeMap<FleetName, Fleet> {
    let section = Key::root("fleets");
    let Some(named) = named(root, "fleets", findings) else { return BTreeMap::new() };
    let mut checked = BTreeMap::new();
    for (name, value) in named {
        let key = section.child(name);
        let name = findings.accept(&key, name.parse::<FleetName>());
        let (Some(name), Some(defaults)) = (name, defaults) else { continue };
        let around = Around { owner, stores, cluster, defaults };
        if let Some(one) = check(&name, value, &key, around, findings) {
            checked.insert(name, one);
        }
    }
    checked
}

/// One rule, its absent keys taken from the defaults.
fn check(
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
        dict.clone().into_iter().partition(|(key, _)| rule::KEYS.contains(&key.as_str()));
    let known = Table::keys();
    let is_foreign = |key: &String| !known.contains(key) && key != "username";
    let foreign: Vec<_> = of_credential.keys().filter(|key| is_foreign(key)).collect();
    if !foreign.is_empty() {
        for word in foreign {
            let known = known.iter().map(String::as_str);
            findings.problem(&key.child(word), suggest::unknown("key", word, known));
        }
        return None;
    }
    let rule: Option<rule::Table> = shaped(&Value::from(own), key, findings);
    let keys: Option<Keys> = shaped(&Value::from(of_credential), key, findings);
    let (rule, keys) = rule.zip(keys)?;
    if keys.names_an_account() {
        let text = "a rule finds the usernames by itself: say which by `accounts`";
        findings.problem(&key.child("username"), text);
    }
    let name_of_each = rule.name();
    let rule = rule.check(name, key, findings);
    let template = Template {
        name: name_of_each,
        keys: keys.or(around.defaults).of(None),
        cluster: around.cluster.clone(),
    };
    try_out(name, &template, key, around, findings);
    Some(Fleet { rule: rule?, template: Arc::new(template) })
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
        match name_of(template, &account) {
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
                let keys = template.keys.clone().of(Some(account));
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

fn name_of(template: &Template, account: &AccountName) -> Result<CredentialName, String> {
    let name = fill(&template.name, &[("username", account.as_str())])?;
    name.parse::<CredentialName>().map_err(|error| error.to_string())
}
