//! Cron lines, each read once however many credentials share it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::findings::{Findings, Key};
use crate::config::raw::credential::Credential;
use crate::config::raw::scalar::Span;
use crate::rotation::schedule::{Calendar, CronLine, ScheduleError};

/// A schedule of ten years is a mistake, and more would overflow some calendar.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// What sets the instants, and the longest time between two of them.
#[derive(Clone)]
pub(super) struct Pace {
    pub(super) calendar: Calendar,
    pub(super) longest_gap: Option<Duration>,
}

/// The cron lines that were read, by line and time zone.
#[derive(Default)]
pub(super) struct Calendars(HashMap<String, HashMap<String, Result<Pace, ScheduleError>>>);

impl Calendars {
    /// The calendar of a credential.
    pub(super) fn of(&mut self, raw: &Credential, key: &Key<'_>, findings: &mut Findings) -> Pace {
        let expiry_only = Pace { calendar: Calendar::ExpiryOnly, longest_gap: None };
        if raw.schedule.is_none() && raw.timezone.is_some() && raw.every.is_none() {
            findings.problem(&key.child("timezone"), "this needs `schedule` beside it");
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
                let pace = self.cron(line, raw.timezone.as_deref().unwrap_or("UTC"));
                let at = match &pace {
                    Err(ScheduleError::Zone(_)) => "timezone",
                    Ok(_) | Err(ScheduleError::Line { .. } | ScheduleError::Never(_)) => "schedule",
                };
                findings.accept(&key.child(at), pace).unwrap_or(expiry_only)
            }
            (None, Some(Span(every))) => {
                let least = Duration::from_secs(1);
                let every =
                    findings.span(&key.child("every"), Some(Span(every)), least, least..=LONGEST);
                Pace { calendar: Calendar::Every(every), longest_gap: Some(every) }
            }
            (None, None) => expiry_only,
        }
    }

    fn cron(&mut self, line: &str, timezone: &str) -> Result<Pace, ScheduleError> {
        if let Some(known) = self.0.get(line).and_then(|zones| zones.get(timezone)) {
            return known.clone();
        }
        let pace = read(line, timezone);
        self.0.entry(line.to_owned()).or_default().insert(timezone.to_owned(), pace.clone());
        pace
    }
}

fn read(line: &str, timezone: &str) -> Result<Pace, ScheduleError> {
    let cron = CronLine::parse(line, timezone)?;
    let longest_gap = Some(cron.longest_gap());
    Ok(Pace { calendar: Calendar::Cron(Arc::new(cron)), longest_gap })
}
