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
use serde_json::json;

use figment::error::{Actual, Kind};
use figment::value::Value;

use self::scalar::{FilePath, Flag, Number, Proxy, Span, Url};
use self::secret::AdminToken;
use super::suggest;

/// `[motherduck]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct MotherDuck {
    /// The REST API's base URL: https, or http to a loopback address.
    #[schemars(extend("default" = "https://api.motherduck.com", "examples" = ["http://127.0.0.1:8080"]))]
    pub(super) api_url: Option<Url>,
    /// Where the token of a user with the Admin role is read from. Required.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/admin-token"})]))]
    pub(super) admin_token: Option<AdminToken>,
    /// The request rate limit: 1 to 1000 requests per second.
    #[schemars(extend("default" = 10, "examples" = [5]))]
    pub(super) requests_per_second: Option<Number>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(super) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(super) proxy: Option<Proxy>,
    /// The Postgres endpoint, where it is not the one of the token's region.
    #[schemars(extend("examples" = [json!({"host": "pg.us-east-1-aws.motherduck.com"})]))]
    pub(super) postgres: Option<Postgres>,
}

/// `[motherduck.postgres]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Postgres {
    /// The host, without a scheme and a port; by default it follows from the token's region.
    #[schemars(extend("examples" = ["pg.us-east-1-aws.motherduck.com"]))]
    pub(super) host: Option<String>,
    /// The port: 1 to 65535.
    #[schemars(extend("default" = 5432, "examples" = [6432]))]
    pub(super) port: Option<Number>,
    /// Certificate authorities in place of the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/postgres-ca.pem"]))]
    pub(super) ca_file: Option<FilePath>,
}

/// `[daemon]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Daemon {
    /// How many credentials are worked on at once: 1 to 256.
    #[schemars(extend("default" = 8, "examples" = [16]))]
    pub(super) concurrency: Option<Number>,
    /// Whether profilers, debuggers and hooks of the same user may read the daemon's memory, which holds the admin token.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(super) dumpable: Option<Flag>,
    /// The longest time between two looks at a credential: 1 s to 1 day.
    #[schemars(extend("default" = "10m", "examples" = ["1h"]))]
    pub(super) sweep: Option<Span>,
    /// The shortest time between two lists of an account's tokens where nothing seems to have changed: 1 s to 7 days; six times `sweep` unless set. Lists take at most a quarter of `motherduck.requests_per_second`, so where the accounts are many it takes longer.
    #[schemars(extend("default" = "1h", "examples" = ["6h"]))]
    pub(super) relist: Option<Span>,
    /// How long a shutdown waits for the steps in hand: 0 s to 1 h.
    #[schemars(extend("default" = "30s", "examples" = ["1m"]))]
    pub(super) shutdown_grace: Option<Span>,
    /// The time between two looks at the configuration's files: 1 s to 1 day.
    #[schemars(extend("default" = "5s", "examples" = ["1m"]))]
    pub(super) watch: Option<Span>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Server {
    /// Whether there is a status server at all.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub(super) enabled: Option<Flag>,
    /// The address and port of the status server; port 0 picks a free one.
    #[schemars(extend("default" = "127.0.0.1:9187", "examples" = ["0.0.0.0:9187"]))]
    pub(super) listen: Option<String>,
    /// The host names that requests may be for, beside IP addresses and, on a loopback address, `localhost`. On other addresses all are answered while this is absent.
    #[schemars(extend("examples" = [json!(["pintail.example.com"])]))]
    pub(super) hosts: Option<Vec<String>>,
    /// Whether metrics tell credentials apart by a label.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub(super) credential_label: Option<Flag>,
    /// How long a store or MotherDuck may be out of reach before the daemon counts as not ready: 1 s to 1 day.
    #[schemars(extend("default" = "10m", "examples" = ["30m"]))]
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
