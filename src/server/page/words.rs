//! How times, states and steps read on the page.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::rotation::run::Outcome;
use crate::status::Origin;
use crate::text::{self, span};

/// A short duration: steps take milliseconds.
pub(super) fn brief(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds / 100 % 10),
        longer => span(SignedDuration::from_millis(i64::try_from(longer).unwrap_or(i64::MAX))),
    }
}

/// An instant as people read it, in UTC.
pub(super) fn instant(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%FT%TZ")) { (at.strftime("%F %T UTC")) } }
}

/// An instant by its distance from `now`.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(at.strftime("%FT%TZ")) title=(at.strftime("%F %T UTC")) { (text::relative(at, now)) }
    }
}

/// How long something has lasted.
pub(super) fn lasting(since: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(since.strftime("%FT%TZ")) title=(since.strftime("since %F %T UTC")) {
            "for " (span(now.duration_since(since)))
        }
    }
}

/// The outcome as people read it, and how it is coloured.
pub(super) fn outcome_name(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Rotated => ("rotated", "good"),
        Outcome::NotDue => ("finished", "good"),
        Outcome::Failed => ("failed", "bad"),
        Outcome::Held => ("held", "warn"),
        Outcome::RolledBack => ("rolled back", "bad"),
    }
}

/// What made a rotation begin, as people read it.
pub(super) fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::First => "first token",
        Origin::Vacant => "the secret was empty",
        Origin::Schedule => "by schedule",
        Origin::Expiry => "near expiry",
        Origin::Manual => "by hand",
        Origin::Compromised => "compromised",
        Origin::Lost => "token was gone",
        Origin::Resumed => "resumed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_takes_milliseconds_is_told_in_milliseconds() {
        assert_eq!(
            (brief(12), brief(1_250), brief(61_000)),
            ("12 ms".into(), "1.2 s".into(), "1m 1s".into())
        );
    }
}
