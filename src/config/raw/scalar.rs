//! Single values as they are written: durations with units, numbers, words, paths and URLs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, de::Error as _};

use crate::http::settings;

/// A duration as a text with units.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Span(pub(in crate::config) Duration);

const SPAN: &str = "a duration in quotes and with units, such as \"30m\", \"45d\" or \"1h 30m\"";

impl TryFrom<&str> for Span {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text.trim()).map(Self).map_err(|_| format!("this must be {SPAN}"))
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SPAN)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        Span::try_from(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

/// A whole number; as a text too, since variables are texts.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Number(pub(in crate::config) i64);

/// True or false; as a text too, since variables are texts.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Flag(pub(in crate::config) bool);

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Flag, E> {
        text.trim().parse().map(Flag).map_err(|_| E::custom("this must be true or false"))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        i64::try_from(number).map(Number).map_err(|_| E::custom("this number is too large"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        text.trim().parse().map(Number).map_err(|_| E::custom("this must be a whole number"))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// The name of a key in a secret; none, if the key is switched off. As a text too, since variables are texts.
#[derive(Debug, Clone)]
pub(in crate::config) struct FieldName(pub(in crate::config) Option<String>);

struct FieldNameVisitor;

impl Visitor<'_> for FieldNameVisitor {
    type Value = FieldName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a key, or false")
    }

    fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<FieldName, E> {
        if is_on {
            return Err(E::custom("this must be the name of a key, or false"));
        }
        Ok(FieldName(None))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<FieldName, E> {
        match name.trim().parse() {
            Ok(is_on) => self.visit_bool(is_on),
            Err(_) => Ok(FieldName(Some(name.to_owned()))),
        }
    }
}

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldNameVisitor)
    }
}

/// One word of a closed set. Read by way of a text, since figment takes a number for the set's index.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Word<T>(pub(in crate::config) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::deserialize(IntoDeserializer::<D::Error>::into_deserializer(text.as_str())).map(Self)
    }
}

/// The path of a file or a directory.
#[derive(Debug, Clone)]
pub(in crate::config) struct FilePath(pub(in crate::config) PathBuf);

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(D::Error::custom("this must be the path of a file or a directory"));
        }
        Ok(Self(PathBuf::from(text)))
    }
}

/// A URL without a user name and a password in it.
#[derive(Debug, Clone)]
pub(in crate::config) struct Url(pub(in crate::config) url::Url);

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

impl TryFrom<String> for Proxy {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let proxy = match text.trim() {
            "environment" => settings::Proxy::Environment,
            "none" => settings::Proxy::None,
            url => settings::Proxy::At(address(url)?),
        };
        Ok(Self(proxy))
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(de::Error::custom)
    }
}

fn address(text: &str) -> Result<url::Url, &'static str> {
    const FORM: &str = "this must be the URL of a proxy, such as \"http://proxy.example.com:3128\", or \"environment\", or \"none\"";
    let url: url::Url = text.parse().map_err(|_| FORM)?;
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
