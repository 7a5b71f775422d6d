//! `deploy.kubernetes`: which workloads restart, and that their Secret is new before they do.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::Credential;
use crate::config::credential::TOKEN_FIELD;
use crate::config::findings::{Findings, Key};
use crate::config::kubernetes::{DATA_KEY, is_data_key, is_name, namespace};
use crate::config::limits::{Limits, Range};
use crate::config::placeholders::fill;
use crate::config::scalar::{Flag, Span, Word};
use crate::config::stores::Stores;
use crate::consumers::gate::settings::{
    Hook, Restart, SecretKey, SecretName, Target, WorkloadKind, Workloads,
};
use crate::kubernetes::settings::Cluster;
use crate::names::CredentialName;
use crate::rotation::policy::GatePace;
use crate::stores::settings::StoreSettings;

const SETTLE: Limits<Duration> =
    Range::new(Duration::ZERO, Duration::from_hours(1)).or(Duration::from_secs(90));
const HEX_DIGITS: usize = 16;

/// `deploy.kubernetes`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesRestart")]
pub(in crate::config) struct Table {
    /// The workloads, at least one.
    #[schemars(extend("examples" = [json!([{"kind": "Deployment", "name": "etl"}])]))]
    targets: Vec<TargetTable>,
    /// A Secret that somebody else fills: nothing is restarted until it holds the served token.
    #[schemars(extend("examples" = [json!({"name": "etl-token"})]))]
    after_secret: Option<AfterSecret>,
    /// How long after the Secret's change the restart comes, since a kubelet may hand out an old one from its cache.
    #[schemars(extend("examples" = ["30s"]), transform = SETTLE.schema())]
    settle: Option<Span>,
    /// Whether Events on the workloads tell what is served, held and revoked; it needs the right to create `events`.
    #[schemars(extend("default" = false, "examples" = [true]))]
    events: Option<Flag>,
}

/// A workload, or the workloads that a selector takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesTarget")]
struct TargetTable {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, or `CronJob`, whose running Jobs are waited for.
    #[schemars(extend("examples" = ["Deployment"]))]
    kind: Option<Word<WorkloadKind>>,
    /// The workload's name.
    #[schemars(extend("examples" = ["etl"]))]
    name: Option<String>,
    /// A label selector, in place of `kind` and `name`.
    #[schemars(extend("examples" = ["app=etl"]))]
    selector: Option<String>,
    /// The namespace; by default the store's.
    #[schemars(extend("examples" = ["data"]))]
    namespace: Option<String>,
}

/// `deploy.kubernetes.after_secret`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct AfterSecret {
    /// The namespace; by default the store's.
    #[schemars(extend("examples" = ["data"]))]
    namespace: Option<String>,
    /// The Secret's name.
    #[schemars(extend("examples" = ["etl-token"]))]
    name: String,
    /// The key of the token's text.
    #[schemars(extend("default" = TOKEN_FIELD, "examples" = ["token"]))]
    key: Option<String>,
}

/// What a credential's `deploy.kubernetes` is checked by.
pub(in crate::config) struct Restarts<'a> {
    /// The cluster.
    pub(in crate::config) cluster: &'a Cluster,
    /// The values of the placeholders in names; the owner and the credential are among them.
    pub(in crate::config) values: &'a [(&'a str, &'a str)],
    /// The Secrets that the credential's token is kept in.
    pub(in crate::config) kept: Vec<SecretName>,
    /// Whether the gate asks each pod for the token that it uses.
    pub(in crate::config) asks_pods: bool,
}

