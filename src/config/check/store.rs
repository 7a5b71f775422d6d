//! `[stores.NAME]`, checked.

use std::path::{Component, Path, PathBuf};

use super::findings::{Findings, Key};
use super::kubernetes;
use super::service::base_url;
use crate::config::raw::scalar::FilePath;
use crate::config::raw::store as raw;
use crate::kubernetes::settings::Cluster;
use crate::stores::Template;
use crate::stores::settings::{
    AwsStore, FileStore, SignedTokenMethod, StoreSettings, VaultAuth, VaultStore,
};
use crate::tls::settings::ClientCertificate;

const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// One store.
pub(super) fn check(
    store: raw::Store,
    cluster: &Cluster,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<StoreSettings> {
    match store {
        raw::Store::File(store) => file(store, &key.child("file"), findings),
        raw::Store::Vault(store) => Some(vault(*store, &key.child("vault"), findings)),
        raw::Store::AwsSecretsManager(store) => {
            Some(aws(*store, &key.child("aws_secrets_manager"), findings))
        }
        raw::Store::Kubernetes(store) => Some(StoreSettings::Kubernetes(kubernetes::store(
            *store,
            cluster,
            &key.child("kubernetes"),
            findings,
        ))),
    }
}

fn file(raw: raw::File, key: &Key<'_>, findings: &mut Findings) -> Option<StoreSettings> {
    let keep_versions =
        findings.number(&key.child("keep_versions"), raw.keep_versions, 3_u16, 1..=100);
    let mut templates = vec![];
    for (name, text) in &raw.template {
        let key = key.child("template");
        templates.extend(findings.accept(&key.child(name), Template::parse(name, text)));
    }
    Some(StoreSettings::File(FileStore {
        dir: findings.accept(&key.child("dir"), absolute(&raw.dir.0))?,
        group: findings.text(&key.child("group"), raw.group),
        keep_versions: usize::from(keep_versions),
        templates,
    }))
}

/// The directory without superfluous parts, so that two stores in one place are recognised.
fn absolute(dir: &Path) -> Result<PathBuf, &'static str> {
    if !dir.is_absolute() || dir.components().any(|part| part == Component::ParentDir) {
        return Err("this must be an absolute path without `..`");
    }
    Ok(dir.components().collect())
}

fn vault(raw: raw::Vault, key: &Key<'_>, findings: &mut Findings) -> StoreSettings {
    base_url(&raw.address.0, &key.child("address"), findings);
    let client_certificate = match (raw.client_cert_file, raw.client_key_file) {
        (Some(cert), Some(key)) => Some(ClientCertificate { cert_file: cert.0, key_file: key.0 }),
        (None, None) => None,
        (Some(_), None) => {
            findings
                .problem(&key.child("client_cert_file"), "this needs `client_key_file` beside it");
            None
        }
        (None, Some(_)) => {
            findings
                .problem(&key.child("client_key_file"), "this needs `client_cert_file` beside it");
            None
        }
    };
    let namespace = findings.text(&key.child("namespace"), raw.namespace);
    StoreSettings::Vault(VaultStore {
        address: raw.address.0,
        mount: mount(raw.mount.as_deref(), "secret", key, findings),
        namespace: namespace.map(|text| text.trim_matches('/').to_owned()),
        ca_file: raw.ca_file.map(|path| path.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
        client_certificate,
        auth: auth(raw.auth, &key.child("auth"), findings),
    })
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

fn auth(raw: raw::Auth, key: &Key<'_>, findings: &mut Findings) -> VaultAuth {
    let (method, name, role, at, token_file) = match raw {
        raw::Auth::Token(source) => return VaultAuth::Token(source),
        raw::Auth::AppRole(role) => return app_role(role, &key.child("approle"), findings),
        raw::Auth::Kubernetes(raw) => {
            let token_file = raw.token_file.unwrap_or_else(|| FilePath(PathBuf::from(POD_TOKEN)));
            (SignedTokenMethod::Kubernetes, "kubernetes", raw.role, raw.mount, token_file)
        }
        raw::Auth::Jwt(raw) => (SignedTokenMethod::Jwt, "jwt", raw.role, raw.mount, raw.token_file),
    };
    let key = key.child(name);
    let role = findings.text(&key.child("role"), Some(role)).unwrap_or_default();
    let mount = mount(at.as_deref(), name, &key, findings);
    VaultAuth::SignedToken { method, role, mount, token_file: token_file.0 }
}

fn app_role(raw: raw::AppRole, key: &Key<'_>, findings: &mut Findings) -> VaultAuth {
    VaultAuth::AppRole {
        role_id: findings.text(&key.child("role_id"), Some(raw.role_id)).unwrap_or_default(),
        secret_id: crate::secret::SecretSource::File(raw.secret_id_file.0),
        mount: mount(raw.mount.as_deref(), "approle", key, findings),
    }
}

fn aws(raw: raw::Aws, key: &Key<'_>, findings: &mut Findings) -> StoreSettings {
    if let Some(url) = &raw.endpoint_url {
        base_url(&url.0, &key.child("endpoint_url"), findings);
    }
    for (name, value) in &raw.tags {
        let fits = (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256;
        if !fits || name.starts_with("aws:") {
            findings.problem(
                &key.child("tags").child(name),
                "AWS refuses this tag: names have 1 to 128 characters and do not begin with `aws:`, values have up to \
                 256",
            );
        }
    }
    StoreSettings::AwsSecretsManager(AwsStore {
        region: findings.text(&key.child("region"), raw.region),
        endpoint_url: raw.endpoint_url.map(|url| url.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
        role_arn: findings.text(&key.child("role_arn"), raw.role_arn),
        kms_key_id: findings.text(&key.child("kms_key_id"), raw.kms_key_id),
        tags: raw.tags,
    })
}
