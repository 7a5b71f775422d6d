//! A proxy that the environment names, and that nobody has said to use or to pass over.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::sources::Sources;
use super::stores::Stores;
use crate::http::is_loopback;
use crate::motherduck::settings::MotherDuck;
use crate::notifications::settings::{Sink, SinkForm};
use crate::stores::settings::StoreSettings;

/// Whose requests may have to leave through it. Gates and hooks are not among them: consumers are near.
pub(super) struct Clients<'a> {
    pub(super) motherduck: Option<&'a MotherDuck>,
    pub(super) stores: &'a Stores,
    pub(super) notifications: &'a BTreeMap<String, Sink>,
}

impl Clients<'_> {
    /// The tables that can say how requests to somewhere else than this machine get out.
    fn tables(&self) -> Vec<Vec<&str>> {
        let mut tables = vec![];
        if self.motherduck.is_some_and(|one| !is_loopback(&one.api_url)) {
            tables.push(vec!["motherduck"]);
        }
        for (name, store) in self.stores {
            let kind = match store {
                Some(StoreSettings::Vault(vault)) if !is_loopback(&vault.address) => "vault",
                Some(StoreSettings::AwsSecretsManager(aws))
                    if !aws.endpoint_url.as_ref().is_some_and(is_loopback) =>
                {
                    "aws_secrets_manager"
                }
                Some(_) | None => continue,
            };
            tables.push(vec!["stores", name, kind]);
        }
        for (name, sink) in self.notifications {
            let kind = match &sink.form {
                SinkForm::Slack { .. } => "slack",
                SinkForm::CloudEvents { url, .. } if !is_loopback(url) => "webhook",
                SinkForm::CloudEvents { .. } => continue,
            };
            tables.push(vec!["notifications", name, kind]);
        }
        tables
    }
}

/// Warns of requests that pass over the proxy that `variable` names.
pub(super) fn unused(
    variable: &str,
    clients: &Clients<'_>,
    sources: &Sources,
    findings: &mut Findings,
) {
    let keys = clients.tables().into_iter().map(|table| [table.as_slice(), &["proxy"]].concat());
    let silent: Vec<_> = keys.filter(|key| !sources.has(key)).map(|key| key.join(".")).collect();
    if !silent.is_empty() {
        findings.warn(format!(
            "environment variable {variable} is set, and nothing says whether requests use it: they do not, until \
             \"environment\" is said, or \"none\", for {}",
            silent.join(", ")
        ));
    }
}
