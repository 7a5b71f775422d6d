//! Wakes the planner when a cron line fires. What is due then, and across clock changes, is for the schedule to say.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::config::Config;
use crate::rotation::schedule::{Calendar, CronLine};

/// Wakes the planner to look at the wall clock, whatever the lines say.
const EVERY_MINUTE: &str = "0 * * * * *";
/// More jobs than the scheduler's channels hold (200) would lose runs. Beyond this the planner's own naps must do.
const MOST_JOBS: usize = 100;

/// The running cron jobs.
pub(super) struct Wakes {
    planner: Arc<Notify>,
    scheduler: Option<JobScheduler>,
}

impl Wakes {
    /// Starts one job for each different line of `config`. A line that cannot be a job, or no job at all, is no error:
    /// the planner keeps its own next times and naps no longer than a minute.
    pub(super) async fn start(config: &Config, now: Timestamp, planner: Arc<Notify>) -> Self {
        let patterns: BTreeSet<_> =
            cron_lines(config).filter_map(|line| pattern(line, now)).collect();
        Self::of(patterns, planner).await
    }

    async fn of(patterns: BTreeSet<String>, planner: Arc<Notify>) -> Self {
        let scheduler = match jobs(patterns, &planner).await {
            Ok(scheduler) => Some(scheduler),
            Err(error) => {
                tracing::warn!(%error, "cron jobs not started");
                None
            }
        };
        Self { planner, scheduler }
    }

    /// Goes over to the lines of another configuration.
    pub(super) async fn restart(&mut self, config: &Config, now: Timestamp) {
        let next = Self::start(config, now, self.planner.clone()).await;
        std::mem::replace(self, next).stop().await;
    }

    /// Ends the jobs.
    pub(super) async fn stop(self) {
        let Some(mut scheduler) = self.scheduler else { return };
        if let Err(error) = scheduler.shutdown().await {
            tracing::debug!(%error, "cron jobs not stopped");
        }
    }
}

fn cron_lines(config: &Config) -> impl Iterator<Item = &CronLine> {
    let schedules = config.credentials.values().map(|credential| &credential.policy.schedule);
    schedules.filter_map(|schedule| match schedule.calendar() {
        Calendar::Cron(line) => Some(&**line),
        Calendar::Every(_) | Calendar::ExpiryOnly => None,
    })
}

async fn jobs(
    patterns: BTreeSet<String>,
    planner: &Arc<Notify>,
) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    if patterns.len() > MOST_JOBS {
        tracing::debug!(schedules = patterns.len(), most = MOST_JOBS, "cron jobs left out");
    }
    for pattern in std::iter::once(EVERY_MINUTE.to_owned()).chain(patterns).take(MOST_JOBS) {
        let planner = planner.clone();
        // Nothing but a signal: a job that panicked would never run again.
        match Job::new(pattern.as_str(), move |_, _| planner.notify_one()) {
            Ok(job) => {
                scheduler.add(job).await?;
            }
            Err(error) => tracing::debug!(pattern, %error, "cron line left to the planner"),
        }
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// A line of six fields that fires in UTC whenever `line` fires, and maybe more often: waking too often costs nothing.
///
/// The scheduler knows no five fields, wants both the day of the month and the weekday to match where cron wants
/// either, and keeps the zone's offset of the moment when the job was made, so that after a clock change 09:30 in
/// Paris would fire at 08:30.
fn pattern(line: &CronLine, now: Timestamp) -> Option<String> {
    let fields: Vec<_> = line.as_str().split_whitespace().collect();
    let (second, minute, rest) = match fields.as_slice() {
        [minute, rest @ ..] if rest.len() == 4 => ("0", *minute, rest),
        [second, minute, rest @ ..] if rest.len() == 4 => (*second, *minute, rest),
        _ => return None,
    };
    let zone = line.zone();
    if *zone == TimeZone::UTC {
        let [hour, day, month, weekday] = rest else { return None };
        let either = restricted(day) && restricted(weekday);
        let (day, weekday) = if either { ("*", "*") } else { (*day, *weekday) };
        return Some(format!("{second} {minute} {hour} {day} {month} {weekday}"));
    }
    let offsets = zone.following(now).take(2).map(|change| change.offset());
    let whole_hours = |offset: Offset| offset.seconds() % 3_600 == 0;
    let minute = if whole_hours(zone.to_offset(now)) && offsets.into_iter().all(whole_hours) {
        minute
    } else {
        "*"
    };
    Some(format!("{second} {minute} * * * *"))
}

fn restricted(field: &str) -> bool {
    !matches!(field, "*" | "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern_of(line: &str, zone: &str) -> Option<String> {
        let now = "2026-10-24T12:00:00Z".parse().unwrap();
        pattern(&CronLine::parse(line, zone).unwrap(), now)
    }

    #[test]
    fn five_fields_get_a_second_in_front() {
        assert_eq!(pattern_of("30 3 * * SUN", "UTC").unwrap(), "0 30 3 * * SUN");
        assert_eq!(pattern_of("*/2 * * * * *", "UTC").unwrap(), "*/2 * * * * *");
    }

    #[test]
    fn a_day_of_the_month_or_a_weekday_is_looked_at_daily() {
        assert_eq!(pattern_of("0 3 1 * MON", "UTC").unwrap(), "0 0 3 * * *");
    }

    #[test]
    fn in_another_zone_any_hour_may_be_the_one() {
        assert_eq!(pattern_of("30 9 * * *", "Europe/Paris").unwrap(), "0 30 * * * *");
        assert_eq!(pattern_of("15 30 9 * * 1", "America/New_York").unwrap(), "15 30 * * * *");
    }

    #[test]
    fn where_clocks_differ_by_half_hours_any_minute_may_be_the_one() {
        assert_eq!(pattern_of("30 9 * * *", "Asia/Kolkata").unwrap(), "0 * * * * *");
        assert_eq!(pattern_of("30 9 * * *", "Australia/Lord_Howe").unwrap(), "0 * * * * *");
    }

    #[test]
    fn a_nickname_is_left_to_the_planner() {
        assert_eq!(
            CronLine::parse("@daily", "UTC").ok().and_then(|l| pattern(&l, Timestamp::now())),
            None
        );
    }

    #[tokio::test]
    async fn every_line_that_is_handed_over_is_taken() {
        for line in [
            "30 9 * * *",
            "*/2 * * * * *",
            "0 3 1 * MON",
            "0 3 L * *",
            "0 3 * * 5#2",
            "0 0 3 ? JAN *",
        ] {
            for zone in ["UTC", "Europe/Paris", "Asia/Kolkata"] {
                let pattern = pattern_of(line, zone).unwrap();
                assert!(Job::new(pattern.as_str(), |_, _| {}).is_ok(), "{line} {zone}: {pattern}");
            }
        }
    }

    #[tokio::test]
    async fn a_line_that_fires_wakes_the_planner() {
        let planner = Arc::new(Notify::new());
        let line = pattern_of("* * * * * *", "Europe/Paris").unwrap();
        let wakes = Wakes::of([line].into(), planner.clone()).await;
        for _ in 0..2 {
            let woken =
                tokio::time::timeout(std::time::Duration::from_secs(20), planner.notified());
            woken.await.expect("a line that fires each second");
        }
        wakes.stop().await;
    }
}
