//! The tables as they are written: shapes only. Ranges and references are checked when they become a `Config`.

pub(super) mod credential;
pub(super) mod ducklings;
pub(super) mod fleet;
pub(super) mod gate;
pub(super) mod kubernetes;
pub(super) mod mirror;
pub(super) mod notification;
pub(super) mod scalar;
mod schema;
pub(super) mod secret;
pub(super) mod store;
pub(super) mod trail;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use figment::error::{Actual, Kind};
use figment::value::Value;

use self::scalar::{FilePath, Flag, Number, Proxy, Span, Url};
use self::secret::AdminToken;
use super::suggest;

/// `[motherduck]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct MotherDuck {
    pub(super) api_url: Option<Url>,
    pub(super) admin_token: Option<AdminToken>,
    pub(super) requests_per_second: Option<Number>,
    pub(super) ca_file: Option<FilePath>,
    pub(super) proxy: Option<Proxy>,
    pub(super) postgres: Option<Postgres>,
}

/// `[motherduck.postgres]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Postgres {
    pub(super) host: Option<String>,
    pub(super) port: Option<Number>,
    pub(super) ca_file: Option<FilePath>,
}

/// `[daemon]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Daemon {
    pub(super) concurrency: Option<Number>,
    pub(super) dumpable: Option<Flag>,
    pub(super) sweep: Option<Span>,
    pub(super) shutdown_grace: Option<Span>,
    pub(super) watch: Option<Span>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Server {
    pub(super) enabled: Option<Flag>,
    pub(super) listen: Option<String>,
    pub(super) hosts: Option<Vec<String>>,
    pub(super) credential_label: Option<Flag>,
    pub(super) unreachable_after: Option<Span>,
}

/// What is wrong with a table's shape: the key below the table, and the text.
pub(super) type Misshapen = (Vec<String>, String);

/// Reads one table.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Box<Misshapen>> {
    T::deserialize(value).map_err(|error| Box::new(explain(error)))
}

/// figment's own texts show the value, which may be a secret in the wrong place; these never do.
fn explain(error: figment::Error) -> Misshapen {
    let mut key = error.path;
    let text = match error.kind {
        Kind::Message(text) => text,
        Kind::InvalidType(actual, expected) => {
            format!("this is {}, where {} is expected", shape(&actual), plain(&expected))
        }
        Kind::InvalidValue(_, expected) => format!("{} is expected", plain(&expected)),
        Kind::InvalidLength(length, expected) => {
            format!("this has {length} entries, where {} is expected", plain(&expected))
        }
        Kind::UnknownVariant(_, known) => format!("this must be one of {}", known.join(", ")),
        Kind::UnknownField(word, known) => suggest::unknown("key", &word, known.iter().copied()),
        Kind::MissingField(field) => {
            key.push(field.into_owned());
            "this is required".to_owned()
        }
        Kind::DuplicateField(_) => "this is there twice".to_owned(),
        Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(_, _) => "this is of no use here".to_owned(),
    };
    (key, text)
}

/// The kind of a value, without the value.
fn shape(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::Bytes(_)
        | Actual::Unit
        | Actual::Option
        | Actual::NewtypeStruct
        | Actual::Enum
        | Actual::UnitVariant
        | Actual::NewtypeVariant
        | Actual::TupleVariant
        | Actual::StructVariant
        | Actual::Other(_) => "something else",
    }
}

/// serde's word for what it expected, in TOML's.
fn plain(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    }
}
