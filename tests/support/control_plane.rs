//! A real control plane of Kubernetes for tests: started by the first test that needs it, ended with the whole run.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pintail::tls::{Roots, http_client};
use serde_json::{Value, json};

use crate::servers::{environment, of_the_run};

const PATIENCE: Duration = Duration::from_mins(2);
const ADVICE: &str = "build it by `tests/control-plane`, which takes a few minutes once; or let KUBEBUILDER_ASSETS name \
                      one; or say PINTAIL_TEST_WITHOUT_CONTROL_PLANE=1, and these tests do nothing";

/// The control plane: an API server with its controllers, and no kubelet.
pub struct ControlPlane {
    /// The API server's URL.
    pub url: String,
    /// Its authority.
    pub ca_file: PathBuf,
    /// The token of somebody who may do everything.
    pub token: String,
    pub http: reqwest::Client,
}

impl ControlPlane {
    /// Whether there is one here. Where the tests were told to do without, that is said aloud.
    #[expect(clippy::print_stderr, reason = "what is not tested is said aloud")]
    pub fn is_there() -> bool {
        let without = std::env::var_os("PINTAIL_TEST_WITHOUT_CONTROL_PLANE");
        let is_there = without.is_none_or(|text| text != "1");
        if !is_there {
            eprintln!("NOT TESTED: there is no control plane of Kubernetes");
        }
        is_there
    }

    /// The one of this run.
    pub async fn shared() -> Self {
        let find = || of_the_run("control-plane", start);
        let ready = tokio::task::spawn_blocking(find).await.unwrap();
        let text = |key: &str| ready[key].as_str().unwrap().to_owned();
        let ca_file = PathBuf::from(text("ca_file"));
        let http = http_client(Roots::Only(&ca_file), None, Duration::from_secs(30)).unwrap();
        Self { url: text("url"), ca_file, token: text("token"), http }
    }

    /// A kubeconfig of somebody who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.ca_file.ancestors().nth(2).unwrap().join("kubeconfig")
    }

    /// A request of the administrator's.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.ask_as(&self.token, method, path, body).await
    }

    /// A request with a token.
    pub async fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let url = format!("{}/{path}", self.url);
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The same, which must succeed.
    pub async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, Some(&body)).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// What is there; `null` if nothing is.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, None).await;
        assert!(status == 200 || status == 404, "{path}: {status} {answer}");
        if status == 200 { answer } else { Value::Null }
    }

    /// A namespace that no other test knows.
    pub async fn namespace(&self) -> String {
        let name = format!("t-{}", uuid::Uuid::new_v4());
        self.done("POST", "api/v1/namespaces", json!({"metadata": {"name": name}})).await;
        name
    }

    /// A ServiceAccount in `namespace` with these rules, and a token of its that lives for ten minutes.
    pub async fn account(&self, namespace: &str, rules: &Value) -> String {
        let name = format!("a-{}", uuid::Uuid::new_v4());
        let metadata = json!({"name": name, "namespace": namespace});
        let core = format!("api/v1/namespaces/{namespace}/serviceaccounts");
        self.done("POST", &core, json!({"metadata": metadata})).await;
        let rbac = format!("apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
        let role = json!({"metadata": metadata, "rules": rules});
        self.done("POST", &format!("{rbac}/roles"), role).await;
        let subject = json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        let binding = json!({"metadata": metadata, "subjects": [subject], "roleRef": role});
        self.done("POST", &format!("{rbac}/rolebindings"), binding).await;
        self.account_token(namespace, &name).await
    }

    /// A fresh token of a ServiceAccount.
    pub async fn account_token(&self, namespace: &str, name: &str) -> String {
        let path = format!("api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({"spec": {"expirationSeconds": 600, "audiences": []}});
        let answer = self.done("POST", &path, request).await;
        answer["status"]["token"].as_str().unwrap().to_owned()
    }
}

/// The programs, from wherever they are.
fn assets() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane");
    let found = Command::new(script).arg("--present").output().unwrap();
    assert!(
        found.status.success(),
        "no control plane: {ADVICE}\n{}",
        String::from_utf8_lossy(&found.stderr)
    );
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

/// Starts it, in the folder that goes with the run.
#[expect(
    clippy::zombie_processes,
    reason = "it outlives the test, and ends with whoever runs them all"
)]
fn start(folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/control_plane.py");
    let log = File::create(folder.join("log")).unwrap();
    Command::new(environment().join("bin/python3"))
        .arg(script)
        .arg(assets())
        .arg(folder)
        .arg(nix::unistd::getppid().to_string())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let start = Instant::now();
    let ready = loop {
        if let Ok(ready) = std::fs::read(folder.join("ready.json")) {
            break ready;
        }
        let failed = std::fs::read_to_string(folder.join("failed"));
        assert!(failed.is_err(), "no control plane: {failed:?}");
        assert!(start.elapsed() < PATIENCE, "the control plane was not ready in time");
        std::thread::sleep(Duration::from_millis(50));
    };
    serde_json::from_slice(&ready).unwrap()
}
