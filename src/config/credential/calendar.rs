//! Cron lines and windows, each read once however many credentials share it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::{Table, cron};
use crate::config::findings::{Findings, Key};
use crate::config::limits::Range;
use crate::rotation::schedule::{Calendar, CronLine, ScheduleError, Windows};

/// A schedule of ten years is a mistake, and more would overflow some calendar.
pub(super) const EVERY: Range<Duration> =
    Range::new(Duration::from_secs(1), Duration::from_hours(10 * 365 * 24));

/// What a time zone is when none is named.
pub(super) const UTC: &str = "UTC";

/// What sets the instants, and the longest time between two of them.
#[derive(Clone)]
pub(super) struct Pace {
    pub(super) calendar: Calendar,
    pub(super) longest_gap: Option<Duration>,
}

/// What was read before, by its text and time zone.
type Known<K, V> = HashMap<K, HashMap<String, Result<V, ScheduleError>>>;

/// The cron lines and windows that were read.
#[derive(Default)]
pub(super) struct Calendars {
    lines: Known<String, Pace>,
    windows: Known<Vec<String>, Windows>,
    /// The cron lines that were remarked on, or had nothing about them.
    told: HashSet<String>,
}

impl Calendars {
    /// The calendar of a credential.
    pub(super) fn of(&mut self, raw: &Table, key: &Key<'_>, findings: &mut Findings) -> Pace {
        let expiry_only = Pace { calendar: Calendar::ExpiryOnly, longest_gap: None };
        let has_windows = raw.windows.as_ref().is_some_and(|windows| !windows.is_empty());
        if raw.schedule.is_none() && raw.timezone.is_some() && raw.every.is_none() && !has_windows {
            findings
                .problem(&key.child("timezone"), "this needs `schedule` or `windows` beside it");
        }
        match (&raw.schedule, raw.every) {
            (Some(_), Some(_)) => {
                findings.problem(
                    &key.child("every"),
                    "`every` and `schedule` exclude one another: keep one of them",
                );
                expiry_only
            }
            (Some(line), None) => {
                let pace = self.cron(line, raw.timezone.as_deref().unwrap_or(UTC));
                if pace.is_ok() && self.told.insert(line.clone()) {
                    for exposure in cron::exposures(line) {
                        findings.warn(exposure);
                    }
                }
                findings.accept(&key.child(place(&pace)), pace).unwrap_or(expiry_only)
            }
            (None, Some(every)) => {
                let every = findings.span_in(&key.child("every"), every, &EVERY);
                let every = every.unwrap_or(EVERY.least);
                Pace { calendar: Calendar::Every(every), longest_gap: Some(every) }
            }
            (None, None) => expiry_only,
        }
    }

    /// The windows of a credential.
    pub(super) fn windows(
        &mut self,
        raw: &Table,
        key: &Key<'_>,
        findings: &mut Findings,
    ) -> Windows {
        let Some(texts) = raw.windows.as_ref().filter(|texts| !texts.is_empty()) else {
            return Windows::Always;
        };
        let timezone = raw.timezone.as_deref().unwrap_or(UTC);
        let windows = known(&mut self.windows, texts, timezone, |texts, timezone| {
            Windows::parse(texts, timezone)
        });
        // Where there is a cron line, it has been told of its time zone already.
        if raw.schedule.is_some() && matches!(windows, Err(ScheduleError::Zone(_))) {
            return Windows::Always;
        }
        findings.accept(&key.child(place(&windows)), windows).unwrap_or_default()
    }

    fn cron(&mut self, line: &String, timezone: &str) -> Result<Pace, ScheduleError> {
        known(&mut self.lines, line, timezone, |line, timezone| read(line, timezone))
    }
}

/// The key that an error is about.
fn place<T>(read: &Result<T, ScheduleError>) -> &'static str {
    match read {
        Err(ScheduleError::Zone(_)) => "timezone",
        Err(ScheduleError::Window { .. }) => "windows",
        Ok(_) | Err(ScheduleError::Line { .. } | ScheduleError::Never(_)) => "schedule",
    }
}

fn known<K: Clone + Eq + Hash, V: Clone>(
    known: &mut Known<K, V>,
    text: &K,
    timezone: &str,
    read: impl Fn(&K, &str) -> Result<V, ScheduleError>,
) -> Result<V, ScheduleError> {
    if let Some(known) = known.get(text).and_then(|zones| zones.get(timezone)) {
        return known.clone();
    }
    let value = read(text, timezone);
    known.entry(text.clone()).or_default().insert(timezone.to_owned(), value.clone());
    value
}

fn read(line: &str, timezone: &str) -> Result<Pace, ScheduleError> {
    let cron = CronLine::parse(line, timezone)?;
    let longest_gap = Some(cron.longest_gap());
    Ok(Pace { calendar: Calendar::Cron(Arc::new(cron)), longest_gap })
}
