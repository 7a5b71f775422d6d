//! `[stores.NAME]`: where tokens are kept; exactly one kind.

mod aws;
mod file;
mod kubernetes;
mod vault;

use std::collections::BTreeMap;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::findings::{Findings, Key};
use super::schema::named_schema;
use super::suggest;
use super::table::{named, shaped};
use crate::kubernetes::settings::Cluster;
use crate::stores::settings::StoreSettings;

/// The stores by name; those that are not sound are `None`, so that they are known all the same.
pub(super) type Stores = BTreeMap<String, Option<StoreSettings>>;

/// One store.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Kinds")]
pub(super) enum Store {
    File(file::Table),
    Vault(Box<vault::Table>),
    AwsSecretsManager(Box<aws::Table>),
    Kubernetes(Box<kubernetes::Table>),
}

// One of several: the table that it is read from.
named_schema!("Store", Store, |generator| Kinds::json_schema(generator));

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with one kind of store")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Kinds {
    /// Files in the layout of Kubernetes' mounted secrets.
    #[schemars(extend("examples" = [json!({"dir": "/var/lib/pintail/secrets"})]))]
    file: Option<file::Table>,
    /// HashiCorp Vault or OpenBao, KV version 2.
    #[schemars(extend("examples" = [json!({"address": "https://vault.example.com:8200", "auth": {"kubernetes": {"role": "pintail"}}})]))]
    vault: Option<Box<vault::Table>>,
    /// AWS Secrets Manager.
    #[schemars(extend("examples" = [json!({"region": "eu-west-1"})]))]
    aws_secrets_manager: Option<Box<aws::Table>>,
    /// Secrets of Kubernetes.
    #[schemars(extend("examples" = [json!({"namespace": "data"})]))]
    kubernetes: Option<Box<kubernetes::Table>>,
}

impl TryFrom<Kinds> for Store {
    type Error = &'static str;

    fn try_from(kinds: Kinds) -> Result<Self, &'static str> {
        match (kinds.file, kinds.vault, kinds.aws_secrets_manager, kinds.kubernetes) {
            (Some(file), None, None, None) => Ok(Self::File(file)),
            (None, Some(vault), None, None) => Ok(Self::Vault(vault)),
            (None, None, Some(aws), None) => Ok(Self::AwsSecretsManager(aws)),
            (None, None, None, Some(store)) => Ok(Self::Kubernetes(store)),
            _ => Err(
                "a store is of exactly one kind: `file`, `vault`, `aws_secrets_manager` or `kubernetes`",
            ),
        }
    }
}

/// The stores that are named.
pub(super) fn read(root: &Dict, cluster: &Cluster, findings: &mut Findings) -> Stores {
    let section = Key::root("stores");
    let Some(named) = named(root, "stores", findings) else { return BTreeMap::new() };
    named
        .iter()
        .map(|(name, value)| {
            let key = section.child(name);
            let raw: Option<Store> = shaped(value, &key, findings);
            (name.clone(), raw.and_then(|raw| raw.check(cluster, &key, findings)))
        })
        .collect()
}

impl Store {
    fn check(
        self,
        cluster: &Cluster,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<StoreSettings> {
        match self {
            Self::File(store) => store.check(&key.child("file"), findings).map(StoreSettings::File),
            Self::Vault(store) => {
                Some(StoreSettings::Vault(store.check(&key.child("vault"), findings)))
            }
            Self::AwsSecretsManager(store) => Some(StoreSettings::AwsSecretsManager(
                store.check(&key.child("aws_secrets_manager"), findings),
            )),
            Self::Kubernetes(store) => Some(StoreSettings::Kubernetes(store.check(
                cluster,
                &key.child("kubernetes"),
                findings,
            ))),
        }
    }
}

/// The name, if it is a store's.
pub(super) fn known(
    name: String,
    stores: &Stores,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<String> {
    if stores.contains_key(&name) {
        return Some(name);
    }
    let known = stores.keys().map(String::as_str);
    findings.problem(key, format!("`{name}`: {}", suggest::unknown("store", &name, known)));
    None
}
