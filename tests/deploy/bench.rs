//! The built program with a sandbox, an OpenBao and a configuration: all that a rotation through Vault needs.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use pintail::sandbox::{Options, Sandbox, start};
use pintail::tls::{Roots, http_client};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::MotherDuck;
use crate::servers::Bao;

/// The path of a file that is shipped.
pub fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// The text of a file that is shipped.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).unwrap()
}

/// One credential whose secret is in an OpenBao.
pub struct Bench {
    bao: &'static Bao,
    client: reqwest::Client,
    sandbox: Sandbox,
    dir: tempfile::TempDir,
    namespace: Option<String>,
    /// The authority that pintail believes when it talks to OpenBao, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The credential's name, which nobody else has.
    pub credential: String,
}

impl Bench {
    pub async fn start() -> Self {
        Self::over(Bao::shared()).await
    }

    /// With this OpenBao.
    pub async fn over(bao: &'static Bao) -> Self {
        let roots = Roots::system_and(bao.ca_file.as_ref());
        let options = Options { accounts: vec!["etl_prod".parse().unwrap()], ..Options::default() };
        Self {
            bao,
            client: http_client(roots, None, Duration::from_secs(30)).unwrap(),
            sandbox: start(options).await.unwrap(),
            dir: tempfile::tempdir().unwrap(),
            ca_file: bao.ca_file.clone(),
            namespace: None,
            credential: format!("etl-{}", Uuid::new_v4().simple()),
        }
    }

    /// The same in a namespace of its own, with an engine like the one of the development mode.
    pub async fn in_namespace(self) -> Self {
        let namespace = format!("team-{}", Uuid::new_v4().simple());
        self.root("POST", &format!("sys/namespaces/{namespace}"), json!({})).await;
        let bench = Self { namespace: Some(namespace), ..self };
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        bench.root("POST", "sys/mounts/secret", engine).await;
        bench
    }

    /// A request with the root token.
    pub async fn root(&self, method: &str, path: &str, body: Value) -> Value {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}/v1/{path}", self.bao.server.url))
            .header("x-vault-token", &self.bao.root_token)
            .json(&body);
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let answer = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// A policy of these rules, by its name.
    pub async fn policy(&self, rules: &str) -> String {
        let name = format!("policy-{}", Uuid::new_v4());
        self.root("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": rules})).await;
        name
    }

    /// An auth method at a mount of its own.
    pub async fn auth(&self, method: &str) -> String {
        let mount = format!("{method}-{}", Uuid::new_v4());
        self.root("POST", &format!("sys/auth/{mount}"), json!({"type": method})).await;
        mount
    }

    /// How many Vault tokens live that came from logins as `auth` has it.
    pub async fn living_tokens(&self, auth: &str) -> usize {
        let mount = auth.split("mount = \"").nth(1).unwrap().split('"').next().unwrap();
        let path = json!(format!("auth/{mount}/login"));
        let listed = self.root("LIST", "auth/token/accessors", json!({})).await;
        let mut count = 0;
        for accessor in listed["data"]["keys"].as_array().unwrap() {
            let url = format!("{}/v1/auth/token/lookup-accessor", self.bao.server.url);
            let request = self.client.post(url).header("x-vault-token", &self.bao.root_token);
            // Others' tokens come and go meanwhile.
            let answer = request.json(&json!({"accessor": accessor})).send().await.unwrap();
            let about: Value = answer.json().await.unwrap_or_default();
            count += usize::from(about["data"]["path"] == path);
        }
        count
    }

    /// An AppRole with one policy and nothing else, as it stands in the configuration.
    pub async fn approle(&self, rules: &str) -> String {
        self.role(rules, true).await
    }

    /// The same with the default policy too, by which everybody may ask what it may do.
    pub async fn approle_that_may_ask(&self, rules: &str) -> String {
        self.role(rules, false).await
    }

    async fn role(&self, rules: &str, alone: bool) -> String {
        let policy = self.policy(rules).await;
        let mount = self.auth("approle").await;
        let role = format!("auth/{mount}/role/pintail");
        let body = json!({"token_policies": [policy], "token_no_default_policy": alone, "token_ttl": "5m"});
        self.root("POST", &role, body).await;
        let id = self.root("GET", &format!("{role}/role-id"), json!({})).await;
        let secret = self.root("POST", &format!("{role}/secret-id"), json!({})).await;
        let file = self.file("secret-id", secret["data"]["secret_id"].as_str().unwrap());
        let id = id["data"]["role_id"].as_str().unwrap();
        format!(
            "{{ approle = {{ role_id = \"{id}\", secret_id_file = \"{file}\", mount = \"{mount}\" }} }}"
        )
    }

    /// A file with this text, by its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// A certificate, for whoever insists on one.
    pub fn certificate(&self) -> String {
        std::fs::read_to_string(&self.sandbox.ready().ca_file).unwrap()
    }

    /// Runs the built program with `auth` as its way into OpenBao.
    pub async fn pintail(&self, auth: &str, arguments: &[&str]) -> Output {
        let namespace = self.namespace.as_ref().map(|name| format!("namespace = \"{name}\""));
        let ca_file = self.ca_file.as_ref().map(|path| format!("ca_file = \"{}\"", path.display()));
        let config = format!(
            r#"
owner = "test"
{motherduck}
[stores.main.vault]
address = "{vault}"
auth = {auth}
{namespace}
{vault_ca_file}
[credentials.{credential}]
username = "etl_prod"
store = "main"
every = "30d"
ttl = "60d"
gate = "none"
"#,
            motherduck = MotherDuck::of(self.sandbox.ready()),
            vault = self.bao.server.url,
            namespace = namespace.unwrap_or_default(),
            vault_ca_file = ca_file.unwrap_or_default(),
            credential = self.credential,
        );
        let config = self.file("pintail.toml", &config);
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pintail"));
        command.args(["--config", &config]).args(arguments);
        command.kill_on_drop(true).output().await.unwrap()
    }

    /// A whole rotation, and what was served by it.
    pub async fn rotate(&self, auth: &str) -> Value {
        let output = self.pintail(auth, &["--output", "json", "rotate-now", "--all"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let results: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(results["credentials"][0]["outcome"], "rotated", "{results}");
        results["credentials"][0].clone()
    }
}

/// Both outputs, for people.
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}
