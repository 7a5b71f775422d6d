//! `mirrors` as they are written: the names of stores, or tables that say more.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::scalar::{FieldName, Word};
use crate::stores::settings::Format;

/// A further place of a credential's token. What is absent is as in the credential itself.
#[derive(Debug, Clone)]
pub(in crate::config) struct Mirror {
    pub(in crate::config) store: String,
    pub(in crate::config) path: Option<String>,
    pub(in crate::config) token_field: Option<String>,
    pub(in crate::config) token_id_field: Option<FieldName>,
    pub(in crate::config) format: Option<Word<Format>>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "MirrorTable")]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Table {
    /// The name of the store.
    #[schemars(extend("examples" = ["aws"]))]
    store: String,
    /// Where in the store; by default as in the credential's own.
    #[schemars(extend("examples" = ["etl/token"]))]
    path: Option<String>,
    /// The key of the token's text; by default as in the credential's own.
    #[schemars(extend("examples" = ["MOTHERDUCK_TOKEN"]))]
    token_field: Option<String>,
    /// The key of the token's ID beside it, or false to leave it out; by default as in the credential's own.
    #[schemars(extend("examples" = [false]))]
    token_id_field: Option<FieldName>,
    /// What the secret looks like: `json`, an object with the token under its key, or `plain`, the bare token, in AWS Secrets Manager alone.
    #[schemars(extend("default" = "json", "examples" = ["plain"]))]
    format: Option<Word<Format>>,
}

struct MirrorVisitor;

impl<'de> Visitor<'de> for MirrorVisitor {
    type Value = Mirror;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a store, or { store = \"…\", path = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, store: &str) -> Result<Mirror, E> {
        Ok(Mirror {
            store: store.to_owned(),
            path: None,
            token_field: None,
            token_id_field: None,
            format: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mirror, A::Error> {
        let Table { store, path, token_field, token_id_field, format } =
            Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Mirror { store, path, token_field, token_id_field, format })
    }
}

impl<'de> Deserialize<'de> for Mirror {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MirrorVisitor)
    }
}
