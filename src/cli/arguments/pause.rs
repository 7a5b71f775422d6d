//! The arguments of `pause` and `resume`.

use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use super::Names;

/// The longest reason: it stands in the secret, beside the token.
const MOST_CHARACTERS: usize = 200;

/// `pause`.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("meant").args(["names", "accounts", "states", "stores", "fleets"]).required(true).multiple(true),
    after_help = "Examples:\n  \
        pintail pause etl_prod --until 2d --reason 'load test, ticket 4711'\n  \
        pintail pause 'customer_*' --until 2026-12-27T06:00:00Z --reason 'change freeze'\n  \
        pintail resume 'customer_*'"
)]
pub struct Pause {
    /// Which credentials.
    #[command(flatten)]
    pub names: Names,
    /// When the pause ends by itself: a time with its zone, such as 2026-12-27T06:00:00Z, or a duration, such as 2d.
    /// Without it, `pintail resume` ends it.
    #[arg(long, value_name = "TIME|DURATION")]
    pub until: Option<Until>,
    /// Why, in a few words: shown wherever the credential is, and kept in its secret and in the audit log.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

/// `resume`.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("meant").args(["names", "accounts", "states", "stores", "fleets"]).required(true).multiple(true),
    after_help = "Examples:\n  pintail resume etl_prod --reason 'load test is over'\n  pintail resume --state paused"
)]
pub struct Resume {
    /// Which credentials.
    #[command(flatten)]
    pub names: Names,
    /// Why, in a few words, for the audit log.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

/// When a pause ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// At this instant.
    At(Timestamp),
    /// So long from now.
    For(Duration),
}

impl Until {
    /// The instant, if it is in the time that there is.
    pub fn from(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::For(duration) => now.checked_add(duration).ok(),
        }
    }
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        super::duration(text).map(Self::For).map_err(|_| {
            "use a time with its zone, such as 2026-12-27T06:00:00Z or 2026-12-27T07:00:00+01:00, or a duration, such as 36h"
        })
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = super::rotate_now::reason(text)?;
    if text.chars().count() > MOST_CHARACTERS {
        return Err(format!("give the reason in at most {MOST_CHARACTERS} characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        pause: Pause,
    }

    fn parse(words: &[&str]) -> Result<Pause, clap::Error> {
        Line::try_parse_from(std::iter::once(&"pause").chain(words)).map(|line| line.pause)
    }

    #[test]
    fn a_pause_ends_at_a_time_that_has_a_zone_or_after_a_while() {
        let at = |text: &str| parse(&["etl", "--until", text]).ok().and_then(|pause| pause.until);
        let noon: Timestamp = "2026-12-27T12:00:00Z".parse().unwrap();
        assert_eq!(at("2026-12-27T12:00:00Z"), Some(Until::At(noon)));
        assert_eq!(at("2026-12-27T13:00:00+01:00"), Some(Until::At(noon)));
        assert_eq!(at("36h"), Some(Until::For(Duration::from_hours(36))));
        for vague in ["2026-12-27", "2026-12-27T12:00:00", "tomorrow", "0s", "-1h", "7", ""] {
            assert_eq!(at(vague), None, "{vague}");
        }
        assert_eq!(Until::For(Duration::from_secs(u64::MAX)).from(noon), None);
    }

    #[test]
    fn nothing_is_paused_that_nobody_means() {
        assert!(parse(&[]).is_err() && parse(&["--reason", "x"]).is_err());
        assert!(parse(&["*"]).is_ok() && parse(&["--fleet", "customers"]).is_ok());
        let long = "x".repeat(MOST_CHARACTERS + 1);
        for reason in ["", " ", "two\nlines", "\u{1b}[2J", &long] {
            assert!(parse(&["etl", "--reason", reason]).is_err(), "{reason:?}");
        }
    }
}
