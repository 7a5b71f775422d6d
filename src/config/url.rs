//! URLs as they are written, and how requests get out.

use schemars::json_schema;
use serde::de::{self, Deserializer};
use serde::{Deserialize, de::Error as _};

use super::findings::{Findings, Key};
use super::schema::named_schema;
use crate::http::{is_loopback, settings};

/// A URL without a user name and a password in it.
#[derive(Debug, Clone)]
pub(in crate::config) struct Url(pub(in crate::config) url::Url);

named_schema!("Url", Url, |_generator| json_schema!({
    "description": "A URL without a user name and a password in it.",
    "type": "string",
    "pattern": "^\\s*[hH][tT][tT][pP][sS]?:",
}));

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        web_url(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads an http or https URL. The text is not shown where it is wrong: it may hold a password.
pub(in crate::config) fn web_url(text: &str) -> Result<url::Url, String> {
    let url =
        url::Url::parse(text.trim()).map_err(|error| format!("this is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the URL must begin with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must not hold a user name or a password".to_owned());
    }
    Ok(url)
}

/// How HTTP gets out: a proxy's URL, `environment` or `none`.
#[derive(Debug, Clone)]
pub(in crate::config) struct Proxy(pub(in crate::config) settings::Proxy);

named_schema!("Proxy", Proxy, |_generator| json_schema!({
    "description": "The URL of a proxy without a user name and a password in it, or how else HTTP gets out.",
    "type": "string",
    "pattern": "^\\s*([hH][tT][tT][pP][sS]?:|environment\\s*$|none\\s*$)",
}));

impl TryFrom<String> for Proxy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(de::Error::custom)
    }
}

/// A URL that secrets are sent to, and paths are put behind.
pub(in crate::config) fn base_url(url: &url::Url, key: &Key<'_>, findings: &mut Findings) {
    if url.scheme() != "https" && !is_loopback(url) {
        findings.problem(
            key,
            "tokens travel over this connection, so the URL must begin with https:// (http:// is for loopback \
             addresses only)",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        findings.problem(key, "the URL must not have a query or a fragment");
    }
}
