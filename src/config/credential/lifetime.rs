//! The arithmetic of lifetimes: a token must outlive its rotation, however late that begins.

use std::time::Duration;

use crate::config::findings::{Findings, Key};
use crate::config::limits::Range;
use crate::config::scalar::{Span, format_duration};
use crate::names::CredentialName;
use crate::rotation::policy::GatePace;

/// What MotherDuck accepts.
pub(super) const TTL: Range<Duration> =
    Range::new(Duration::from_mins(5), Duration::from_hours(365 * 24));
/// By default a token is renewed when a quarter of its life is left, and not more than this.
pub(super) const RENEW_BEFORE: Duration = Duration::from_hours(7 * 24);

/// How far apart scheduled rotations begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begins {
    /// The longest time between two scheduled instants; `None` if there are none.
    pub(super) gap: Option<Duration>,
    /// The longest time from such an instant until a window lets a rotation begin.
    pub(super) wait: Duration,
}

/// How long a token lives, and how long before its end it is replaced.
pub(super) struct Lifetime {
    pub(super) ttl: Option<Duration>,
    pub(super) renew_before: Duration,
}

/// Checks that a token lives through the longest time between two rotations, the wait for a window, the gate, and `renew_before`.
pub(super) fn check(
    (ttl, renew_before): (Option<Span>, Option<Span>),
    (begins, gate): (Begins, GatePace),
    name: &CredentialName,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Lifetime {
    let ttl_key = key.child("ttl");
    let Some(Span(ttl)) = ttl else {
        findings.warn_of(
            name,
            "without `ttl` the tokens never expire, so that one that leaks or is forgotten works for ever",
        );
        if begins.gap.is_none() {
            findings.warn_of(
                name,
                "with neither `schedule` nor `every` nor `ttl` nothing is ever rotated by itself",
            );
        }
        return Lifetime { ttl: None, renew_before: Duration::ZERO };
    };
    let sound = findings.count();
    if ttl.subsec_nanos() != 0 {
        findings.problem(&ttl_key, "MotherDuck takes whole seconds only");
    }
    let ttl = findings.span_in(&ttl_key, Span(ttl), &TTL).unwrap_or(TTL.most);
    let renew_before = renew_before.map_or(RENEW_BEFORE.min(ttl / 4), |span| span.0);
    if findings.count() == sound {
        add_up(ttl, renew_before, begins, gate.longest(), key, findings);
    }
    Lifetime { ttl: Some(ttl), renew_before }
}

fn add_up(
    ttl: Duration,
    renew_before: Duration,
    begins: Begins,
    gate: Duration,
    key: &Key<'_>,
    findings: &mut Findings,
) {
    // Without scheduled instants nothing waits for a window.
    let gap = begins.gap.map(|gap| (gap, begins.wait));
    let apart = gap.map(|(gap, wait)| gap.saturating_add(wait)).unwrap_or_default();
    let least = apart.saturating_add(gate).saturating_add(renew_before);
    let (gate_text, renew_text) = (format_duration(gate), format_duration(renew_before));
    if ttl < least {
        let gap = gap.map(|(gap, wait)| {
            let wait = if wait.is_zero() {
                String::new()
            } else {
                format!("the longest wait for a window ({}) + ", format_duration(wait))
            };
            format!(
                "the longest time between two scheduled rotations ({}) + {wait}",
                format_duration(gap)
            )
        });
        findings.problem(
            &key.child("ttl"),
            format!(
                "{} is too short: {}the gate's longest time ({gate_text}) + renew_before ({renew_text}) make {}; use \
                 at least that, or rotate more often",
                format_duration(ttl),
                gap.unwrap_or_default(),
                format_duration(least),
            ),
        );
    } else if gap.is_none() && renew_before < gate {
        findings.problem(
            &key.child("renew_before"),
            format!(
                "{renew_text} is too short: with no schedule this is all the time that is left before the old token \
                 expires, and the gate may take {gate_text}; use at least that"
            ),
        );
    }
}
