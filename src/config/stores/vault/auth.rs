//! `[stores.NAME.vault.auth]`: how to log in to Vault.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::mount;
use crate::config::findings::{Findings, Key};
use crate::config::scalar::FilePath;
use crate::config::schema::named_schema;
use crate::config::secret::variable;
use crate::secret::SecretSource;
use crate::stores::settings::{SignedTokenMethod, VaultAuth};

const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How to log in to Vault.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AuthKinds")]
pub(super) enum Auth {
    Token(SecretSource),
    AppRole(AppRole),
    Kubernetes(Kubernetes),
    Jwt(Jwt),
}

// One of several: the table that it is read from.
named_schema!("Auth", Auth, |generator| AuthKinds::json_schema(generator));

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table with one way to log in")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct AuthKinds {
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
pub(super) struct AppRole {
    /// The role's ID.
    #[schemars(extend("examples" = ["59d6d1ca"]))]
    role_id: String,
    /// The file that holds the secret ID.
    #[schemars(extend("examples" = ["/etc/pintail/secret-id"]))]
    secret_id_file: FilePath,
    /// The auth mount.
    #[schemars(extend("default" = "approle", "examples" = ["ci"]))]
    mount: Option<String>,
}

/// Kubernetes; a pod's token is always at the same place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Kubernetes {
    /// The role.
    #[schemars(extend("examples" = ["pintail"]))]
    role: String,
    /// The auth mount.
    #[schemars(extend("default" = "kubernetes", "examples" = ["cluster-a"]))]
    mount: Option<String>,
    /// The file that holds the service-account token.
    #[schemars(extend("default" = POD_TOKEN, "examples" = ["/var/run/secrets/vault/token"]))]
    token_file: Option<FilePath>,
}

/// JWT.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Jwt {
    /// The role.
    #[schemars(extend("examples" = ["pintail"]))]
    role: String,
    /// The auth mount.
    #[schemars(extend("default" = "jwt", "examples" = ["ci"]))]
    mount: Option<String>,
    /// The file that holds the JWT.
    #[schemars(extend("examples" = ["/etc/pintail/jwt"]))]
    token_file: FilePath,
}

impl Auth {
    /// The way to log in, the defaults filled in.
    pub(super) fn check(self, key: &Key<'_>, findings: &mut Findings) -> VaultAuth {
        let (method, name, role, at, token_file) = match self {
            Self::Token(source) => return VaultAuth::Token(source),
            Self::AppRole(role) => return app_role(role, &key.child("approle"), findings),
            Self::Kubernetes(raw) => {
                let token_file =
                    raw.token_file.unwrap_or_else(|| FilePath(PathBuf::from(POD_TOKEN)));
                (SignedTokenMethod::Kubernetes, "kubernetes", raw.role, raw.mount, token_file)
            }
            Self::Jwt(raw) => (SignedTokenMethod::Jwt, "jwt", raw.role, raw.mount, raw.token_file),
        };
        let key = key.child(name);
        let role = findings.text(&key.child("role"), Some(role)).unwrap_or_default();
        let mount = mount(at.as_deref(), name, &key, findings);
        VaultAuth::SignedToken { method, role, mount, token_file: token_file.0 }
    }
}

fn app_role(raw: AppRole, key: &Key<'_>, findings: &mut Findings) -> VaultAuth {
    VaultAuth::AppRole {
        role_id: findings.text(&key.child("role_id"), Some(raw.role_id)).unwrap_or_default(),
        secret_id: SecretSource::File(raw.secret_id_file.0),
        mount: mount(raw.mount.as_deref(), "approle", key, findings),
    }
}
