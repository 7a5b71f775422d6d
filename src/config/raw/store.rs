//! `[stores.NAME]` as it is written: exactly one kind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::kubernetes as cluster;
use super::scalar::{FilePath, Number, Proxy, Url};
use super::secret::variable;
use crate::secret::SecretSource;

/// One store.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Kinds")]
pub(in crate::config) enum Store {
    File(File),
    Vault(Box<Vault>),
    AwsSecretsManager(Box<Aws>),
    Kubernetes(Box<cluster::Store>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with one kind of store")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct Kinds {
    /// Files in the layout of Kubernetes' mounted secrets.
    #[schemars(extend("examples" = [json!({"dir": "/var/lib/pintail/secrets"})]))]
    file: Option<File>,
    /// HashiCorp Vault or OpenBao, KV version 2.
    #[schemars(extend("examples" = [json!({"address": "https://vault.example.com:8200", "auth": {"kubernetes": {"role": "pintail"}}})]))]
    vault: Option<Box<Vault>>,
    /// AWS Secrets Manager.
    #[schemars(extend("examples" = [json!({"region": "eu-west-1"})]))]
    aws_secrets_manager: Option<Box<Aws>>,
    /// Secrets of Kubernetes.
    #[schemars(extend("examples" = [json!({"namespace": "data"})]))]
    kubernetes: Option<Box<cluster::Store>>,
}

impl TryFrom<Kinds> for Store {
    type Error = &'static str;

    fn try_from(kinds: Kinds) -> Result<Self, &'static str> {
        match (kinds.file, kinds.vault, kinds.aws_secrets_manager, kinds.kubernetes) {
            (Some(file), None, None, None) => Ok(Self::File(file)),
            (None, Some(vault), None, None) => Ok(Self::Vault(vault)),
            (None, None, Some(aws), None) => Ok(Self::AwsSecretsManager(aws)),
            (None, None, None, Some(store)) => Ok(Self::Kubernetes(store)),
            _ => Err(
                "a store is of exactly one kind: `file`, `vault`, `aws_secrets_manager` or `kubernetes`",
            ),
        }
    }
}

/// `[stores.NAME.file]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct File {
    /// The directory that holds all secrets of the store; absolute.
    #[schemars(extend("examples" = ["/var/lib/pintail/secrets"]))]
    pub(in crate::config) dir: FilePath,
    /// A Unix group that may read the secrets, by name or number.
    #[schemars(extend("examples" = ["etl"]))]
    pub(in crate::config) group: Option<String>,
    /// How many previous versions stay on disk: 1 to 100.
    #[schemars(extend("default" = 3, "examples" = [5]))]
    pub(in crate::config) keep_versions: Option<Number>,
    /// Further files beside the token, each with its name and its text: `{token}` stands for the token as it is, `{token:percent}` for the token in a URL, `{token:json}` for a JSON string.
    #[schemars(extend("examples" = [json!({"airflow.env": "AIRFLOW_CONN_MOTHERDUCK=duckdb://:{token:percent}@\n"})]))]
    #[serde(default)]
    pub(in crate::config) template: BTreeMap<String, String>,
}

/// `[stores.NAME.vault]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Vault {
    /// The server's URL: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://vault.example.com:8200"]))]
    pub(in crate::config) address: Url,
    /// The mount of the KV version 2 engine.
    #[schemars(extend("default" = "secret", "examples" = ["kv"]))]
    pub(in crate::config) mount: Option<String>,
    /// The namespace.
    #[schemars(extend("examples" = ["team"]))]
    pub(in crate::config) namespace: Option<String>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
    /// A client certificate, PEM, together with its key.
    #[schemars(extend("examples" = ["/etc/pintail/client.pem"]))]
    pub(in crate::config) client_cert_file: Option<FilePath>,
    /// The client certificate's key, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/client.key"]))]
    pub(in crate::config) client_key_file: Option<FilePath>,
    /// How to log in. Required.
    #[schemars(extend("examples" = [json!({"kubernetes": {"role": "pintail"}})]))]
    pub(in crate::config) auth: Auth,
}

