//! `pintail schedule`: the next scheduled runs, from the configuration alone; contacts nobody.

use std::io::Write;

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::answer::{self, Answer};
use super::selection::configured;
use super::table::table;
use super::{ExitCode, Output, Schedule};
use crate::config::{Config, Credential};
use crate::names::CredentialName;
use crate::rotation::schedule::{Calendar, Run, Windows, signed};
use crate::text::{instant, span};

/// Shows the next runs of the named credentials, or of all.
pub(super) fn schedule(
    config: &Config,
    arguments: &Schedule,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = configured(config, &arguments.names)?;
    let from = arguments.from.unwrap_or_else(Timestamp::now);
    let credentials = names.iter().filter_map(|name| config.credentials.get(name));
    let previews =
        credentials.map(|credential| Preview::new(credential, from, arguments.count.into()));
    answer::give(&Previews { from, credentials: previews.collect() }, output)?;
    Ok(ExitCode::Settled)
}

/// The next runs of several credentials.
#[derive(Debug, Serialize)]
struct Previews {
    from: Timestamp,
    credentials: Vec<Preview>,
}

/// The next runs of one credential.
#[derive(Debug, Serialize)]
struct Preview {
    name: CredentialName,
    paused: bool,
    /// Whose clock decides.
    timezone: String,
    /// By how much the splay shifts each instant.
    splay_seconds: i64,
    /// How long before its expiry a token is replaced, whatever the schedule says; `None` if it never expires.
    renew_before_seconds: Option<u64>,
    runs: Vec<PlannedRun>,
    #[serde(skip)]
    is_windowed: bool,
    #[serde(skip)]
    has_calendar: bool,
}

/// One run.
#[derive(Debug, Serialize)]
struct PlannedRun {
    /// When it begins.
    at: Timestamp,
    /// The same, as the clock of the time zone shows it.
    local: String,
    /// The scheduled instant, splay included.
    scheduled: Timestamp,
    /// Whether it begins later than its instant, which is outside of the windows.
    waits_for_window: bool,
    /// Whether the clock was set since the run before, or since the first instant that was asked for.
    clock_changed: bool,
    #[serde(skip)]
    offset: Offset,
}

impl Preview {
    fn new(credential: &Credential, from: Timestamp, count: usize) -> Self {
        let policy = &credential.policy;
        let schedule = &policy.schedule;
        let zone = schedule.zone().cloned().unwrap_or(TimeZone::UTC);
        let mut offset = zone.to_offset(from);
        let runs = schedule.runs(from).take(count).map(|run| {
            let before = std::mem::replace(&mut offset, zone.to_offset(run.start));
            PlannedRun::new(run, &zone, before)
        });
        Self {
            name: credential.name.clone(),
            paused: policy.paused,
            splay_seconds: schedule.shift().as_secs(),
            renew_before_seconds: credential.ttl.map(|_| policy.renew_before.as_secs()),
            runs: runs.collect(),
            is_windowed: matches!(schedule.windows(), Windows::Weekly(_)),
            has_calendar: !matches!(schedule.calendar(), Calendar::ExpiryOnly),
            timezone: zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    }

    fn title(&self) -> String {
        let mut title = format!("{}: {}", self.name, self.timezone);
        if self.splay_seconds > 0 {
            let splay = span(SignedDuration::from_secs(self.splay_seconds));
            title = format!("{title}, {splay} of splay included");
        }
        if self.is_windowed {
            title.push_str(", in its windows");
        }
        if self.paused {
            title.push_str("; paused: none of these will begin");
        }
        title
    }

    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", self.title())?;
        if !self.has_calendar {
            writeln!(out, "  no schedule: only its expiry makes it due")?;
        } else if self.runs.is_empty() {
            writeln!(out, "  no run in sight")?;
        }
        if !self.runs.is_empty() {
            let mut runs = table(&["  local time", "UTC", "why"]);
            for run in &self.runs {
                runs.add_row([format!("  {}", run.local), instant(run.at), run.why()]);
            }
            writeln!(out, "{}", runs.trim_fmt())?;
        }
        if let (Some(seconds), false) = (self.renew_before_seconds, self.paused) {
            let before = span(signed(std::time::Duration::from_secs(seconds)));
            writeln!(
                out,
                "  and {before} before its token expires, at any time: see pintail plan"
            )?;
        }
        Ok(())
    }
}

impl PlannedRun {
    fn new(run: Run, zone: &TimeZone, before: Offset) -> Self {
        let local = run.start.to_zoned(zone.clone());
        Self {
            at: run.start,
            local: local.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string(),
            scheduled: run.instant,
            waits_for_window: run.start > run.instant,
            clock_changed: local.offset() != before,
            offset: before,
        }
    }

    fn why(&self) -> String {
        let why = if self.waits_for_window {
            format!("window opens (scheduled at {})", instant(self.scheduled))
        } else {
            "schedule".to_owned()
        };
        if self.clock_changed { format!("{why}; clock change, was {}", self.offset) } else { why }
    }
}

impl Answer for Previews {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for (number, preview) in self.credentials.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            preview.write_text(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
