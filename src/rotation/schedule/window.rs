//! Maintenance windows: when a scheduled rotation may begin, by the clock on the wall; pure.
//!
//! An instant is inside a window if the clock of the time zone shows a time inside it. So an hour that the clock skips
//! has no window, and an hour that it repeats has it twice: a rotation never begins when the clock shows another time.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::ScheduleError;

const DAY: i64 = 24 * 3_600;
const WEEK: i64 = 7 * DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// From one change of a window to the next there is a week's end, and a change of the clock or two. Zones in which the
/// clock were set more often than that are none.
const MOST_STEPS: u32 = 32;
const EXPECTED: &str = "use days and times such as \"Mon-Fri 22:00-04:00\", \"Sat,Sun 00:00-24:00\" or, for every \
     day, \"01:00-05:00\"";

/// When scheduled rotations may begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Windows {
    /// At any time.
    #[default]
    Always,
    /// In the windows of each week.
    Weekly(Arc<Week>),
}

/// The windows of each week.
#[derive(Debug, PartialEq, Eq)]
pub struct Week {
    /// In seconds since Monday, 00:00; in order, and apart from one another but for the week's end.
    open: Vec<(i64, i64)>,
    zone: TimeZone,
    longest_wait: Duration,
}

impl Windows {
    /// Reads windows such as `Mon-Fri 22:00-04:00`; none of them means always.
    pub fn parse<T: AsRef<str>>(texts: &[T], timezone: &str) -> Result<Self, ScheduleError> {
        let zone = TimeZone::get(timezone).map_err(|_| ScheduleError::Zone(timezone.to_owned()))?;
        let mut open = Vec::new();
        for text in texts {
            read(text.as_ref(), &mut open).ok_or_else(|| ScheduleError::Window {
                text: text.as_ref().to_owned(),
                expected: EXPECTED,
            })?;
        }
        let open = merged(open);
        if open.is_empty() || open == [(0, WEEK)] {
            return Ok(Self::Always);
        }
        let mut week = Week { open, zone, longest_wait: Duration::ZERO };
        week.longest_wait = week.measure();
        Ok(Self::Weekly(Arc::new(week)))
    }

    /// Whether a scheduled rotation may begin at `at`.
    pub fn are_open(&self, at: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::Weekly(week) => week.door(at) == Door::Open,
        }
    }

    /// The first instant, not before `from`, at which a scheduled rotation may begin.
    pub fn opening(&self, from: Timestamp) -> Timestamp {
        match self {
            Self::Always => from,
            Self::Weekly(week) => week.first(from, Door::Open),
        }
    }

    /// When the window that is open at `at` closes.
    pub fn closing(&self, at: Timestamp) -> Timestamp {
        match self {
            Self::Always => Timestamp::MAX,
            Self::Weekly(week) => week.first(at, Door::Shut),
        }
    }

    /// The longest time from the end of a window to the next one, over the next five years.
    pub fn longest_wait(&self) -> Duration {
        match self {
            Self::Always => Duration::ZERO,
            Self::Weekly(week) => week.longest_wait,
        }
    }

    /// The time zone whose clock decides.
    pub fn zone(&self) -> Option<&TimeZone> {
        match self {
            Self::Always => None,
            Self::Weekly(week) => Some(&week.zone),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Shut,
}

impl Week {
    fn door(&self, at: Timestamp) -> Door {
        let shown = self.shown(at);
        let is_open = self.open.iter().any(|&(from, to)| (from..to).contains(&shown));
        if is_open { Door::Open } else { Door::Shut }
    }

    /// What the clock shows, in seconds since Monday, 00:00.
    fn shown(&self, at: Timestamp) -> i64 {
        let local = at.to_zoned(self.zone.clone());
        let time = local.time();
        i64::from(local.weekday().to_monday_zero_offset()) * DAY
            + i64::from(time.hour()) * 3_600
            + i64::from(time.minute()) * 60
            + i64::from(time.second())
    }

    /// The first instant, not before `from`, at which the windows are open, or are shut. Goes from one change of the
    /// windows to the next as long as the clock is not set, and looks again at what it shows once it was.
    fn first(&self, from: Timestamp, door: Door) -> Timestamp {
        let mut at = Timestamp::from_second(from.as_second()).unwrap_or(from);
        for _ in 0..MOST_STEPS {
            if self.door(at) == door {
                return at.max(from);
            }
            let shown = self.shown(at);
            let changes = self.open.iter().flat_map(|&(from, to)| [from, to]).chain([WEEK]);
            let next = changes.filter(|&change| change > shown).min().unwrap_or(WEEK);
            let next = later(at, next - shown);
            let set = self.zone.following(at).next().map(|change| change.timestamp());
            at = set.filter(|&set| set > at).map_or(next, |set| set.min(next));
        }
        Timestamp::MAX
    }

    fn measure(&self) -> Duration {
        let Ok(start) = Timestamp::from_second(1_767_225_600) else { return Duration::MAX }; // 2026-01-01
        let end = later(start, 5 * 366 * DAY);
        let mut longest = SignedDuration::ZERO;
        let mut at = self.first(start, Door::Shut);
        while at < end {
            let opening = self.first(at, Door::Open);
            longest = longest.max(opening.duration_since(at));
            at = self.first(opening, Door::Shut);
        }
        longest.unsigned_abs()
    }
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Adds the windows that `text` names to `open`, in seconds since Monday, 00:00. A window that crosses midnight belongs
/// to the day on which it begins.
fn read(text: &str, open: &mut Vec<(i64, i64)>) -> Option<()> {
    let text = text.trim();
    let (days, times) = text.rsplit_once(char::is_whitespace).unwrap_or(("Mon-Sun", text));
    let (from, to) = times.split_once('-')?;
    let (from, mut to) = (time(from)?, time(to)?);
    if from == to || from == DAY {
        return None;
    }
    if to < from {
        to += DAY;
    }
    for range in days.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (weekday(first)?, weekday(last)?);
        for day in 0..=(last - first).rem_euclid(7) {
            let midnight = (first + day) % 7 * DAY;
            let (from, to) = (midnight + from, midnight + to);
            open.push((from, to.min(WEEK)));
            if to > WEEK {
                open.push((0, to - WEEK));
            }
        }
    }
    Some(())
}

/// A time of the day in seconds, to the minute; 24:00 is its end.
fn time(text: &str) -> Option<i64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let minute = number(minute).filter(|_| minute.len() == 2)?;
    match (number(hour)?, minute) {
        (hour @ 0..24, minute @ 0..60) => Some(hour * 3_600 + minute * 60),
        (24, 0) => Some(DAY),
        _ => None,
    }
}

/// Counted from Monday.
fn weekday(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| *day == text).and_then(|day| i64::try_from(day).ok())
}

/// The same times, in order, with those joined that touch or overlap.
fn merged(mut open: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    open.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in open {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
