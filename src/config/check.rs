//! From tables to a `Config`: every value in range, every reference resolved, every problem found at once.

mod account;
mod admin;
mod calendar;
mod credential;
mod cron;
mod findings;
pub(super) mod fleet;
mod gate;
mod kubernetes;
mod lifetime;
mod mirror;
mod notification;
pub(super) mod path;
mod placeholders;
mod proxy;
mod service;
mod store;
mod trail;

use std::collections::BTreeMap;
use std::time::Duration;

use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use self::credential::Surroundings;
use self::findings::{Findings, Key};
use self::proxy::Clients;
use super::error::ConfigError;
use super::raw;
use super::sources::{Double, Sources};
use super::{Config, Credential, Fleet, suggest};
use crate::account::settings::DeclaredAccount;
use crate::consumers::verify::settings::Postgres;
use crate::kubernetes::settings::Cluster;
use crate::motherduck::settings::MotherDuck;
use crate::names::{CredentialName, FleetName, Owner};
use crate::notifications::settings::Sink;
use crate::stores::settings::StoreSettings;

pub(super) const SECTIONS: [&str; 12] = [
    "owner",
    "motherduck",
    "kubernetes",
    "stores",
    "daemon",
    "server",
    "notifications",
    "audit_log",
    "telemetry",
    "defaults",
    "credentials",
    "fleets",
];

/// The checked configuration, or all that is wrong with it.
pub(super) fn check(sources: &Sources) -> Result<Config, ConfigError> {
    let root = sources.root();
    let mut findings = Findings::default();
    for key in root.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
        findings.problem(&Key::root(key), suggest::unknown("section", key, SECTIONS));
    }
    for warning in sources.warnings() {
        findings.warn(warning.clone());
    }
    for Double { credential, files: (first, second) } in sources.doubles() {
        let text = format!(
            "this stands in {} and in {}: in a directory a credential belongs in one file",
            first.display(),
            second.display()
        );
        findings.problem(&Key::root("credentials").child(credential), text);
    }
    let owner = owner(root, &mut findings);
    let (motherduck, postgres) = motherduck(root, &mut findings).unzip();
    let daemon = table(root, "daemon", &mut findings).unwrap_or_default();
    let daemon = service::daemon(&daemon, &Key::root("daemon"), &mut findings);
    let server = root.contains_key("server").then(|| table(root, "server", &mut findings));
    let server = server.map(Option::unwrap_or_default);
    let server = service::server(server, &Key::root("server"), &mut findings);
    let notifications = notifications(root, &mut findings);
    let audit_log = trail::audit_log(table(root, "audit_log", &mut findings), &mut findings);
    let telemetry = trail::telemetry(table(root, "telemetry", &mut findings), &mut findings);
    let cluster = table(root, "kubernetes", &mut findings).unwrap_or_default();
    let cluster = kubernetes::cluster(cluster, &Key::root("kubernetes"), &mut findings);
    let stores = stores(root, &cluster, &mut findings);
    if let Some(variable) = sources.proxy_variable() {
        let clients = Clients {
            motherduck: motherduck.as_ref(),
            stores: &stores,
            notifications: &notifications,
        };
        proxy::unused(variable, &clients, sources, &mut findings);
    }
    let defaults = defaults(root, &mut findings);
    let (credentials, accounts) =
        credentials(root, owner.as_ref(), (&stores, &cluster), defaults.as_ref(), &mut findings);
    let fleets =
        fleets(root, owner.as_ref(), (&stores, &cluster), defaults.as_ref(), &mut findings);
    path::check(&stores, &credentials, &mut findings);
    kubernetes::fields(&stores, &credentials, &mut findings);
    kubernetes::need_new_secrets(&credentials, &mut findings);
    admin::check(motherduck.as_ref(), &stores, &credentials, &mut findings);
    match (findings.is_sound(), owner, motherduck.zip(postgres)) {
        (true, Some(owner), Some((motherduck, postgres))) => {
            let stores = stores.into_iter().filter_map(|(name, one)| Some((name, one?))).collect();
            let warnings = findings.into_warnings();
            Ok(Config {
                owner,
                motherduck,
                postgres,
                stores,
                credentials,
                declared_by_tables: accounts.clone(),
                accounts,
                fleets,
                daemon,
                server,
                notifications,
                audit_log,
                telemetry,
                warnings,
            })
        }
        _ => Err(ConfigError::Invalid(findings.into_problems(sources))),
    }
}

fn owner(root: &Dict, findings: &mut Findings) -> Option<Owner> {
    let key = Key::root("owner");
    let Some(value) = root.get("owner") else {
        findings.problem(
            &key,
            "this is required: a name for this deployment, such as \"prod\", by which pintail tells its tokens from \
             those of another",
        );
        return None;
    };
    shaped(value, &key, findings)
}

fn motherduck(root: &Dict, findings: &mut Findings) -> Option<(MotherDuck, Postgres)> {
    let key = Key::root("motherduck");
    let empty = Value::from(Dict::new());
    let raw = shaped(root.get("motherduck").unwrap_or(&empty), &key, findings)?;
    service::motherduck(raw, &key, findings)
}