impl Restarts<'_> {
    /// The restart of a credential's workloads, the defaults filled in.
    pub(super) fn check(
        &self,
        raw: Table,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<Restart> {
        let targets_key = key.child("targets");
        if raw.targets.is_empty() {
            findings.problem(&targets_key, "name at least one workload");
        }
        let targets = raw.targets.into_iter().enumerate().map(|(number, target)| {
            self.target(target, &targets_key.child(&number.to_string()), findings)
        });
        let targets: Vec<_> = targets.collect();
        let after_secret = raw
            .after_secret
            .map(|secret| self.after_secret(secret, &key.child("after_secret"), findings));
        let settle = findings.span(&key.child("settle"), raw.settle, &SETTLE);
        Some(Restart {
            cluster: self.cluster.clone(),
            credential: self.value("credential").to_owned(),
            annotation: self.annotation(),
            targets: targets.into_iter().collect::<Option<_>>()?,
            after_secret: match after_secret {
                Some(secret) => Some(secret?),
                None => None,
            },
            kept: self.kept.clone(),
            asks_pods: self.asks_pods,
            events: raw.events.is_some_and(|flag| flag.0),
            settle,
        })
    }

    /// An annotation of the credential's own: names of owners and credentials are too long for one.
    fn annotation(&self) -> String {
        let text = format!("{}/{}", self.value("owner"), self.value("credential"));
        let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
        digits.truncate(HEX_DIGITS);
        format!("pintail.dev/{digits}")
    }

    fn value(&self, wanted: &str) -> &str {
        let found = self.values.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| *value)
    }

    fn target(&self, raw: TargetTable, key: &Key<'_>, findings: &mut Findings) -> Option<Target> {
        let namespace = self.namespace(raw.namespace, key, findings)?;
        let workloads = match (raw.kind, raw.name, raw.selector) {
            (Some(Word(kind)), Some(name), None) => {
                let name_key = key.child("name");
                let name = findings.accept(&name_key, fill(&name, self.values))?;
                if !is_name(&name) {
                    findings.problem(&name_key, format!("Kubernetes refuses the name {name:?}"));
                }
                Workloads::Named(kind, name)
            }
            (None, None, Some(selector)) => {
                let selector = findings.text(&key.child("selector"), Some(selector))?;
                Workloads::Selected(
                    findings.accept(&key.child("selector"), fill(&selector, self.values))?,
                )
            }
            _ => {
                findings.problem(
                    key,
                    "a target is { kind = \"Deployment\", name = \"…\" } (or a StatefulSet, a DaemonSet or a CronJob), \
                     or { selector = \"app=etl\" }",
                );
                return None;
            }
        };
        Some(Target { namespace, workloads })
    }

    fn after_secret(
        &self,
        raw: AfterSecret,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<SecretKey> {
        let namespace = self.namespace(raw.namespace, key, findings)?;
        let name = findings.accept(&key.child("name"), fill(&raw.name, self.values))?;
        if !is_name(&name) {
            findings.problem(&key.child("name"), format!("Kubernetes refuses the name {name:?}"));
        }
        let field = raw.key.unwrap_or_else(|| TOKEN_FIELD.to_owned());
        if !is_data_key(&field) {
            findings.problem(&key.child("key"), DATA_KEY);
        }
        Some(SecretKey { namespace, name, key: field })
    }

    /// The namespace that is named, or the one that the token is kept in.
    fn namespace(
        &self,
        raw: Option<String>,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<String> {
        let key = key.child("namespace");
        let raw = raw.map(|text| findings.accept(&key, fill(&text, self.values)));
        let mut kept = self.kept.iter().map(|secret| &secret.namespace);
        let own = kept.next().filter(|first| kept.all(|other| other == *first));
        let own = own.map(|namespace| Some(namespace.clone()));
        let text = findings.require(&key, raw.or(own), "this is required: the namespace")??;
        namespace(&text, &key, findings);
        Some(text)
    }
}

/// Refuses a restart that may come before the Secret is new. A pod that starts too early holds the old token under the
/// new annotation, and nothing would ever tell.
pub(in crate::config) fn need_new_secrets(
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    for credential in credentials.values() {
        let Some(Hook::Kubernetes(restart)) = credential.deploy.as_deref() else { continue };
        let section = Key::root("credentials");
        let key = section.child(credential.name.as_str());
        let key = key.child("deploy");
        let key = key.child("kubernetes");
        if let GatePace::Polled { deadline, .. } = credential.policy.gate
            && deadline <= restart.settle
        {
            findings.problem(
                &key.child("settle"),
                "the restart would come after the gate's deadline, which counts from the publication too",
            );
        }
        if restart.after_secret.is_some() {
            continue;
        }
        let is_kept = |namespace: &str| restart.kept.iter().any(|one| one.namespace == namespace);
        // Nobody asks the pods of a Job, which come and go.
        let is_asked = |target: &&Target| {
            restart.asks_pods
                && !matches!(target.workloads, Workloads::Named(WorkloadKind::CronJob, _))
        };
        let targets = restart.targets.iter().filter(|target| !is_asked(target));
        let strangers = targets.map(|target| target.namespace.as_str());
        for namespace in strangers.filter(|namespace| !is_kept(namespace)) {
            findings.problem(
                &key,
                format!(
                    "nothing says that the Secret in namespace {namespace} is new before its pods restart: keep the token \
                     there (a store or a mirror of kind `kubernetes`), name the Secret by `after_secret`, or ask the pods \
                     for the token's ID by `gate.kubernetes.pods.http`"
                ),
            );
        }
    }
}

/// The Secret that the store called `store` keeps at `path`, if it keeps one.
pub(in crate::config) fn secret(stores: &Stores, store: &str, path: &str) -> Option<SecretName> {
    match stores.get(store)?.as_ref()? {
        StoreSettings::Kubernetes(store) => {
            Some(SecretName { namespace: store.namespace.clone(), name: path.to_owned() })
        }
        StoreSettings::File(_) | StoreSettings::Vault(_) | StoreSettings::AwsSecretsManager(_) => {
            None
        }
    }
}
