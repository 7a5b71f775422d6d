//! `[kubernetes]` and `[stores.NAME.kubernetes]`, checked; and what Kubernetes takes for a name.

mod restart;

use std::collections::BTreeMap;

use super::findings::{Findings, Key};
use super::service::base_url;
use crate::config::Credential;
use crate::config::raw::kubernetes as raw;
use crate::kubernetes::settings::Cluster;
use crate::names::CredentialName;
use crate::stores::settings::{KubernetesStore, StoreSettings};
use crate::tls::settings::ClientCertificate;

pub(super) use self::restart::{Restarts, need_new_secrets, pod_request, secret};

const TYPE: &str = "Opaque";
/// What pintail keeps for itself among labels and annotations.
const OURS: &str = "pintail.dev/";
/// The longest name of a Secret, less what pintail puts behind it for the one with earlier tokens.
const LONGEST_NAME: usize = 253 - "-previous".len();

/// `[kubernetes]`.
pub(super) fn cluster(raw: raw::Cluster, key: &Key<'_>, findings: &mut Findings) -> Cluster {
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

/// `[stores.NAME.kubernetes]`.
pub(super) fn store(
    raw: raw::Store,
    cluster: &Cluster,
    key: &Key<'_>,
    findings: &mut Findings,
) -> KubernetesStore {
    namespace(&raw.namespace, &key.child("namespace"), findings);
    let secret_type = findings.text(&key.child("type"), raw.r#type);
    for (name, value) in &raw.labels {
        let key = key.child("labels");
        qualified(name, &key.child(name), findings);
        if !is_label_value(value) {
            findings.problem(
                &key.child(name),
                "a label's value is empty, or up to 63 of a-z, A-Z, 0-9, '_', '-' and '.', with a letter or a digit \
                 at both ends",
            );
        }
    }
    for name in raw.annotations.keys() {
        qualified(name, &key.child("annotations").child(name), findings);
    }
    KubernetesStore {
        cluster: cluster.clone(),
        namespace: raw.namespace,
        create: raw.create.is_none_or(|flag| flag.0),
        secret_type: secret_type.unwrap_or_else(|| TYPE.to_owned()),
        labels: raw.labels,
        annotations: raw.annotations,
    }
}

/// Finds keys of a token's text that a Secret's data cannot have.
pub(super) fn fields(
    stores: &BTreeMap<String, Option<StoreSettings>>,
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    let section = Key::root("credentials");
    for credential in credentials.values() {
        let own = (&credential.store, &credential.token_field, &credential.token_id_field);
        let mirrors = credential.mirrors.iter();
        let mirrors =
            mirrors.map(|mirror| (&mirror.store, &mirror.token_field, &mirror.token_id_field));
        for (store, field, id_field) in mirrors.chain([own]) {
            let Some(Some(StoreSettings::Kubernetes(_))) = stores.get(store) else { continue };
            let key = section.child(credential.name.as_str());
            if !is_data_key(field) {
                findings.problem(&key.child("token_field"), DATA_KEY);
            }
            if id_field.as_ref().is_some_and(|field| !is_data_key(field)) {
                findings.problem(&key.child("token_id_field"), DATA_KEY);
            }
        }
    }
}

/// What is wrong with a key of a Secret's data.
const DATA_KEY: &str =
    "Kubernetes refuses this key: use up to 253 of a-z, A-Z, 0-9, '_', '-' and '.'";

/// Whether a Secret's data may have this key.
fn is_data_key(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=253).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with("..")
        && text != "."
}

/// A namespace's name.
pub(super) fn namespace(text: &str, key: &Key<'_>, findings: &mut Findings) {
    if !is_dns_label(text) {
        findings.problem(
            key,
            "this must be a namespace: up to 63 of a-z, 0-9 and '-', with a letter or a digit at both ends",
        );
    }
}

/// Whether Kubernetes takes this as the name of a Secret or a workload.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split('.').all(is_dns_label)
}

/// The name that a credential's Secret has by default: what is no letter, digit or `.` of a name becomes a `-`.
pub(super) fn default_name(credential: &str) -> String {
    let name = format!("motherduck-{}", credential.to_ascii_lowercase().replace('_', "-"));
    name.trim_end_matches(['-', '.']).to_owned()
}

fn is_dns_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || c == '-')
}

fn is_label_value(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63
            && text.starts_with(plain)
            && text.ends_with(plain)
            && text.chars().all(|c| plain(c) || matches!(c, '_' | '-' | '.')))
}

/// The name of a label or an annotation: `[PREFIX/]NAME`.
fn qualified(text: &str, key: &Key<'_>, findings: &mut Findings) {
    if text.starts_with(OURS) {
        findings.problem(key, "names that begin with `pintail.dev/` are pintail's own");
        return;
    }
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(a, b)| (Some(a), b));
    let prefix_is_sound =
        prefix.is_none_or(|text| text.len() <= 253 && text.split('.').all(is_dns_label));
    if name.is_empty() || !is_label_value(name) || !prefix_is_sound {
        findings
            .problem(key, "Kubernetes refuses this name: it must be `name` or `dns.prefix/name`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_kubernetes_takes() {
        for good in ["a", "motherduck-etl", "a.b-c.d", "0"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a_b", "a/b", "-a", "a-", "a..b", "a.-b", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_data_key("token_id") && is_data_key(".x"));
        assert!(
            !is_data_key("..x") && !is_data_key("a/b") && !is_data_key("") && !is_data_key(".")
        );
    }

    #[test]
    fn every_credential_has_a_name_that_kubernetes_takes() {
        for credential in ["etl_prod", "ETL.Prod", "a_", "x-1"] {
            let name = default_name(credential);
            assert!(is_name(&name), "{name}");
        }
    }
}
