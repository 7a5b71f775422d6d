//! How HTTP gets out, and the requests that are configured.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

use crate::secret::SecretSource;

/// Whether requests go through a proxy. None does that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Proxy {
    /// Directly.
    #[default]
    None,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// All through this one.
    At(Url),
}

/// An HTTP request to a consumer. The placeholders `{credential}`, `{username}`, `{token_id}`,
/// `{previous_token_id}`, `{rotation_id}`, `{store}` and `{path}` are filled in, percent-encoded, when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The URL, placeholders included; it was checked with sample values.
    pub url: String,
    /// `GET` (default for gates), `POST` (default for hooks) or `PUT`.
    pub method: HttpMethod,
    /// The statuses that count as success; empty means every 2xx.
    pub expected_status: Vec<u16>,
    /// Headers; a value may be a secret's place.
    pub headers: BTreeMap<String, HeaderSource>,
    /// The limit for one request (default 10 s).
    pub timeout: Duration,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How the request gets out.
    pub proxy: Proxy,
}

/// The method of a request to a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// Where a header's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSource {
    /// It stands in the configuration.
    Plain(String),
    /// It is a secret.
    Secret(SecretSource),
}
