//! The place of a secret as it is written: a file or a variable, and never the secret itself.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::FilePath;
use super::schema::named_schema;
use crate::secret::SecretSource;

/// How the place of a secret is written.
pub(super) const PLACE: &str = "{ file = \"…\" } or { env = \"NAME\" }";

/// Where a secret is read from.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Place")]
pub(in crate::config) struct Secret(pub(in crate::config) SecretSource);

// One of several: the table that it is read from.
named_schema!("Secret", Secret, |generator| Place::json_schema(generator));

#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "{ file = \"…\" } or { env = \"NAME\" } (a secret itself does not belong in the configuration)"
)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Place {
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
        Self::at(place.file, place.env)
    }
}

impl Secret {
    /// The one of the two that is there.
    pub(in crate::config) fn at(
        file: Option<FilePath>,
        env: Option<String>,
    ) -> Result<Self, String> {
        match (file, env) {
            (Some(file), None) => Ok(Self(SecretSource::File(file.0))),
            (None, Some(name)) => variable(name).map(Self),
            (None, None) | (Some(_), Some(_)) => {
                Err(format!("this must be {PLACE}, one of the two"))
            }
        }
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
