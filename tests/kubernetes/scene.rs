//! The scene of a test: a namespace with workloads and a kubelet, a sandbox, and pintail with the rights that it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::fixture::MotherDuck;
use crate::kubelet::Kubelet;
use crate::program::{Run, Running};
use crate::sandbox::Sandbox;

/// The credential that most tests rotate, and its Secret.
pub const ETL: &str = "etl_prod";
pub const SECRET: &str = "motherduck-etl-prod";

const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that a test needs.
pub struct Scene {
    pub plane: Arc<ControlPlane>,
    pub sandbox: Arc<Sandbox>,
    pub namespace: String,
    pub kubelet: Kubelet,
    /// Where pintail reaches the API server: the server itself, or a relay to it.
    pub api_url: String,
    pub token_file: PathBuf,
    /// Further lines of the store.
    pub store: String,
    /// Lines of `[server]`.
    pub server: String,
    /// Lines of `[defaults]`.
    pub defaults: String,
    /// The credentials, whose accounts have the same names, and what each says more.
    pub credentials: Vec<(String, String)>,
    pub dir: tempfile::TempDir,
}

/// What `deploy/kubernetes` gives to pintail.
pub fn rules() -> Value {
    json!([
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]},
        {
            "apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"],
            "verbs": ["get", "list", "patch"],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["get", "patch"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ])
}

