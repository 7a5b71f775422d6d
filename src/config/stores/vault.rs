//! `[stores.NAME.vault]`: HashiCorp Vault or OpenBao.

mod auth;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use self::auth::Auth;
use crate::config::findings::{Findings, Key};
use crate::config::scalar::FilePath;
use crate::config::url::{Proxy, Url, base_url};
use crate::stores::settings::VaultStore;
use crate::tls::settings::ClientCertificate;

/// `[stores.NAME.vault]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Vault")]
pub(in crate::config) struct Table {
    /// The server's URL: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://vault.example.com:8200"]))]
    address: Url,
    /// The mount of the KV version 2 engine.
    #[schemars(extend("default" = "secret", "examples" = ["kv"]))]
    mount: Option<String>,
    /// The namespace.
    #[schemars(extend("examples" = ["team"]))]
    namespace: Option<String>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
    /// A client certificate, PEM, together with its key.
    #[schemars(extend("examples" = ["/etc/pintail/client.pem"]))]
    client_cert_file: Option<FilePath>,
    /// The client certificate's key, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/client.key"]))]
    client_key_file: Option<FilePath>,
    /// How to log in. Required.
    #[schemars(extend("examples" = [json!({"kubernetes": {"role": "pintail"}})]))]
    auth: Auth,
}

impl Table {
    /// The store, the defaults filled in.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> VaultStore {
        base_url(&self.address.0, &key.child("address"), findings);
        let client_certificate = match (self.client_cert_file, self.client_key_file) {
            (Some(cert), Some(key)) => {
                Some(ClientCertificate { cert_file: cert.0, key_file: key.0 })
            }
            (None, None) => None,
            (Some(_), None) => {
                findings.problem(
                    &key.child("client_cert_file"),
                    "this needs `client_key_file` beside it",
                );
                None
            }
            (None, Some(_)) => {
                findings.problem(
                    &key.child("client_key_file"),
                    "this needs `client_cert_file` beside it",
                );
                None
            }
        };
        let namespace = findings.text(&key.child("namespace"), self.namespace);
        VaultStore {
            address: self.address.0,
            mount: mount(self.mount.as_deref(), "secret", key, findings),
            namespace: namespace.map(|text| text.trim_matches('/').to_owned()),
            ca_file: self.ca_file.map(|path| path.0),
            proxy: self.proxy.map(|proxy| proxy.0).unwrap_or_default(),
            client_certificate,
            auth: self.auth.check(&key.child("auth"), findings),
        }
    }
}

/// A mount's path: as users write it, with or without slashes around it.
fn mount(raw: Option<&str>, default: &str, key: &Key<'_>, findings: &mut Findings) -> String {
    let text = raw.unwrap_or(default).trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let sound = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
    if !text.split('/').all(sound) {
        findings.problem(
            &key.child("mount"),
            "this must be the path of a mount: letters, digits, '_', '-' and '.', parted by '/'",
        );
    }
    text.to_owned()
}
