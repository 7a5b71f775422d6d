//! Instants and lengths of time as people read them: one form each, on the page, in tables and in messages.

use jiff::{SignedDuration, Timestamp};

/// An instant to the second, in UTC.
pub fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// A length of time in its two largest units: `3d 4h`, `5m 10s`. A negative one counts as none.
pub fn span(duration: SignedDuration) -> String {
    let mut left = duration.as_secs().max(0);
    let mut parts = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if parts.len() == 2 || (parts.len() == 1 && left < seconds) {
            break;
        }
        if left >= seconds {
            parts.push(format!("{}{unit}", left / seconds));
            left %= seconds;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// How far `at` is away: `in 3d 4h`, `now`, `3d 4h ago`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    match left.as_secs() {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(left)),
        _ => format!("{} ago", span(left.checked_neg().unwrap_or(SignedDuration::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_shows_its_two_largest_units() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (310, "5m 10s"),
            (3_600, "1h"),
            (3_605, "1h"),
            (90_061, "1d 1h"),
            (3 * 86_400 + 4 * 3_600 + 59, "3d 4h"),
            (400 * 86_400, "400d"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn an_instant_is_ahead_or_behind_or_now() {
        let at =
            |milliseconds: i64| Timestamp::from_millisecond(1_000_000_000 + milliseconds).unwrap();
        for (milliseconds, text) in
            [(7_200_000, "in 2h"), (999, "now"), (0, "now"), (-999, "now"), (-7_200_000, "2h ago")]
        {
            assert_eq!(relative(at(milliseconds), at(0)), text);
        }
        assert_eq!(instant(at(1)), "1970-01-12T13:46:40Z");
    }
}
