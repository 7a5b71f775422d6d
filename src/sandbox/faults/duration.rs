//! Durations in JSON, as people write them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

pub(in crate::sandbox) fn one<S: Serializer>(
    duration: &Duration,
    out: S,
) -> Result<S::Ok, S::Error> {
    out.collect_str(&humantime::format_duration(*duration))
}

#[expect(clippy::ref_option, reason = "serde's `with` fixes the signature")]
pub(in crate::sandbox) fn serialize<S: Serializer>(
    duration: &Option<Duration>,
    out: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => one(duration, out),
        None => out.serialize_none(),
    }
}

pub(in crate::sandbox) fn deserialize<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    text.map(|text| humantime::parse_duration(&text).map_err(serde::de::Error::custom)).transpose()
}
