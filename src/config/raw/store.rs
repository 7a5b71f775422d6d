//! `[stores.NAME]` as it is written: exactly one kind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

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
    file: Option<File>,
    vault: Option<Box<Vault>>,
    aws_secrets_manager: Option<Box<Aws>>,
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
    pub(in crate::config) dir: FilePath,
    pub(in crate::config) group: Option<String>,
    pub(in crate::config) keep_versions: Option<Number>,
}

/// `[stores.NAME.vault]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Vault {
    pub(in crate::config) address: Url,
    pub(in crate::config) mount: Option<String>,
    pub(in crate::config) namespace: Option<String>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
    pub(in crate::config) client_cert_file: Option<FilePath>,
    pub(in crate::config) client_key_file: Option<FilePath>,
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
    token_file: Option<FilePath>,
    token_env: Option<String>,
    approle: Option<AppRole>,
    kubernetes: Option<Kubernetes>,
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
    pub(in crate::config) role_id: String,
    pub(in crate::config) secret_id_file: FilePath,
    pub(in crate::config) mount: Option<String>,
}

/// Kubernetes; a pod's token is always at the same place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Kubernetes {
    pub(in crate::config) role: String,
    pub(in crate::config) mount: Option<String>,
    pub(in crate::config) token_file: Option<FilePath>,
}

/// JWT.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Jwt {
    pub(in crate::config) role: String,
    pub(in crate::config) mount: Option<String>,
    pub(in crate::config) token_file: FilePath,
}

/// `[stores.NAME.aws_secrets_manager]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Aws {
    pub(in crate::config) region: Option<String>,
    pub(in crate::config) endpoint_url: Option<Url>,
    pub(in crate::config) proxy: Option<Proxy>,
    pub(in crate::config) role_arn: Option<String>,
    pub(in crate::config) kms_key_id: Option<String>,
    #[serde(default)]
    pub(in crate::config) tags: BTreeMap<String, String>,
}
