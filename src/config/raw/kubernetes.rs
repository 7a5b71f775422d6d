//! `[kubernetes]`, `[stores.NAME.kubernetes]`, `deploy.kubernetes` and `gate.kubernetes` as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::scalar::{FilePath, Flag, Number, Proxy, Span, Url, Word};
use crate::consumers::gate::settings::WorkloadKind;

/// `[kubernetes]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Cluster")]
pub(in crate::config) struct Cluster {
    /// The API server, where pintail runs outside of the cluster: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://10.0.0.1:6443"]))]
    pub(in crate::config) api_url: Option<Url>,
    /// The API server's certificate authorities, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/cluster-ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// A bearer token, read again as it is rotated.
    #[schemars(extend("examples" = ["/etc/pintail/cluster-token"]))]
    pub(in crate::config) token_file: Option<FilePath>,
    /// A client certificate, PEM, together with its key.
    #[schemars(extend("examples" = ["/etc/pintail/client.pem"]))]
    pub(in crate::config) client_cert_file: Option<FilePath>,
    /// The client certificate's key, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/client.key"]))]
    pub(in crate::config) client_key_file: Option<FilePath>,
    /// A kubeconfig, in place of the keys above.
    #[schemars(extend("examples" = ["/etc/pintail/kubeconfig"]))]
    pub(in crate::config) kubeconfig: Option<FilePath>,
    /// The kubeconfig's context; by default its current one.
    #[schemars(extend("examples" = ["production"]))]
    pub(in crate::config) context: Option<String>,
    /// How requests get out, with `api_url` or `kubeconfig`; by default as the kubeconfig's `proxy-url` says.
    #[schemars(extend("examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
}

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesStore")]
pub(in crate::config) struct Store {
    /// The namespace of all Secrets of the store.
    #[schemars(extend("examples" = ["data"]))]
    pub(in crate::config) namespace: String,
    /// Whether a Secret that does not exist is created.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub(in crate::config) create: Option<Flag>,
    /// The type of Secrets that pintail creates.
    #[schemars(extend("default" = "Opaque", "examples" = ["example.com/token"]))]
    pub(in crate::config) r#type: Option<String>,
    /// Labels of Secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"team": "data"})]))]
    #[serde(default)]
    pub(in crate::config) labels: BTreeMap<String, String>,
    /// Annotations of Secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"example.com/owner": "data"})]))]
    #[serde(default)]
    pub(in crate::config) annotations: BTreeMap<String, String>,
}

/// `deploy.kubernetes`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesRestart")]
pub(in crate::config) struct Restart {
    /// The workloads, at least one.
    #[schemars(extend("examples" = [json!([{"kind": "Deployment", "name": "etl"}])]))]
    pub(in crate::config) targets: Vec<Target>,
    /// A Secret that somebody else fills: nothing is restarted until it holds the served token.
    #[schemars(extend("examples" = [json!({"name": "etl-token"})]))]
    pub(in crate::config) after_secret: Option<AfterSecret>,
    /// How long after the Secret's change the restart comes, since a kubelet may hand out an old one from its cache: 0 s to 1 h.
    #[schemars(extend("default" = "90s", "examples" = ["30s"]))]
    pub(in crate::config) settle: Option<Span>,
    /// Whether Events on the workloads tell what is served, held and revoked; it needs the right to create `events`.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::config) events: Option<Flag>,
}

/// A workload, or the workloads that a selector takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesTarget")]
pub(in crate::config) struct Target {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, or `CronJob`, whose running Jobs are waited for.
    #[schemars(extend("examples" = ["Deployment"]))]
    pub(in crate::config) kind: Option<Word<WorkloadKind>>,
    /// The workload's name.
    #[schemars(extend("examples" = ["etl"]))]
    pub(in crate::config) name: Option<String>,
    /// A label selector, in place of `kind` and `name`.
    #[schemars(extend("examples" = ["app=etl"]))]
    pub(in crate::config) selector: Option<String>,
    /// The namespace; by default the store's.
    #[schemars(extend("examples" = ["data"]))]
    pub(in crate::config) namespace: Option<String>,
}

/// `deploy.kubernetes.after_secret`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AfterSecret {
    /// The namespace; by default the store's.
    #[schemars(extend("examples" = ["data"]))]
    pub(in crate::config) namespace: Option<String>,
    /// The Secret's name.
    #[schemars(extend("examples" = ["etl-token"]))]
    pub(in crate::config) name: String,
    /// The key of the token's text.
    #[schemars(extend("default" = "motherduck_token", "examples" = ["token"]))]
    pub(in crate::config) key: Option<String>,
}

/// `gate.kubernetes`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "KubernetesGate")]
pub(in crate::config) struct Gate {
    /// What each pod is asked, too.
    #[schemars(extend("examples" = [json!({"http": {"port": 8080, "path": "/health?token_id={token_id}"}})]))]
    pub(in crate::config) pods: Option<Pods>,
    /// The time between two polls: 100 ms to 1 day.
    #[schemars(extend("default" = "10s", "examples" = ["1m"]))]
    pub(in crate::config) interval: Option<Span>,
    /// How many healthy polls in a row pass the gate: 1 to 1000.
    #[schemars(extend("default" = 3, "examples" = [5]))]
    pub(in crate::config) successes: Option<Number>,
    /// How long after the publication the gate must have passed: 100 ms to 30 days. What follows then is for `on_failure` to say.
    #[schemars(extend("default" = "15m", "examples" = ["1h"]))]
    pub(in crate::config) deadline: Option<Span>,
}

/// `gate.kubernetes.pods`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Pods {
    /// A GET to each pod; a 2xx says that it holds the served token.
    #[schemars(extend("examples" = [json!({"port": 8080, "path": "/health?token_id={token_id}"})]))]
    pub(in crate::config) http: PodRequest,
}

/// `gate.kubernetes.pods.http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct PodRequest {
    /// The pods' port: 1 to 65535.
    #[schemars(extend("examples" = [8080]))]
    pub(in crate::config) port: Number,
    /// The path, and perhaps a query; `{token_id}` and the other placeholders are filled in.
    #[schemars(extend("examples" = ["/health?token_id={token_id}"]))]
    pub(in crate::config) path: String,
    /// The limit for one request: 100 ms to 1 min.
    #[schemars(extend("default" = "5s", "examples" = ["2s"]))]
    pub(in crate::config) timeout: Option<Span>,
}