/// The stores that are named; those that are not sound are `None`, so that they are known all the same.
fn stores(
    root: &Dict,
    cluster: &Cluster,
    findings: &mut Findings,
) -> BTreeMap<String, Option<StoreSettings>> {
    let section = Key::root("stores");
    let Some(named) = named(root, "stores", findings) else { return BTreeMap::new() };
    named
        .iter()
        .map(|(name, value)| {
            let key = section.child(name);
            let raw: Option<raw::store::Store> = shaped(value, &key, findings);
            (name.clone(), raw.and_then(|raw| store::check(raw, cluster, &key, findings)))
        })
        .collect()
}

/// Those that are sound: nobody refers to them.
fn notifications(root: &Dict, findings: &mut Findings) -> BTreeMap<String, Sink> {
    let section = Key::root("notifications");
    let Some(named) = named(root, "notifications", findings) else { return BTreeMap::new() };
    named
        .iter()
        .filter_map(|(name, value)| {
            let key = section.child(name);
            let raw = shaped(value, &key, findings)?;
            Some((name.clone(), notification::check(name, raw, &key, findings)?))
        })
        .collect()
}

fn credentials(
    root: &Dict,
    owner: Option<&Owner>,
    (stores, cluster): (&BTreeMap<String, Option<StoreSettings>>, &Cluster),
    defaults: Option<&raw::credential::Credential>,
    findings: &mut Findings,
) -> (BTreeMap<CredentialName, Credential>, BTreeMap<String, DeclaredAccount>) {
    let section = Key::root("credentials");
    let Some(named) = named(root, "credentials", findings) else { return Default::default() };
    if named.is_empty() && !root.contains_key("fleets") {
        findings.warn("no credential is configured, so there is nothing to rotate");
    }
    let mut surroundings = Surroundings::new(owner, stores, cluster);
    let mut checked = BTreeMap::new();
    for (name, value) in named {
        let key = section.child(name);
        let raw: Option<raw::credential::Credential> = shaped(value, &key, findings);
        let name = findings.accept(&key, name.parse::<CredentialName>());
        // With unsound defaults every credential would lack something that was meant to be there.
        let (Some(raw), Some(name), Some(defaults)) = (raw, name, defaults) else { continue };
        let raw = raw.or(defaults);
        if let Some(one) = credential::check(raw, &name, &key, &mut surroundings, findings) {
            checked.insert(name, one);
        }
    }
    (checked, surroundings.accounts.into_declared())
}

/// The defaults, if they are sound.
fn defaults(root: &Dict, findings: &mut Findings) -> Option<raw::credential::Credential> {
    match root.get("defaults") {
        Some(_) => table(root, "defaults", findings),
        None => Some(raw::credential::Credential::default()),
    }
}

/// The rules that are sound, by name.
fn fleets(
    root: &Dict,
    owner: Option<&Owner>,
    (stores, cluster): (&BTreeMap<String, Option<StoreSettings>>, &Cluster),
    defaults: Option<&raw::credential::Credential>,
    findings: &mut Findings,
) -> BTreeMap<FleetName, Fleet> {
    let section = Key::root("fleets");
    let Some(named) = named(root, "fleets", findings) else { return BTreeMap::new() };
    let mut checked = BTreeMap::new();
    for (name, value) in named {
        let key = section.child(name);
        let name = findings.accept(&key, name.parse::<FleetName>());
        let (Some(name), Some(defaults)) = (name, defaults) else { continue };
        let around = fleet::Around { owner, stores, cluster, defaults };
        if let Some(one) = fleet::check(&name, value, &key, around, findings) {
            checked.insert(name, one);
        }
    }
    checked
}

/// The table of named things under `section`; none if it is absent, `None` if it is no table.
fn named<'a>(root: &'a Dict, section: &str, findings: &mut Findings) -> Option<&'a Dict> {
    static NOTHING: Dict = Dict::new();
    let Some(value) = root.get(section) else { return Some(&NOTHING) };
    let dict = value.as_dict();
    if dict.is_none() {
        findings.problem(&Key::root(section), "this must be a table of named tables");
    }
    dict
}

/// The table `section`, if it is there and well formed.
fn table<T: DeserializeOwned>(root: &Dict, section: &str, findings: &mut Findings) -> Option<T> {
    shaped(root.get(section)?, &Key::root(section), findings)
}

/// `value` in its shape, if it has it.
fn shaped<T: DeserializeOwned>(value: &Value, key: &Key<'_>, findings: &mut Findings) -> Option<T> {
    raw::read(value)
        .map_err(|misshapen| {
            let (below, text) = *misshapen;
            findings.problem_below(key, below, text);
        })
        .ok()
}

/// A duration as configuration files spell it: `45d`, `1h 30m`.
fn spell(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let spelled: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if spelled.is_empty() { "0s".to_owned() } else { spelled.join(" ") }
}
