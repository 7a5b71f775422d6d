//! `gate.kubernetes`: the pods of the workloads that `deploy.kubernetes` restarts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::findings::{Findings, Key};
use crate::config::limits::{Limits, Range};
use crate::config::placeholders::Names;
use crate::config::polling::polled;
use crate::config::scalar::{Number, Span};
use crate::consumers::gate::settings::{Hook, PodGate, PodRequest as Checked};

const PORT: Range<u16> = Range::new(1, u16::MAX);
const TIMEOUT: Limits<Duration> =
    Range::new(Duration::from_millis(100), Duration::from_mins(1)).or(Duration::from_secs(5));

polled! {
    /// `gate.kubernetes`.
    #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, expecting = "a table")]
    #[schemars(rename = "KubernetesGate")]
    struct Table {
        /// What each pod is asked, too.
        #[schemars(extend("examples" = [json!({"http": {"port": 8080, "path": "/health?token_id={token_id}"}})]))]
        pods: Option<Pods>,
    }
}

/// `gate.kubernetes.pods`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Pods {
    /// A GET to each pod; a 2xx says that it holds the served token.
    #[schemars(extend("examples" = [json!({"port": 8080, "path": "/health?token_id={token_id}"})]))]
    http: PodRequest,
}

/// `gate.kubernetes.pods.http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct PodRequest {
    /// The pods' port.
    #[schemars(extend("examples" = [8080]), transform = PORT.schema())]
    port: Number,
    /// The path, and perhaps a query; `{token_id}` and the other placeholders are filled in.
    #[schemars(extend("examples" = ["/health?token_id={token_id}"]))]
    path: String,
    /// The limit for one request.
    #[schemars(extend("examples" = ["2s"]), transform = TIMEOUT.schema())]
    timeout: Option<Span>,
}

impl Table {
    /// Whether each pod is asked.
    pub(super) fn asks_pods(&self) -> bool {
        self.pods.is_some()
    }

    /// The gate of the workloads that `deploy` restarts.
    pub(super) fn check(
        self,
        deploy: Option<&Hook>,
        names: &Names<'_>,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Option<PodGate> {
        let Some(Hook::Kubernetes(restart)) = deploy else {
            findings.problem(
                key,
                "this waits for the pods of the workloads that `deploy.kubernetes` restarts: name them there",
            );
            return None;
        };
        let http = self
            .pods
            .map(|pods| pods.http.check(names, &key.child("pods").child("http"), findings));
        Some(PodGate { restart: (**restart).clone(), http })
    }
}

impl PodRequest {
    fn check(self, names: &Names<'_>, key: &Key<'_>, findings: &mut Findings) -> Checked {
        let path_key = key.child("path");
        match names.fill(&self.path) {
            Ok(path) if !path.starts_with('/') => {
                findings.problem(&path_key, "this must be a path, which begins with `/`");
            }
            Ok(_) => {}
            Err(text) => findings.problem(&path_key, text),
        }
        if !self.path.contains("{token_id}") {
            findings.warn_of(
            names.credential,
            "`gate.kubernetes.pods.http` does not ask for `{token_id}`: a pod that is healthy with an old token passes",
        );
        }
        Checked {
            port: findings.number_in(&key.child("port"), self.port, &PORT).unwrap_or(PORT.least),
            path: self.path,
            timeout: findings.span(&key.child("timeout"), self.timeout, &TIMEOUT),
        }
    }
}
