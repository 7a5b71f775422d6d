//! The place of a secret as it is written: a file or a variable, and never the secret itself.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::scalar::FilePath;
use crate::config::TOKEN_FIELD;
use crate::motherduck::settings::{AdminToken as AdminSource, StoredToken};
use crate::secret::SecretSource;

const PLACE: &str = "{ file = \"…\" } or { env = \"NAME\" }";

/// Where a secret is read from.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Place")]
pub(in crate::config) struct Secret(pub(in crate::config) SecretSource);

#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "{ file = \"…\" } or { env = \"NAME\" } (a secret itself does not belong in the configuration)"
)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::config) struct Place {
    /// The file that holds the secret.
    #[schemars(extend("examples" = ["/etc/pintail/admin-token"]))]
    file: Option<FilePath>,
    /// The name of the environment variable that holds the secret.
    #[schemars(extend("examples" = ["MOTHERDUCK_ADMIN_TOKEN"]))]
    env: Option<String>,
}

impl TryFrom<Place> for Secret {
    type Error = String;

    fn try_from(place: Place) -> Result<Self, String> {
        match (place.file, place.env) {
            (Some(file), None) => Ok(Self(SecretSource::File(file.0))),
            (None, Some(name)) => variable(name).map(Self),
            (None, None) | (Some(_), Some(_)) => {
                Err(format!("this must be {PLACE}, one of the two"))
            }
        }
    }
}

/// Where the admin token is read from: as any secret, or a secret in a store.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "AdminPlace")]
pub(in crate::config) struct AdminToken(AdminSource);

#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "{ file = \"…\" }, { env = \"NAME\" } or { store = \"…\", path = \"…\" } (a secret itself does not belong in the configuration)"
)]
pub(super) struct AdminPlace {
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
    #[schemars(extend("default" = "motherduck_token", "examples" = ["token"]))]
    field: Option<String>,
}

impl TryFrom<AdminPlace> for AdminToken {
    type Error = String;

    fn try_from(place: AdminPlace) -> Result<Self, String> {
        let AdminPlace { file, env, store, path, field } = place;
        match (store, path) {
            (Some(store), Some(path)) if file.is_none() && env.is_none() => {
                let token_field = field.unwrap_or_else(|| TOKEN_FIELD.to_owned());
                Ok(Self(AdminSource::Stored(StoredToken { store, path, token_field })))
            }
            (None, None) if field.is_none() => Secret::try_from(Place { file, env })
                .map(|secret| Self(AdminSource::Secret(secret.0))),
            _ => Err(format!(
                "this must be {PLACE}, or {{ store = \"…\", path = \"…\" }}, one of the three"
            )),
        }
    }
}

impl From<AdminToken> for AdminSource {
    fn from(token: AdminToken) -> Self {
        token.0
    }
}

/// The name of a variable that holds a secret.
pub(in crate::config) fn variable(name: String) -> Result<SecretSource, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.len() <= 128 && name.chars().all(plain) {
        Ok(SecretSource::Env(name))
    } else {
        Err("`env` takes the name of an environment variable, not its content".to_owned())
    }
}

/// A header's value: plain text, or the place of a secret.
#[derive(Debug, Clone)]
pub(in crate::config) enum Header {
    Plain(String),
    Secret(SecretSource),
}

/// Headers by name.
pub(in crate::config) type Headers = BTreeMap<String, Header>;

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text, {PLACE}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Header, E> {
        Ok(Header::Plain(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Header, A::Error> {
        Secret::deserialize(MapAccessDeserializer::new(map)).map(|secret| Header::Secret(secret.0))
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeaderVisitor)
    }
}
