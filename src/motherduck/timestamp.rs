//! MotherDuck's times, whose form no document fixes: RFC 3339, or the same without an offset, which is then UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de};

/// A time in one of the forms that were seen or are likely.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let civil = text.parse::<DateTime>().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// For required fields.
pub(super) fn required<'de, D: Deserializer<'de>>(input: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(input)?;
    parse(&text).ok_or_else(|| de::Error::custom("not a time"))
}

/// For optional fields: absent, null and empty are the same.
pub(super) fn optional<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Timestamp>, D::Error> {
    match Option::<String>::deserialize(input)? {
        Some(text) if !text.trim().is_empty() => {
            parse(&text).map(Some).ok_or_else(|| de::Error::custom("not a time"))
        }
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_likely_form_is_read_as_the_same_instant() {
        let expected: Timestamp = "2026-11-01T10:20:30Z".parse().unwrap();
        for text in [
            "2026-11-01T10:20:30Z",
            "2026-11-01T10:20:30.000000Z",
            "2026-11-01T11:20:30+01:00",
            "2026-11-01T10:20:30",
            "2026-11-01 10:20:30",
            "2026-11-01 10:20:30.000",
            "2026-11-01 10:20:30+00",
            "2026-11-01 10:20:30 UTC",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_guessed() {
        for text in ["", "soon", "1793528430", "10:20:30", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
