//! `format` and `mirrors` of a credential: where else its token is kept, and what it looks like there.

use std::fmt;

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::fields;
use crate::config::findings::{Findings, Key};
use crate::config::kubernetes::{default_name, is_name};
use crate::config::path;
use crate::config::placeholders::fill;
use crate::config::scalar::{FieldName, Word};
use crate::config::schema::named_schema;
use crate::config::stores::{self, Stores};
use crate::stores::settings::{Format, StoreSettings};

/// A further place where a credential's token is kept: a copy of what [`Credential::path`](crate::config::Credential::path)
/// in [`Credential::store`](crate::config::Credential::store) serves. The copy decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The store's name; it exists in [`Config::stores`](crate::config::Config::stores).
    pub store: String,
    /// Where in the store the copy is, placeholders filled in: relative, without empty, `.` or `..` parts.
    pub path: String,
    /// The key of the token's text; of no meaning in a plain one.
    pub token_field: String,
    /// The key of the token's ID beside it, if it is to stand there; of no meaning in a plain one.
    pub token_id_field: Option<String>,
    /// What the copy looks like; plain only in AWS Secrets Manager.
    pub format: Format,
}

impl Mirror {
    /// The place, for people.
    pub fn place(&self) -> String {
        format!("{} in store {}", self.path, self.store)
    }
}

/// Where the record of a credential with `format = "plain"` is kept, below the secret that consumers read.
pub(in crate::config) const RECORD: &str = "pintail";

/// A further place of a credential's token. What is absent is as in the credential itself.
#[derive(Debug, Clone)]
pub(in crate::config) struct Written {
    store: String,
    path: Option<String>,
    token_field: Option<String>,
    token_id_field: Option<FieldName>,
    format: Option<Word<Format>>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "MirrorTable")]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Table {
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

named_schema!("Mirror", Written, |generator| {
    let table = generator.subschema_for::<Table>();
    json_schema!({ "anyOf": [{ "type": "string" }, table] })
});

struct MirrorVisitor;

impl<'de> Visitor<'de> for MirrorVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a store, or { store = \"…\", path = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, store: &str) -> Result<Written, E> {
        Ok(Written {
            store: store.to_owned(),
            path: None,
            token_field: None,
            token_id_field: None,
            format: None,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        let Table { store, path, token_field, token_id_field, format } =
            Table::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Written { store, path, token_field, token_id_field, format })
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MirrorVisitor)
    }
}

const ONLY_AWS: &str = "only a secret of AWS Secrets Manager can be plain: Vault's are always objects, and the file \
                        store keeps the bare text in the file `token` anyway";

/// The credential's own secret as it is configured: what its mirrors have in common with it unless they say otherwise.
pub(super) struct Home<'a> {
    /// The store.
    pub(super) store: &'a str,
    /// The path that consumers know.
    pub(super) path: &'a str,
    /// The key of the token's text.
    pub(super) token_field: &'a str,
    /// The key of the token's ID, if it is to stand beside the token.
    pub(super) token_id_field: Option<&'a str>,
    /// What consumers read.
    pub(super) format: Format,
    /// The values of the placeholders in paths.
    pub(super) values: &'a [(&'a str, &'a str)],
}

/// The path of the secret that holds the record, and all the mirrors.
///
/// A plain secret has no room for a record, and two secrets cannot be written at once. So the record goes with the
/// token into a secret beside it, which is the one that decides, and the plain one is its mirror.
pub(super) fn check(
    raw: Vec<Written>,
    home: &Home<'_>,
    stores: &Stores,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<(String, Vec<Mirror>)> {
    let mirrors = key.child("mirrors");
    let mirrors: Vec<_> = raw
        .into_iter()
        .enumerate()
        .map(|(number, raw)| {
            mirror(raw, home, stores, &mirrors.child(&number.to_string()), findings)
        })
        .collect();
    let settings = stores.get(home.store)?.as_ref();
    let own = match home.format {
        Format::Json => None,
        Format::Plain if settings.is_some_and(|settings| !can_be_plain(settings)) => {
            findings.problem(&key.child("format"), ONLY_AWS);
            return None;
        }
        Format::Plain => Some(Mirror {
            store: home.store.to_owned(),
            path: home.path.to_owned(),
            token_field: home.token_field.to_owned(),
            token_id_field: home.token_id_field.map(str::to_owned),
            format: Format::Plain,
        }),
    };
    let path = if own.is_some() {
        let record = path::sound(format!("{}/{RECORD}", home.path), settings);
        findings.accept(&key.child("path"), record)?
    } else {
        home.path.to_owned()
    };
    let mirrors = own.map(Some).into_iter().chain(mirrors).collect::<Option<_>>()?;
    Some((path, mirrors))
}

fn mirror(
    raw: Written,
    home: &Home<'_>,
    stores: &Stores,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Mirror> {
    let store = stores::known(raw.store, stores, &key.child("store"), findings)?;
    let settings = stores.get(&store)?.as_ref()?;
    let own = raw.path.map(|template| fill(&template, home.values));
    let path = own.unwrap_or_else(|| Ok(path_like(home, settings)));
    let path = path.and_then(|path| path::sound(path, Some(settings)));
    let path = findings.accept(&key.child("path"), path)?;
    let token_field = match raw.token_field {
        None => home.token_field.to_owned(),
        own => fields::token_field(own, key, findings),
    };
    let of_home = || FieldName(home.token_id_field.map(str::to_owned));
    let token_id_field =
        fields::token_id_field(raw.token_id_field, of_home, &token_field, key, findings);
    let format = match (raw.format, can_be_plain(settings)) {
        (Some(Word(Format::Plain)), false) => {
            findings.problem(&key.child("format"), ONLY_AWS);
            return None;
        }
        (Some(Word(format)), _) => format,
        (None, true) => home.format,
        (None, false) => Format::Json,
    };
    Some(Mirror { store, path, token_field, token_id_field, format })
}

/// The path of a mirror that names none: the credential's own. In Kubernetes few paths can be names.
fn path_like(home: &Home<'_>, settings: &StoreSettings) -> String {
    let credential = home.values.iter().find(|(name, _)| *name == "credential");
    match (settings, credential) {
        (StoreSettings::Kubernetes(_), Some((_, name))) if !is_name(home.path) => {
            default_name(name)
        }
        _ => home.path.to_owned(),
    }
}

fn can_be_plain(settings: &StoreSettings) -> bool {
    match settings {
        StoreSettings::AwsSecretsManager(_) => true,
        StoreSettings::File(_) | StoreSettings::Vault(_) | StoreSettings::Kubernetes(_) => false,
    }
}
