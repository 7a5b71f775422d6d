//! The three kinds of stores as a consumer sees them: read and written by their own clients, never by pintail's code.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::clients::Clients;
use crate::servers::{Bao, Moto};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Vault,
    Aws,
}

/// A store, and where in it the secrets of one test are.
pub struct Place {
    pub kind: Kind,
    /// Where pintail reaches it: the server itself, or a relay to it.
    pub address: String,
    /// How pintail logs in to Vault, as the configuration says it, if not by a token's file.
    pub auth: Option<String>,
    prefix: String,
    dir: PathBuf,
}

impl Place {
    /// A place of its own for a test, with its files in `dir`.
    pub fn new(kind: Kind, dir: &Path) -> Self {
        let dir = dir.to_owned();
        let address = match kind {
            Kind::File => String::new(),
            Kind::Vault => Bao::shared().server.url.clone(),
            Kind::Aws => Moto::shared().server.url.clone(),
        };
        let token_file = dir.join("vault-token");
        if kind == Kind::Vault {
            private(&token_file, &Bao::shared().root_token);
        }
        Self { kind, address, auth: None, prefix: uuid::Uuid::new_v4().to_string(), dir }
    }

    /// Its table in the configuration.
    pub fn table(&self) -> String {
        let (dir, address) = (self.dir.display(), &self.address);
        match self.kind {
            Kind::File => {
                format!("[stores.main.file]\ndir = \"{dir}/secrets\"\nkeep_versions = 100\n")
            }
            Kind::Vault => {
                let auth = self.auth.clone();
                let auth =
                    auth.unwrap_or_else(|| format!("{{ token_file = \"{dir}/vault-token\" }}"));
                format!("[stores.main.vault]\naddress = \"{address}\"\nauth = {auth}\n")
            }
            Kind::Aws => format!(
                "[stores.main.aws_secrets_manager]\nregion = \"us-east-1\"\nendpoint_url = \"{address}\"\n"
            ),
        }
    }

    /// The path of a credential's secret.
    pub fn path(&self, credential: &str) -> String {
        format!("{}/{credential}", self.prefix)
    }

    /// The directory of a credential's secret in the file store.
    pub fn directory(&self, credential: &str) -> PathBuf {
        self.dir.join("secrets").join(self.path(credential))
    }

    /// The whole secret, the token included, or `None` if there is none.
    pub fn read(&self, clients: &Clients, credential: &str) -> Option<Map<String, Value>> {
        let path = self.path(credential);
        match self.kind {
            Kind::File => {
                let directory = self.directory(credential);
                let token = fs::read_to_string(directory.join("token")).ok()?;
                let record = fs::read_to_string(directory.join("record.json")).unwrap();
                let mut secret: Map<String, Value> = serde_json::from_str(&record).unwrap();
                secret.insert("motherduck_token".to_owned(), token.into());
                Some(secret)
            }
            Kind::Vault => {
                let text = bao(&["kv", "get", "-format=json", "-mount=secret", &path])?;
                let answer: Value = serde_json::from_str(&text).unwrap();
                answer["data"]["data"].as_object().cloned()
            }
            Kind::Aws => {
                let text = clients.secret(&Moto::shared().server.url, &path);
                Some(serde_json::from_str(&text).unwrap())
            }
        }
    }

    /// The versions of a secret that OpenBao has kept, oldest first, with their `data` and `metadata`.
    pub fn vault_versions(&self, credential: &str) -> Vec<Value> {
        let path = self.path(credential);
        let get = |arguments: &[&str]| {
            let text =
                bao(&[&["kv"], arguments, &["-format=json", "-mount=secret", &path]].concat());
            serde_json::from_str::<Value>(&text.unwrap()).unwrap()["data"].clone()
        };
        let metadata = get(&["metadata", "get"]);
        let numbers = metadata["versions"].as_object().unwrap().keys();
        let mut numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers.iter().map(|number| get(&["get", &format!("-version={number}")])).collect()
    }

    /// Writes the whole secret by hand.
    pub fn write(&self, clients: &Clients, credential: &str, secret: &Value) {
        let path = self.path(credential);
        match self.kind {
            Kind::File => {
                let directory = self.directory(credential);
                fs::create_dir_all(&directory).unwrap();
                let mut rest = secret.as_object().unwrap().clone();
                let token = rest.remove("motherduck_token");
                if let Some(token) = token.as_ref().and_then(Value::as_str) {
                    fs::write(directory.join("token.new"), token).unwrap();
                    fs::rename(directory.join("token.new"), directory.join("token")).unwrap();
                }
                let record = Value::Object(rest).to_string();
                fs::write(directory.join("record.new"), record).unwrap();
                fs::rename(directory.join("record.new"), directory.join("record.json")).unwrap();
            }
            Kind::Vault => {
                let file = self.dir.join("by-hand.json");
                private(&file, &secret.to_string());
                let argument = format!("@{}", file.display());
                bao(&["kv", "put", "-mount=secret", &path, &argument]).unwrap();
            }
            Kind::Aws => {
                clients.write_secret(&Moto::shared().server.url, &path, &secret.to_string());
            }
        }
    }
}

/// Puts a Vault token into pintail's hands that may read a credential's secret and write nothing.
pub fn allow_reading_alone(place: &Place, credential: &str) {
    let path = place.path(credential);
    let name = format!("reader-{}", place.prefix);
    let file = place.dir.join("policy.hcl");
    private(&file, &format!("path \"secret/data/{path}\" {{ capabilities = [\"read\"] }}\n"));
    bao(&["policy", "write", &name, &file.display().to_string()]).unwrap();
    let policy = format!("-policy={name}");
    let token = bao(&["token", "create", "-field=token", &policy]).unwrap();
    private(&place.dir.join("vault-token"), &token);
}

/// Lets pintail log in by an AppRole that may do everything.
pub fn log_in_by_approle(place: &mut Place) {
    let name = format!("role-{}", place.prefix);
    let file = place.dir.join("policy.hcl");
    private(
        &file,
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }\n",
    );
    bao(&["policy", "write", &name, &file.display().to_string()]).unwrap();
    bao(&["auth", "enable", &format!("-path={name}"), "approle"]).unwrap();
    let role = format!("auth/{name}/role/pintail");
    bao(&["write", &role, &format!("token_policies={name}")]).unwrap();
    let role_id = bao(&["read", "-field=role_id", &format!("{role}/role-id")]).unwrap();
    let secret_id = bao(&["write", "-force", "-field=secret_id", &format!("{role}/secret-id")]);
    let secret_id_file = place.dir.join("secret-id");
    private(&secret_id_file, &secret_id.unwrap());
    place.auth = Some(format!(
        "{{ approle = {{ role_id = \"{role_id}\", mount = \"{name}\", secret_id_file = \"{}\" }} }}",
        secret_id_file.display()
    ));
}

/// OpenBao's own command line; `None` if it says that there is no such thing.
pub fn bao(arguments: &[&str]) -> Option<String> {
    let output = Command::new(Bao::program())
        .args(arguments)
        .env_clear()
        .env("BAO_ADDR", &Bao::shared().server.url)
        .env("BAO_TOKEN", &Bao::shared().root_token)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || errors.contains("No value found"), "{errors}");
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// Writes a file that only its owner can read.
pub fn private(path: &Path, content: &str) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    std::io::Write::write_all(&mut options.open(path).unwrap(), content.as_bytes()).unwrap();
}
