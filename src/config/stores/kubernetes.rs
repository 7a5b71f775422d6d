//! `[stores.NAME.kubernetes]`: Secrets of Kubernetes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::findings::{Findings, Key};
use crate::config::kubernetes::{label, namespace, qualified};
use crate::config::scalar::Flag;
use crate::kubernetes::settings::Cluster;
use crate::stores::settings::KubernetesStore;

const TYPE: &str = "Opaque";

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesStore")]
pub(in crate::config) struct Table {
    /// The namespace of all Secrets of the store.
    #[schemars(extend("examples" = ["data"]))]
    namespace: String,
    /// Whether a Secret that does not exist is created.
    #[schemars(extend("default" = true, "examples" = [false]))]
    create: Option<Flag>,
    /// The type of Secrets that pintail creates.
    #[schemars(extend("default" = TYPE, "examples" = ["example.com/token"]))]
    r#type: Option<String>,
    /// Labels of Secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"team": "data"})]))]
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Annotations of Secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"example.com/owner": "data"})]))]
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Table {
    /// The store, the defaults filled in.
    pub(super) fn check(
        self,
        cluster: &Cluster,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> KubernetesStore {
        namespace(&self.namespace, &key.child("namespace"), findings);
        let secret_type = findings.text(&key.child("type"), self.r#type);
        for (name, value) in &self.labels {
            label(name, value, &key.child("labels").child(name), findings);
        }
        for name in self.annotations.keys() {
            qualified(name, &key.child("annotations").child(name), findings);
        }
        KubernetesStore {
            cluster: cluster.clone(),
            namespace: self.namespace,
            create: self.create.is_none_or(|flag| flag.0),
            secret_type: secret_type.unwrap_or_else(|| TYPE.to_owned()),
            labels: self.labels,
            annotations: self.annotations,
        }
    }
}
