//! How times, states and steps read on the page.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::fleet::{Origin, State};
use crate::rotation::drive::Outcome;

/// A duration in its two largest units.
pub(super) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{}s", seconds % 60),
        (0, 0, minutes) if minutes < 10 => format!("{minutes}m {}s", seconds % 60),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) if days < 10 => format!("{days}d {hours}h"),
        (days, _, _) => format!("{days}d"),
    }
}

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
    let away = at.duration_since(now);
    let text = match away.as_secs() {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(away)),
        _ => format!("{} ago", span(away)),
    };
    html! {
        time datetime=(at.strftime("%FT%TZ")) title=(at.strftime("%F %T UTC")) { (text) }
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

/// The state as people read it.
pub(super) fn state_name(state: State) -> &'static str {
    match state {
        State::Stuck => "stuck",
        State::Held => "held",
        State::Failing => "failing",
        State::Blocked => "blocked",
        State::RolledBack => "rolled back",
        State::InProgress => "in progress",
        State::Due => "due",
        State::Unknown => "not looked at yet",
        State::Paused => "paused",
        State::Fresh => "fresh",
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
    fn a_duration_has_at_most_two_units() {
        let cases =
            [(5, "5s"), (65, "1m 5s"), (3_600, "1h 0m"), (90_000, "1d 1h"), (864_000, "10d")];
        for (seconds, text) in cases {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
            assert_eq!(span(SignedDuration::from_secs(-seconds)), text);
        }
        assert_eq!(
            (brief(12), brief(1_250), brief(61_000)),
            ("12 ms".into(), "1.2 s".into(), "1m 1s".into())
        );
    }
}
