//! How HTTP gets out, and the requests that are configured.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
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

impl FromStr for Proxy {
    type Err = &'static str;

    /// A proxy's URL, `environment` or `none`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim() {
            "environment" => Self::Environment,
            "none" => Self::None,
            url => Self::At(address(url)?),
        })
    }
}

fn address(text: &str) -> Result<Url, &'static str> {
    const FORM: &str = "this must be the URL of a proxy, such as \"http://proxy.example.com:3128\", or \"environment\", or \"none\"";
    let url: Url = text.parse().map_err(|_| FORM)?;
    let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
        return Err(FORM);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a password does not belong here: put the URL into HTTPS_PROXY, and say \"environment\"",
        );
    }
    Ok(url)
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
