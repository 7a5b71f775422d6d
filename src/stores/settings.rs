//! Where secrets are kept: one kind of settings for each kind of store.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

use super::Template;
use crate::http::settings::Proxy;
use crate::kubernetes::settings::Cluster;
use crate::secret::SecretSource;
use crate::tls::settings::ClientCertificate;

/// `[stores.NAME]`: exactly one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// Files in the layout of Kubernetes' mounted secrets.
    File(FileStore),
    /// HashiCorp Vault or OpenBao, KV version 2.
    Vault(VaultStore),
    /// AWS Secrets Manager.
    AwsSecretsManager(AwsStore),
    /// Secrets of Kubernetes.
    Kubernetes(KubernetesStore),
}

/// `[stores.NAME.file]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStore {
    /// The directory that holds all secrets of the store; absolute.
    pub dir: PathBuf,
    /// A Unix group that may read the secrets, by name or number.
    pub group: Option<String>,
    /// How many previous versions stay on disk (1 to 100, default 3).
    pub keep_versions: usize,
    /// Further files of each version, in shapes of one's own.
    pub templates: Vec<Template>,
}

/// `[stores.NAME.vault]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultStore {
    /// The server's URL; https, or http to a loopback address.
    pub address: Url,
    /// The mount of the KV version 2 engine (default `secret`).
    pub mount: String,
    /// The namespace, if any.
    pub namespace: Option<String>,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests get out.
    pub proxy: Proxy,
    /// A client certificate and its key, PEM: both or none.
    pub client_certificate: Option<ClientCertificate>,
    /// How to log in.
    pub auth: VaultAuth,
}

/// How to log in to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultAuth {
    /// A Vault token, read anew at each login.
    Token(SecretSource),
    /// AppRole.
    AppRole {
        /// The role's ID.
        role_id: String,
        /// Where the secret ID is read from.
        secret_id: SecretSource,
        /// The auth mount (default `approle`).
        mount: String,
    },
    /// Kubernetes or JWT: a signed token of the platform's, exchanged for a Vault token.
    SignedToken {
        /// Which of the two login endpoints' conventions holds: its name is the default mount.
        method: SignedTokenMethod,
        /// The role.
        role: String,
        /// The auth mount (default: the method's name).
        mount: String,
        /// The file with the platform's token.
        token_file: PathBuf,
    },
}

/// The kinds of login with a platform's signed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedTokenMethod {
    /// A Kubernetes service-account token.
    Kubernetes,
    /// A JWT of any issuer that Vault was told of.
    Jwt,
}

/// `[stores.NAME.aws_secrets_manager]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsStore {
    /// How requests get out.
    pub proxy: Proxy,
    /// The region; by default the SDK's own chain decides.
    pub region: Option<String>,
    /// The endpoint of a stand-in; https, or http to a loopback address.
    pub endpoint_url: Option<Url>,
    /// A role to assume.
    pub role_arn: Option<String>,
    /// The KMS key for secrets that pintail creates.
    pub kms_key_id: Option<String>,
    /// Tags for secrets that pintail creates.
    pub tags: BTreeMap<String, String>,
}

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesStore {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace of all Secrets of the store.
    pub namespace: String,
    /// Whether a Secret that does not exist is created (default true).
    pub create: bool,
    /// The type of Secrets that pintail creates (default `Opaque`).
    pub secret_type: String,
    /// Labels of one's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations of one's own.
    pub annotations: BTreeMap<String, String>,
}

/// What a secret looks like to its readers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The record, the user's own keys and the token under its key, as one object.
    #[default]
    Json,
    /// The bare text of the token. Only AWS Secrets Manager has such secrets: Vault's are always objects, and the
    /// file store keeps the bare text in a file of its own. There is no record in it, so it is always a mirror.
    Plain,
}
