//! How the consumers' health is asked for, and what makes them reload.

use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

use crate::consumers::command::settings::Command;
use crate::http::settings::HttpRequest;
use crate::kubernetes::settings::Cluster;

/// How the consumers' health is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Not at all: the pace alone decides.
    Unasked,
    /// By an HTTP request.
    Http(HttpRequest),
    /// By a command.
    Command(Command),
    /// By Kubernetes, pod by pod.
    Kubernetes(Box<PodGate>),
}

/// What makes the clients reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// An HTTP request.
    Http(HttpRequest),
    /// A command.
    Command(Command),
    /// A restart of workloads of Kubernetes.
    Kubernetes(Box<Restart>),
}

impl Hook {
    /// How long it waits after what it is to make clients read has changed.
    pub fn settle(&self) -> Duration {
        match self {
            Self::Http(_) | Self::Command(_) => Duration::ZERO,
            Self::Kubernetes(restart) => restart.settle,
        }
    }
}

/// `deploy.kubernetes`: workloads that are restarted, so that their pods read the Secret again.
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
