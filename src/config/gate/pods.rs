//! `gate.kubernetes`: the pods of the workloads that `deploy.kubernetes` restarts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::findings::{Findings, Key};
use crate::config::placeholders::Names;
use crate::config::polling::polled;
use crate::config::scalar::{Number, Span};
use crate::consumers::gate::settings::{Hook, PodGate, PodRequest as Checked};

const TIMEOUT: Duration = Duration::from_secs(5);

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
    /// The pods' port: 1 to 65535.
    #[schemars(extend("examples" = [8080]))]
    port: Number,
    /// The path, and perhaps a query; `{token_id}` and the other placeholders are filled in.
    #[schemars(extend("examples" = ["/health?token_id={token_id}"]))]
    path: String,
    /// The limit for one request: 100 ms to 1 min.
    #[schemars(extend("default" = "5s", "examples" = ["2s"]))]
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
            port: findings.number(&key.child("port"), Some(self.port), 80_u16, 1..=u16::MAX),
            path: self.path,
            timeout: findings.span(
                &key.child("timeout"),
                self.timeout,
                TIMEOUT,
                Duration::from_millis(100)..=Duration::from_mins(1),
            ),
        }
    }
}
