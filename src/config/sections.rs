//! The sections: from what the sources say to a `Config`, every problem found at once.

use std::collections::BTreeMap;

use figment::value::Dict;
use schemars::{JsonSchema, json_schema};

use super::error::ConfigError;
use super::findings::{Findings, Key};
use super::proxy::{self, Clients};
use super::schema::named_schema;
use super::sources::{Double, Sources};
use super::table::shaped;
use super::{
    Config, audit_log, credential, daemon, deploy, fleet, kubernetes, motherduck, notifications,
    path, server, stores, suggest, telemetry,
};
use crate::names::Owner;

named_schema!("Owner", Owner, |_generator| json_schema!({ "type": "string", "minLength": 1 }));

/// The sections. None is required: a file may hold some of them and leave the others to another file.
#[derive(JsonSchema)]
#[schemars(
    title = "pintail",
    description = "The configuration of pintail, or one file of several that make it up.",
    deny_unknown_fields
)]
#[expect(dead_code, reason = "only its schema is used: each section is read on its own")]
pub(super) struct Sections {
    /// This deployment's name, which is part of every token's name: two deployments never touch one another's.
    owner: Option<Owner>,
    motherduck: Option<motherduck::Table>,
    /// The cluster, where it is not the one that pintail runs in.
    kubernetes: Option<kubernetes::Table>,
    /// The stores, by name.
    stores: Option<BTreeMap<String, stores::Store>>,
    daemon: Option<daemon::Table>,
    server: Option<server::Table>,
    /// Who is notified that a person may have to act, by name.
    notifications: Option<BTreeMap<String, notifications::Table>>,
    audit_log: Option<audit_log::Table>,
    telemetry: Option<telemetry::Table>,
    /// What the credentials have in common.
    defaults: Option<credential::Table>,
    /// The credentials, by name.
    credentials: Option<BTreeMap<String, credential::Table>>,
    /// Rules that make credentials of accounts, by name.
    fleets: Option<BTreeMap<String, Box<fleet::Table>>>,
}

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
    let (motherduck, postgres) = motherduck::read(root, &mut findings).unzip();
    let daemon = daemon::read(root, &mut findings);
    let server = server::read(root, &mut findings);
    let notifications = notifications::read(root, &mut findings);
    let audit_log = audit_log::read(root, &mut findings);
    let telemetry = telemetry::read(root, &mut findings);
    let cluster = kubernetes::read(root, &mut findings);
    let stores = stores::read(root, &cluster, &mut findings);
    if let Some(variable) = sources.proxy_variable() {
        let clients = Clients {
            motherduck: motherduck.as_ref(),
            stores: &stores,
            notifications: &notifications,
        };
        proxy::unused(variable, &clients, sources, &mut findings);
    }
    let defaults = credential::defaults(root, &mut findings);
    let around = (owner.as_ref(), (&stores, &cluster), defaults.as_ref());
    let (credentials, accounts) =
        credential::read(root, around.0, around.1, around.2, &mut findings);
    let fleets = fleet::read(root, around.0, around.1, around.2, &mut findings);
    path::check(&stores, &credentials, &mut findings);
    credential::fields::fit_kubernetes(&stores, &credentials, &mut findings);
    deploy::restart::need_new_secrets(&credentials, &mut findings);
    motherduck::admin_token::check(motherduck.as_ref(), &stores, &credentials, &mut findings);
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
