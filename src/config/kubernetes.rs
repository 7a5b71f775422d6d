//! `[kubernetes]`: the cluster; and what Kubernetes takes for a name.

mod names;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::names::{
    DATA_KEY, default_name, is_data_key, is_name, label, namespace, qualified,
};
use super::findings::{Findings, Key};
use super::scalar::FilePath;
use super::table::table;
use super::url::{Proxy, Url, base_url};
use crate::kubernetes::settings::Cluster;
use crate::tls::settings::ClientCertificate;

/// `[kubernetes]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Cluster")]
pub(super) struct Table {
    /// The API server, where pintail runs outside of the cluster: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://10.0.0.1:6443"]))]
    api_url: Option<Url>,
    /// The API server's certificate authorities, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/cluster-ca.pem"]))]
    ca_file: Option<FilePath>,
    /// A bearer token, read again as it is rotated.
    #[schemars(extend("examples" = ["/etc/pintail/cluster-token"]))]
    token_file: Option<FilePath>,
    /// A client certificate, PEM, together with its key.
    #[schemars(extend("examples" = ["/etc/pintail/client.pem"]))]
    client_cert_file: Option<FilePath>,
    /// The client certificate's key, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/client.key"]))]
    client_key_file: Option<FilePath>,
    /// A kubeconfig, in place of the keys above.
    #[schemars(extend("examples" = ["/etc/pintail/kubeconfig"]))]
    kubeconfig: Option<FilePath>,
    /// The kubeconfig's context; by default its current one.
    #[schemars(extend("examples" = ["production"]))]
    context: Option<String>,
    /// How requests get out, with `api_url` or `kubeconfig`; by default as the kubeconfig's `proxy-url` says.
    #[schemars(extend("examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
}

/// The section; the cluster that pintail runs in where it is not written.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Cluster {
    let raw: Table = table(root, "kubernetes", findings).unwrap_or_default();
    let key = &Key::root("kubernetes");
    let client_certificate = match (raw.client_cert_file, raw.client_key_file) {
        (Some(cert), Some(key)) => Some(ClientCertificate { cert_file: cert.0, key_file: key.0 }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            findings.problem(key, "`client_cert_file` and `client_key_file` belong together");
            None
        }
    };
    let proxy = raw.proxy.map(|proxy| proxy.0);
    if proxy.is_some() && raw.api_url.is_none() && raw.kubeconfig.is_none() {
        findings.problem(
            &key.child("proxy"),
            "the API server of pintail's own cluster is reached directly: this needs `api_url` or `kubeconfig` beside it",
        );
    }
    let context = findings.text(&key.child("context"), raw.context);
    let direct = raw.ca_file.is_some() || raw.token_file.is_some() || client_certificate.is_some();
    match (raw.kubeconfig, raw.api_url) {
        (Some(_), Some(_)) => {
            findings.problem(
                &key.child("kubeconfig"),
                "this names the API server already: leave `api_url` away",
            );
            Cluster::Own
        }
        (Some(file), None) => {
            if direct {
                findings.problem(
                    &key.child("kubeconfig"),
                    "this says already how to log in: leave `ca_file`, `token_file` and the client certificate away",
                );
            }
            Cluster::Kubeconfig { file: file.0, context, proxy }
        }
        (None, _) if context.is_some() => {
            findings.problem(&key.child("context"), "this needs `kubeconfig` beside it");
            Cluster::Own
        }
        (None, Some(url)) => {
            base_url(&url.0, &key.child("api_url"), findings);
            Cluster::Named {
                api_url: url.0,
                ca_file: raw.ca_file.map(|path| path.0),
                token_file: raw.token_file.map(|path| path.0),
                client_certificate,
                proxy: proxy.unwrap_or_default(),
            }
        }
        (None, None) => {
            if direct {
                findings.problem(
                    key,
                    "these need `api_url` beside them; without it pintail uses what is mounted into its pod",
                );
            }
            Cluster::Own
        }
    }
}
