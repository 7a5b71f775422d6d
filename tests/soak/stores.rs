//! The stores of the soak: a directory, an OpenBao that keeps its data across restarts, and moto.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{ask, ask_as};
use crate::process::Paused;
use crate::servers::{self, Bao, Moto, Server, closed_port};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Vault,
    Aws,
}

/// A store.
pub enum Store {
    File(PathBuf),
    Vault(Raft),
    Aws(Moto),
}

impl Store {
    /// One of its own for a soak, with its files in `dir`.
    pub fn start(kind: Kind, dir: &Path) -> Self {
        match kind {
            Kind::File => Self::File(dir.join("secrets")),
            Kind::Vault => Self::Vault(Raft::start(dir)),
            Kind::Aws => Self::Aws(Moto::start()),
        }
    }

    /// Where it listens, if it does.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Vault(raft) => Some(&raft.url),
            Self::Aws(moto) => Some(&moto.server.url),
        }
    }

    /// Its table in the configuration, with pintail's way to it.
    pub fn table(&self, address: &str) -> String {
        match self {
            Self::File(dir) => {
                format!("[stores.main.file]\ndir = \"{}\"\nkeep_versions = 10\n", dir.display())
            }
            Self::Vault(raft) => format!(
                "[stores.main.vault]\naddress = \"{address}\"\nauth = {{ token_file = \"{}\" }}\n",
                raft.token_file.display()
            ),
            Self::Aws(_) => format!(
                "[stores.main.aws_secrets_manager]\nregion = \"us-east-1\"\nendpoint_url = \"{address}\"\n"
            ),
        }
    }

    /// Its process stands still, if it is one.
    pub fn pause(&self) -> Option<Paused> {
        match self {
            Self::File(_) => None,
            Self::Vault(raft) => raft.server.as_ref().map(|server| Paused::new(server.pid())),
            Self::Aws(moto) => Some(Paused::new(moto.server.pid())),
        }
    }
}

/// An OpenBao with raft storage.
pub struct Raft {
    /// Where it listens.
    pub url: String,
    /// The file that holds its root token.
    pub token_file: PathBuf,
    /// Its root token.
    pub token: String,
    key: String,
    config: PathBuf,
    server: Option<Server>,
}

impl Raft {
    fn start(dir: &Path) -> Self {
        let (port, cluster) = (closed_port(), closed_port());
        let data = dir.join("raft");
        fs::create_dir(&data).unwrap();
        let config = dir.join("bao.hcl");
        let text = format!(
            r#"storage "raft" {{
  path = "{}"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
disable_mlock = true
"#,
            data.display()
        );
        fs::write(&config, text).unwrap();
        let mut raft = Self {
            url: format!("http://127.0.0.1:{port}"),
            token_file: dir.join("vault-token"),
            token: String::new(),
            key: String::new(),
            config,
            server: None,
        };
        raft.launch();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let keys = raft.ask("PUT", "sys/init", &shares);
        keys["keys_base64"][0].as_str().unwrap().clone_into(&mut raft.key);
        keys["root_token"].as_str().unwrap().clone_into(&mut raft.token);
        raft.unseal();
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        raft.ask("POST", "sys/mounts/secret", &engine);
        until(|| raft.status("secret/config") == 200);
        fs::write(&raft.token_file, &raft.token).unwrap();
        raft
    }

    /// Ends it, with or without warning, and starts it again with the data that it has kept.
    pub fn restart(&mut self, is_warned: bool, pause: Duration) {
        if let Some(mut server) = self.server.take() {
            server.end(is_warned);
        }
        std::thread::sleep(pause);
        self.launch();
        self.unseal();
        until(|| self.status("secret/config") == 200);
    }

    fn launch(&mut self) {
        let config = format!("-config={}", self.config.display());
        let address = self.url.trim_start_matches("http://").to_owned();
        self.server = Some(servers::start(&Bao::program(), &["server", &config], |log| {
            log.contains("server started!").then(|| address.clone())
        }));
    }

    fn unseal(&self) {
        self.ask("PUT", "sys/unseal", &json!({"key": self.key}));
        until(|| self.status("sys/health") == 200);
    }

    fn status(&self, path: &str) -> u16 {
        ask_as(&self.token, "GET", &format!("{}/v1/{path}", self.url), "").0
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/v1/{path}", self.url);
        let (status, answer) = if self.token.is_empty() {
            ask(method, &url, &body.to_string())
        } else {
            ask_as(&self.token, method, &url, &body.to_string())
        };
        assert!(status < 300, "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }
}

fn until(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(1), "OpenBao is not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}
