//! `[motherduck]`: how to reach MotherDuck.

pub(super) mod admin_token;
mod postgres;

use figment::value::{Dict, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use self::admin_token::AdminToken;
use super::findings::{Findings, Key};
use super::limits::{Limits, Range};
use super::scalar::{FilePath, Number};
use super::table::shaped;
use super::url::{Proxy, Url, base_url};
use crate::consumers::verify::settings::Postgres;
use crate::motherduck::settings::MotherDuck;

const API_URL: &str = "https://api.motherduck.com";
const REQUESTS_PER_SECOND: Limits<u32> = Range::new(1, 1000).or(10);

/// `[motherduck]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "MotherDuck")]
pub(super) struct Table {
    /// The REST API's base URL: https, or http to a loopback address.
    #[schemars(extend("default" = API_URL, "examples" = ["http://127.0.0.1:8080"]))]
    api_url: Option<Url>,
    /// Where the token of a user with the Admin role is read from. Required.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/admin-token"})]))]
    admin_token: Option<AdminToken>,
    /// The request rate limit, in requests per second.
    #[schemars(extend("examples" = [5]), transform = REQUESTS_PER_SECOND.schema())]
    requests_per_second: Option<Number>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
    /// The Postgres endpoint, where it is not the one of the token's region.
    #[schemars(extend("examples" = [json!({"host": "pg.us-east-1-aws.motherduck.com"})]))]
    postgres: Option<postgres::Table>,
}

/// The section, the defaults filled in.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Option<(MotherDuck, Postgres)> {
    let key = Key::root("motherduck");
    let empty = Value::from(Dict::new());
    let raw: Table = shaped(root.get("motherduck").unwrap_or(&empty), &key, findings)?;
    let api_url = raw.api_url.map_or_else(|| url::Url::parse(API_URL).ok(), |url| Some(url.0));
    if let Some(url) = &api_url {
        base_url(url, &key.child("api_url"), findings);
    }
    let admin_token = findings.require(
        &key.child("admin_token"),
        raw.admin_token,
        "this is required: { file = \"…\" }, { env = \"NAME\" } or { store = \"…\", path = \"…\" }, where a read/write token of a user with the Admin \
         role is kept",
    );
    let rate_key = key.child("requests_per_second");
    let requests_per_second =
        findings.number(&rate_key, raw.requests_per_second, &REQUESTS_PER_SECOND);
    let postgres = raw.postgres.unwrap_or_default().check(&key.child("postgres"), findings);
    let motherduck = MotherDuck {
        api_url: api_url?,
        admin_token: admin_token?.into(),
        requests_per_second,
        ca_file: raw.ca_file.map(|path| path.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
    };
    Some((motherduck, postgres))
}