/// How to log in to Vault.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AuthKinds")]
pub(in crate::config) enum Auth {
    Token(SecretSource),
    AppRole(AppRole),
    Kubernetes(Kubernetes),
    Jwt(Jwt),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with one way to log in")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct AuthKinds {
    /// A file with a Vault token, read again at each login.
    #[schemars(extend("examples" = ["/etc/pintail/vault-token"]))]
    token_file: Option<FilePath>,
    /// The name of the environment variable that holds a Vault token.
    #[schemars(extend("examples" = ["VAULT_TOKEN"]))]
    token_env: Option<String>,
    /// AppRole.
    #[schemars(extend("examples" = [json!({"role_id": "59d6d1ca", "secret_id_file": "/etc/pintail/secret-id"})]))]
    approle: Option<AppRole>,
    /// A service-account token of Kubernetes.
    #[schemars(extend("examples" = [json!({"role": "pintail"})]))]
    kubernetes: Option<Kubernetes>,
    /// A JWT of any issuer that Vault was told of.
    #[schemars(extend("examples" = [json!({"role": "pintail", "token_file": "/etc/pintail/jwt"})]))]
    jwt: Option<Jwt>,
}

impl TryFrom<AuthKinds> for Auth {
    type Error = String;

    fn try_from(kinds: AuthKinds) -> Result<Self, String> {
        match (kinds.token_file, kinds.token_env, kinds.approle, kinds.kubernetes, kinds.jwt) {
            (Some(file), None, None, None, None) => Ok(Self::Token(SecretSource::File(file.0))),
            (None, Some(name), None, None, None) => variable(name).map(Self::Token),
            (None, None, Some(role), None, None) => Ok(Self::AppRole(role)),
            (None, None, None, Some(role), None) => Ok(Self::Kubernetes(role)),
            (None, None, None, None, Some(role)) => Ok(Self::Jwt(role)),
            _ => Err("choose exactly one of `token_file`, `token_env`, `approle`, `kubernetes` and `jwt`"
                .to_owned()),
        }
    }
}

/// AppRole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AppRole {
    /// The role's ID.
    #[schemars(extend("examples" = ["59d6d1ca"]))]
    pub(in crate::config) role_id: String,
    /// The file that holds the secret ID.
    #[schemars(extend("examples" = ["/etc/pintail/secret-id"]))]
    pub(in crate::config) secret_id_file: FilePath,
    /// The auth mount.
    #[schemars(extend("default" = "approle", "examples" = ["ci"]))]
    pub(in crate::config) mount: Option<String>,
}

/// Kubernetes; a pod's token is always at the same place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Kubernetes {
    /// The role.
    #[schemars(extend("examples" = ["pintail"]))]
    pub(in crate::config) role: String,
    /// The auth mount.
    #[schemars(extend("default" = "kubernetes", "examples" = ["cluster-a"]))]
    pub(in crate::config) mount: Option<String>,
    /// The file that holds the service-account token.
    #[schemars(extend("default" = "/var/run/secrets/kubernetes.io/serviceaccount/token", "examples" = ["/var/run/secrets/vault/token"]))]
    pub(in crate::config) token_file: Option<FilePath>,
}

/// JWT.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Jwt {
    /// The role.
    #[schemars(extend("examples" = ["pintail"]))]
    pub(in crate::config) role: String,
    /// The auth mount.
    #[schemars(extend("default" = "jwt", "examples" = ["ci"]))]
    pub(in crate::config) mount: Option<String>,
    /// The file that holds the JWT.
    #[schemars(extend("examples" = ["/etc/pintail/jwt"]))]
    pub(in crate::config) token_file: FilePath,
}

/// `[stores.NAME.aws_secrets_manager]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Aws {
    /// The region; by default the AWS SDK's own chain decides.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub(in crate::config) region: Option<String>,
    /// The endpoint of a stand-in: https, or http to a loopback address.
    #[schemars(extend("examples" = ["http://127.0.0.1:5000"]))]
    pub(in crate::config) endpoint_url: Option<Url>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
    /// A role to assume.
    #[schemars(extend("examples" = ["arn:aws:iam::111122223333:role/pintail"]))]
    pub(in crate::config) role_arn: Option<String>,
    /// The KMS key of secrets that pintail creates.
    #[schemars(extend("examples" = ["alias/pintail"]))]
    pub(in crate::config) kms_key_id: Option<String>,
    /// Tags of secrets that pintail creates.
    #[schemars(extend("examples" = [json!({"team": "data"})]))]
    #[serde(default)]
    pub(in crate::config) tags: BTreeMap<String, String>,
}
