//! Single values as they are written: durations with units, numbers, words and paths.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, de::Error as _};

use super::schema::named_schema;

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

named_schema!("Span", Span, |_generator| json_schema!({
    "description": "A duration with units, such as \"30m\", \"45d\" or \"1h 30m\".",
    "type": "string",
    "pattern": "^\\s*[0-9]+\\s*[a-zA-Zµ]+(\\s*[0-9]+\\s*[a-zA-Zµ]+)*\\s*$",
}));

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

/// A duration as configuration files spell it: `45d`, `1h 30m`.
pub(in crate::config) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let spelled: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if spelled.is_empty() { "0s".to_owned() } else { spelled.join(" ") }
}

/// A whole number; as a text too, since variables are texts.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Number(pub(in crate::config) i64);

// A variable is a text, and a file may be written like one.
named_schema!("Number", Number, |_generator| json_schema!({
    "description": "A whole number.",
    "type": ["integer", "string"],
    "pattern": "^\\s*[+-]?[0-9]+\\s*$",
}));

/// True or false; as a text too, since variables are texts.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Flag(pub(in crate::config) bool);

named_schema!("Flag", Flag, |_generator| json_schema!({
    "type": ["boolean", "string"],
    "pattern": "^\\s*(true|false)\\s*$",
}));

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

named_schema!("FieldName", FieldName, |_generator| json_schema!({
    "description": "The name of a key in the secret, or false to leave the key out.",
    "type": ["string", "boolean"],
    "pattern": "\\S",
    "not": { "enum": [true, "true"] },
}));

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

impl<T: JsonSchema> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The path of a file or a directory.
#[derive(Debug, Clone)]
pub(in crate::config) struct FilePath(pub(in crate::config) PathBuf);

named_schema!("FilePath", FilePath, |_generator| json_schema!({
    "description": "The path of a file or a directory.",
    "type": "string",
    "pattern": "\\S",
}));

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(D::Error::custom("this must be the path of a file or a directory"));
        }
        Ok(Self(PathBuf::from(text)))
    }
}