impl Scene {
    /// These accounts, and a gate that waits for the Deployment `reader`; nothing is there yet.
    pub async fn with(accounts: &[&str]) -> Self {
        let plane = Arc::new(ControlPlane::shared().await);
        let namespace = plane.namespace().await;
        let token = plane.account(&namespace, &rules()).await;
        let dir = tempfile::tempdir().unwrap();
        let token_file = dir.path().join("token");
        std::fs::write(&token_file, token).unwrap();
        let list = format!("--accounts={}", accounts.join(","));
        let sandbox = Arc::new(tokio::task::block_in_place(|| Sandbox::start(&[&list])));
        let kubelet = Kubelet::start(Arc::clone(&plane), &namespace, SECRET).await;
        let credentials = accounts.iter().map(|&name| (name.to_owned(), String::new())).collect();
        Self {
            api_url: plane.url.clone(),
            plane,
            sandbox,
            namespace,
            kubelet,
            token_file,
            store: String::new(),
            server: "enabled = false".to_owned(),
            defaults: gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "30s"),
            credentials,
            dir,
        }
    }

    pub fn configuration(&self) -> String {
        let mut text = format!(
            r#"owner = "e2e"
{}
[kubernetes]
api_url = "{}"
ca_file = "{}"
token_file = "{}"
[stores.k8s.kubernetes]
namespace = "{}"
{}
[server]
{}
[defaults]
store = "k8s"
every = "30d"
ttl = "45d"
{}
"#,
            MotherDuck::told(&self.sandbox.ready),
            self.api_url,
            self.plane.ca_file.display(),
            self.token_file.display(),
            self.namespace,
            self.store,
            self.server,
            self.defaults,
        );
        for (name, more) in &self.credentials {
            writeln!(text, "[credentials.{name}]\nusername = \"{name}\"\n{more}").unwrap();
        }
        text
    }

    /// The program's arguments, the configuration as it is now among them.
    pub fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let file = self.dir.path().join(format!("{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, self.configuration()).unwrap();
        let mut all = vec!["--config".to_owned(), file.display().to_string()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        all
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&self.arguments(arguments), &[])
    }

    /// Runs the program to its end.
    pub fn pintail(&self, arguments: &[&str]) -> Run {
        let running = self.start(arguments);
        tokio::task::block_in_place(|| running.wait())
    }

    pub fn rotate(&self, names: &[&str]) -> Run {
        self.pintail(&[&["--output", "json", "rotate-now"], names].concat())
    }

    /// The first token.
    pub fn first_token(&self) -> String {
        let run = self.rotate(&[ETL]);
        run.came_to(0, "rotated")["token_id"].as_str().unwrap().to_owned()
    }

    pub fn apps(&self, resource: &str) -> String {
        format!("apis/apps/v1/namespaces/{}/{resource}", self.namespace)
    }

    pub fn core(&self, resource: &str) -> String {
        format!("api/v1/namespaces/{}/{resource}", self.namespace)
    }

    /// Makes a workload of `kind` whose pods read the Secret.
    pub async fn workload(&self, kind: &str, name: &str, spec: Value) {
        self.workload_of(kind, name, SECRET, spec).await;
    }

    /// The same, whose pods read `secret`.
    pub async fn workload_of(&self, kind: &str, name: &str, secret: &str, spec: Value) {
        let labels = json!({"app": name});
        let container = json!({
            "name": "c", "image": "i", "envFrom": [{"secretRef": {"name": secret}}],
        });
        let template = json!({
            "metadata": {"labels": labels},
            "spec": {"containers": [container], "nodeSelector": {"of": self.namespace}},
        });
        let mut whole = json!({"selector": {"matchLabels": labels}, "template": template});
        let (given, whole_map) =
            (spec.as_object().unwrap().clone(), whole.as_object_mut().unwrap());
        whole_map.extend(given);
        let resource = format!("{}s", kind.to_ascii_lowercase());
        let body = json!({"metadata": {"name": name, "labels": labels}, "spec": whole});
        self.plane.done("POST", &self.apps(&resource), body).await;
    }

    /// A Deployment `reader` with so many pods, all of them running.
    pub async fn reader(&self, replicas: usize) {
        self.workload("Deployment", "reader", json!({"replicas": replicas})).await;
        self.until("the pods run", || self.kubelet.running().len() == replicas).await;
    }

    /// Waits until so many pods run, and all of them hold the served token.
    pub async fn until_settled(&self, pods: usize) {
        let served = self.served_id().await;
        self.until("all pods hold the served token", || {
            let running = self.kubelet.running();
            running.len() == pods
                && running.iter().all(|pod| pod.token_id.as_ref() == Some(&served))
        })
        .await;
    }

    /// Waits until another token is served than `before`.
    pub async fn until_served_anew(&self, before: &str) {
        let start = Instant::now();
        while self.served_id().await == before {
            assert!(start.elapsed() < PATIENCE, "no other token is served");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.plane.get(path).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Value {
        self.plane.done("PATCH", path, body).await
    }

    pub async fn secret(&self) -> BTreeMap<String, String> {
        let secret = self.get(&self.core(&format!("secrets/{SECRET}"))).await;
        let data = secret["data"].as_object().cloned().unwrap_or_default();
        let text = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        data.iter()
            .map(|(key, value)| (key.clone(), String::from_utf8(text(value)).unwrap()))
            .collect()
    }

    pub async fn served_id(&self) -> String {
        self.secret().await["token_id"].clone()
    }

    /// The IDs of the tokens that were revoked.
    pub fn revoked(&self) -> BTreeSet<String> {
        let events = tokio::task::block_in_place(|| self.sandbox.events());
        let revoked = events.into_iter().filter(|event| event.kind == "token_revoked");
        revoked.filter_map(|event| event.token_id).collect()
    }

    /// Asserts that every pod that runs holds the served token, and that no other one lives.
    pub async fn assert_settled(&self, pods: usize) {
        let served = self.served_id().await;
        let running = self.kubelet.running();
        assert_eq!(running.len(), pods, "{running:?}");
        for pod in &running {
            assert_eq!(pod.token_id.as_deref(), Some(served.as_str()), "{pod:?}");
        }
        let live = tokio::task::block_in_place(|| self.sandbox.live("pintail/e2e/"));
        assert_eq!(live, BTreeSet::from([served]));
    }

    pub async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(
                start.elapsed() < PATIENCE,
                "not in time: {what}: {:?}",
                self.kubelet.running()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// `[defaults]` with a restart of `targets`, and the gate for it.
pub fn gated(targets: &str, deadline: &str) -> String {
    format!(
        "deploy.kubernetes = {{ {targets}, settle = \"0s\" }}\n\
         gate.kubernetes = {{ interval = \"100ms\", successes = 1, deadline = \"{deadline}\" }}"
    )
}
