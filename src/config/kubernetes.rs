//! How the Kubernetes API server is reached, a store that is kept in it, and the workloads that read it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use url::Url;

use super::ClientCertificate;

/// `[kubernetes]`: the cluster. Where the section is not written, it is the one that pintail runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cluster {
    /// The one that the pod runs in, by the token and the authority that are mounted into it.
    #[default]
    Own,
    /// One by its address.
    Named {
        /// The API server; https, or http to a loopback address.
        api_url: Url,
        /// Its authorities, PEM; by default the system's.
        ca_file: Option<PathBuf>,
        /// A token, read anew for each request.
        token_file: Option<PathBuf>,
        /// A client certificate and its key, PEM: both or none.
        client_certificate: Option<ClientCertificate>,
    },
    /// One that a kubeconfig describes.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// The context; by default the file's current one.
        context: Option<String>,
    },
}

impl Cluster {
    /// What tells it from others, as far as the configuration does. Whoever else runs in the same cluster under the same
    /// owner's name is the same deployment.
    pub fn server(&self) -> String {
        match self {
            Self::Own => String::new(),
            Self::Named { api_url, .. } => api_url.to_string(),
            Self::Kubeconfig { file, context } => {
                format!("{}\n{}", file.display(), context.as_deref().unwrap_or_default())
            }
        }
    }
}

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesStore {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace of all Secrets of the store.
    pub namespace: String,
    /// Whether a Secret that does not exist is created (default true).
    pub create: bool,
    /// The type of Secrets that pintail creates (default `Opaque`).
    pub secret_type: String,
    /// Labels of one's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations of one's own.
    pub annotations: BTreeMap<String, String>,
}

/// `deploy.kubernetes`: workloads that are restarted, so that their pods read the Secret anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The cluster.
    pub cluster: Cluster,
    /// The credential, as Events name it.
    pub credential: String,
    /// The annotation of the pod template by which this credential restarts them; one of its own.
    pub annotation: String,
    /// The workloads, at least one.
    pub targets: Vec<Target>,
    /// A Secret that somebody else fills, and that must hold the served token before anything is restarted.
    pub after_secret: Option<SecretKey>,
    /// The Secrets that pintail itself keeps the token in.
    pub kept: Vec<SecretName>,
    /// Whether the gate asks each pod for the token that it uses.
    pub asks_pods: bool,
    /// Whether Events on the workloads tell of what happens (default false).
    pub events: bool,
    /// How long after the Secret's change the restart comes (default 90 s): a kubelet may give a new pod an old Secret
    /// from its cache.
    pub settle: Duration,
}

/// Workloads of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The namespace.
    pub namespace: String,
    /// Which ones.
    pub workloads: Workloads,
}

/// Which workloads are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workloads {
    /// The one of this name.
    Named(WorkloadKind, String),
    /// All of any kind with labels that this selector takes.
    Selected(String),
}

/// What keeps pods running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Pods that are all alike.
    Deployment,
    /// Pods with names and places of their own.
    StatefulSet,
    /// A pod on each node.
    DaemonSet,
    /// Pods at certain times, which end by themselves: none is replaced, those that run are waited for.
    CronJob,
}

impl WorkloadKind {
    /// Those that a selector takes.
    pub const SELECTED: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    /// Kubernetes' word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::CronJob => "CronJob",
        }
    }
}

/// A Secret by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// The Secret's namespace.
    pub namespace: String,
    /// The Secret.
    pub name: String,
    /// The key of the token's text.
    pub key: String,
}

/// `gate.kubernetes`: the workloads of `deploy.kubernetes`, pod by pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodGate {
    /// The workloads and their annotation.
    pub restart: Restart,
    /// What each pod is asked.
    pub http: Option<PodRequest>,
}

/// `gate.kubernetes.pods.http`: a GET to each pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRequest {
    /// The pods' port.
    pub port: u16,
    /// The path, and perhaps a query, placeholders included.
    pub path: String,
    /// The limit for one request (default 5 s).
    pub timeout: Duration,
}
