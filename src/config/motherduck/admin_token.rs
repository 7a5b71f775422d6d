//! `motherduck.admin_token`: as any secret, or a secret in a store; then of the one credential that is kept there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::credential::TOKEN_FIELD;
use crate::config::findings::{Findings, Key};
use crate::config::scalar::FilePath;
use crate::config::schema::named_schema;
use crate::config::secret::{PLACE, Secret};
use crate::config::{Credential, Mirror, path, suggest};
use crate::consumers::verify::settings::Proof;
use crate::motherduck::settings::{AdminToken as Source, MotherDuck, StoredToken};
use crate::names::CredentialName;
use crate::record::TokenType;
use crate::stores::settings::StoreSettings;

/// Where the admin token is read from: as any secret, or a secret in a store.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Table")]
pub(super) struct AdminToken(Source);

// One of several: the table that it is read from.
named_schema!("AdminToken", AdminToken, |generator| Table::json_schema(generator));

#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "{ file = \"…\" }, { env = \"NAME\" } or { store = \"…\", path = \"…\" } (a secret itself does not belong in the configuration)"
)]
#[schemars(rename = "AdminPlace")]
struct Table {
    /// The file that holds the secret.
    #[schemars(extend("examples" = ["/etc/pintail/admin-token"]))]
    file: Option<FilePath>,
    /// The name of the environment variable that holds the secret.
    #[schemars(extend("examples" = ["MOTHERDUCK_ADMIN_TOKEN"]))]
    env: Option<String>,
    /// The name of the store that holds the secret.
    #[schemars(extend("examples" = ["vault"]))]
    store: Option<String>,
    /// Where in the store.
    #[schemars(extend("examples" = ["motherduck/admin"]))]
    path: Option<String>,
    /// The key of the token's text.
    #[schemars(extend("default" = TOKEN_FIELD, "examples" = ["token"]))]
    field: Option<String>,
}

impl TryFrom<Table> for AdminToken {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { file, env, store, path, field } = table;
        match (store, path) {
            (Some(store), Some(path)) if file.is_none() && env.is_none() => {
                let token_field = field.unwrap_or_else(|| TOKEN_FIELD.to_owned());
                Ok(Self(Source::Stored(StoredToken { store, path, token_field })))
            }
            (None, None) if field.is_none() => {
                Secret::at(file, env).map(|secret| Self(Source::Secret(secret.0)))
            }
            _ => Err(format!(
                "this must be {PLACE}, or {{ store = \"…\", path = \"…\" }}, one of the three"
            )),
        }
    }
}

impl From<AdminToken> for Source {
    fn from(token: AdminToken) -> Self {
        token.0
    }
}

/// Where the admin token is kept in a store, that store exists; and whatever credential is kept there too is verified
/// as an admin token is. A credential that is so verified is kept nowhere else.
pub(in crate::config) fn check(
    motherduck: Option<&MotherDuck>,
    stores: &BTreeMap<String, Option<StoreSettings>>,
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    let place = match motherduck.map(|motherduck| &motherduck.admin_token) {
        Some(Source::Stored(place)) => Some(place),
        Some(Source::Secret(_)) | None => None,
    };
    if let Some(place) = place {
        let key = Key::root("motherduck");
        let key = key.child("admin_token");
        if let Some(store) = stores.get(&place.store) {
            findings.accept(&key.child("path"), path::sound(place.path.clone(), store.as_ref()));
        } else {
            let known = stores.keys().map(String::as_str);
            let text =
                format!("`{}`: {}", place.store, suggest::unknown("store", &place.store, known));
            findings.problem(&key.child("store"), text);
        }
    }
    for credential in credentials.values() {
        self::credential(place, credential, findings);
    }
}

fn credential(place: Option<&StoredToken>, credential: &Credential, findings: &mut Findings) {
    let section = Key::root("credentials");
    let key = section.child(credential.name.as_str());
    let is_here =
        place.is_some_and(|place| place.store == credential.store && place.path == credential.path);
    let is_copied_here = |place: &StoredToken| {
        let here = |mirror: &Mirror| mirror.store == place.store && mirror.path == place.path;
        credential.mirrors.iter().any(here)
    };
    if place.is_some_and(is_copied_here) {
        findings.problem(
            &key.child("mirrors"),
            "motherduck.admin_token is kept in the same place; it must be where the credential's own secret is",
        );
    }
    match (&*credential.verify, is_here) {
        (Proof::Admin, false) => findings.problem(
            &key.child("verify"),
            format!(
                "\"admin\" is for pintail's own admin token: motherduck.admin_token must be {{ store = {:?}, path = {:?} }}",
                credential.store, credential.path
            ),
        ),
        (Proof::Connection(_), true) => findings.problem(
            &key.child("verify"),
            "motherduck.admin_token is kept in the same place, so this must be \"admin\": what the token must be able \
             to do is tried before the old one is revoked",
        ),
        (Proof::Admin, true) => admin(place, credential, &key, findings),
        (Proof::Connection(_), false) => {}
    }
}

fn admin(
    place: Option<&StoredToken>,
    credential: &Credential,
    key: &Key<'_>,
    findings: &mut Findings,
) {
    if place.is_some_and(|place| place.token_field != credential.token_field) {
        findings.problem(
            &key.child("token_field"),
            "this must be the `field` of motherduck.admin_token, which is kept in the same place",
        );
    }
    if credential.token_type != TokenType::ReadWrite {
        findings.problem(&key.child("token_type"), "an admin token is of type \"read_write\"");
    }
}
