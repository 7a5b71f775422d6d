//! `[kubernetes]`, `[stores.NAME.kubernetes]`, `deploy.kubernetes` and `gate.kubernetes` as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{FilePath, Flag, Number, Span, Url, Word};
use crate::gate::settings::WorkloadKind;

/// `[kubernetes]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Cluster")]
pub(in crate::config) struct Cluster {
    pub(in crate::config) api_url: Option<Url>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) token_file: Option<FilePath>,
    pub(in crate::config) client_cert_file: Option<FilePath>,
    pub(in crate::config) client_key_file: Option<FilePath>,
    pub(in crate::config) kubeconfig: Option<FilePath>,
    pub(in crate::config) context: Option<String>,
}

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesStore")]
pub(in crate::config) struct Store {
    pub(in crate::config) namespace: String,
    pub(in crate::config) create: Option<Flag>,
    pub(in crate::config) r#type: Option<String>,
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::config) annotations: BTreeMap<String, String>,
}

/// `deploy.kubernetes`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesRestart")]
pub(in crate::config) struct Restart {
    pub(in crate::config) targets: Vec<Target>,
    pub(in crate::config) after_secret: Option<AfterSecret>,
    pub(in crate::config) settle: Option<Span>,
}

/// A workload, or the workloads that a selector takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesTarget")]
pub(in crate::config) struct Target {
    pub(in crate::config) kind: Option<Word<WorkloadKind>>,
    pub(in crate::config) name: Option<String>,
    pub(in crate::config) selector: Option<String>,
    pub(in crate::config) namespace: Option<String>,
}

/// `deploy.kubernetes.after_secret`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AfterSecret {
    pub(in crate::config) namespace: Option<String>,
    pub(in crate::config) name: String,
    pub(in crate::config) key: Option<String>,
}

/// `gate.kubernetes`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesGate")]
pub(in crate::config) struct Gate {
    pub(in crate::config) pods: Option<Pods>,
    pub(in crate::config) interval: Option<Span>,
    pub(in crate::config) successes: Option<Number>,
    pub(in crate::config) deadline: Option<Span>,
}

/// `gate.kubernetes.pods`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Pods {
    pub(in crate::config) http: PodRequest,
}

/// `gate.kubernetes.pods.http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct PodRequest {
    pub(in crate::config) port: Number,
    pub(in crate::config) path: String,
    pub(in crate::config) timeout: Option<Span>,
}
