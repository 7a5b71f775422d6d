//! Headers of requests: plain texts, or the places of secrets.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::header::{HeaderName, HeaderValue};
use schemars::json_schema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::findings::{Findings, Key};
use super::schema::named_schema;
use super::secret::{PLACE, Secret};
use crate::http::settings::HeaderSource;
use crate::secret::SecretSource;

/// A header's value: plain text, or the place of a secret.
#[derive(Debug, Clone)]
pub(super) enum Header {
    Plain(String),
    Secret(SecretSource),
}

/// Headers by name.
pub(super) type Headers = BTreeMap<String, Header>;

named_schema!("Header", Header, |generator| {
    let secret = generator.subschema_for::<Secret>();
    json_schema!({ "anyOf": [{ "type": "string" }, secret] })
});

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

/// Headers by name, each fit to be sent.
pub(in crate::config) fn check(
    raw: Headers,
    key: &Key<'_>,
    findings: &mut Findings,
) -> BTreeMap<String, HeaderSource> {
    let mut checked = BTreeMap::new();
    for (name, value) in raw {
        let key = key.child(&name);
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            findings.problem(&key, "this is not the name of an HTTP header");
        }
        let source = match value {
            Header::Plain(text) => {
                if HeaderValue::from_str(&text).is_err() {
                    findings.problem(&key, "this value cannot be sent in an HTTP header");
                }
                HeaderSource::Plain(text)
            }
            Header::Secret(source) => HeaderSource::Secret(source),
        };
        checked.insert(name, source);
    }
    checked
}
