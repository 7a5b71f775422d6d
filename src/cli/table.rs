//! Tables and times for people: plain columns that fit a terminal and `awk` alike, and ages such as `3d 4h`.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};

/// A table without lines, one row a line however wide.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(|title| title.to_uppercase()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
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

/// How far `at` is away: `in 3d 4h`, `3d 4h ago`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.is_positive() {
        format!("in {}", span(left))
    } else {
        format!("{} ago", span(left.checked_neg().unwrap_or(SignedDuration::MAX)))
    }
}

/// A name from outside, in quotes and on one line: a terminal must not obey what somebody called a token.
pub fn quoted(name: Option<&str>) -> String {
    name.map_or_else(|| "(no name)".to_owned(), |name| format!("{name:?}"))
}

/// So many of something: `1 token`, `2 tokens`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// An instant to the second, in UTC.
pub fn instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
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
    fn an_instant_is_ahead_or_behind() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
        assert_eq!(relative(at(7_200), now), "in 2h");
        assert_eq!(relative(at(-7_200), now), "2h ago");
    }

    #[test]
    fn a_name_from_outside_cannot_command_the_terminal() {
        let shown = quoted(Some("a\u{1b}[2Jb\nc"));
        assert!(!shown.contains(['\u{1b}', '\n']), "{shown}");
    }

    #[test]
    fn a_table_is_columns_without_lines() {
        let mut table = table(&["name", "state"]);
        table.add_row(["etl", "fresh"]);
        assert_eq!(table.trim_fmt(), "NAME  STATE\netl   fresh");
    }
}
