//! When a credential is due: scheduled instants, splay and expiry; pure.

mod window;

use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use sha2::{Digest, Sha256};

pub use self::window::{Week, Windows};
use crate::names::{CredentialName, TokenName};
use crate::record::Record;
use crate::redact::presentable;
use crate::rotation::pause::paused;
use crate::rotation::policy::{CatchUp, Policy};
use crate::rotation::time::Time;

/// How late a run may begin before it counts as missed; where `catch_up = "skip"`, it does not begin later.
pub const LATENESS: SignedDuration = SignedDuration::from_mins(10);

/// How much is shown of what the parser of cron lines says, which quotes them as they are.
const PROBLEM_CHARACTERS: usize = 300;

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron line.
    #[error("cron line {line:?} is not valid: {problem}")]
    Line {
        /// The line.
        line: String,
        /// What the parser said.
        problem: String,
    },
    /// A cron line without an instant in the next years.
    #[error("cron line {0:?} never fires")]
    Never(String),
    /// An unknown time zone.
    #[error("time zone {0:?} is not known: use an IANA name such as \"Europe/Paris\"")]
    Zone(String),
    /// Not a maintenance window.
    #[error("{text:?} is not a window: {expected}")]
    Window {
        /// What was written.
        text: String,
        /// What windows look like.
        expected: &'static str,
    },
}

/// A cron line in a time zone, with its longest gap worked out once.
#[derive(Debug, Clone)]
pub struct CronLine {
    cron: Cron,
    zone: TimeZone,
    line: String,
    longest_gap: Duration,
}

/// The rest follows from these two.
impl PartialEq for CronLine {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line && self.zone == other.zone
    }
}

impl Eq for CronLine {}

impl CronLine {
    /// Reads a cron line of five fields, or six with seconds in front.
    pub fn parse(line: &str, timezone: &str) -> Result<Self, ScheduleError> {
        let cron = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build()
            .parse(line)
            .map_err(|problem| ScheduleError::Line {
                line: line.to_owned(),
                problem: presentable(&problem.to_string(), PROBLEM_CHARACTERS),
            })?;
        let zone = TimeZone::get(timezone).map_err(|_| ScheduleError::Zone(timezone.to_owned()))?;
        let mut this = Self { cron, zone, line: line.to_owned(), longest_gap: Duration::ZERO };
        this.longest_gap = this.measure().ok_or_else(|| ScheduleError::Never(line.to_owned()))?;
        Ok(this)
    }

    /// The longest time between two instants, over the next five years.
    pub fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// The line as it was written.
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// The time zone that the line is read in.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.find_next_occurrence(&self.at(after), false).ok().map(|at| at.timestamp())
    }

    fn last(&self, until: Timestamp) -> Option<Timestamp> {
        // A cron line has whole seconds: the fraction of `until` must not hide the instant that it is in.
        let second = Timestamp::from_second(until.as_second()).unwrap_or(until);
        self.cron.find_previous_occurrence(&self.at(second), true).ok().map(|at| at.timestamp())
    }

    fn at(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(self.zone.clone())
    }

    /// Instant by instant for a while, then across every hour of a month, then across every day of five years: each
    /// gap longer than the step is seen whole, and a dense line is not walked through second by second.
    fn measure(&self) -> Option<Duration> {
        let start = Timestamp::from_second(1_767_225_600).ok()?; // 2026-01-01
        let hour = SignedDuration::from_hours(1);
        let mut longest = SignedDuration::ZERO;
        for (step, steps) in [(SignedDuration::ZERO, 200), (hour, 32 * 24), (hour * 24, 5 * 366)] {
            let mut at = self.next(start)?;
            for _ in 0..steps {
                let (Some(last), Some(next)) = (self.last(at), self.next(at)) else { break };
                longest = longest.max(next.duration_since(last));
                at = next.max(at.saturating_add(step).unwrap_or(next));
                if at.duration_since(start) > hour * 24 * 366 * 5 {
                    break;
                }
            }
        }
        Some(longest.unsigned_abs())
    }
}

/// Where the scheduled instants come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calendar {
    /// A cron line.
    Cron(Arc<CronLine>),
    /// A fixed period, counted from the Unix epoch, so that a manual run does not shift it.
    Every(Duration),
    /// None: only the token's expiry makes it due.
    ExpiryOnly,
}

/// The scheduled instants of one credential: a calendar, shifted by the credential's own share of the splay; and the
/// windows in which what they ask for may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    calendar: Calendar,
    offset: SignedDuration,
    windows: Windows,
}

/// A scheduled run, if nothing happens before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The scheduled instant, splay included.
    pub instant: Timestamp,
    /// When it begins: later, where the instant is outside of the windows.
    pub start: Timestamp,
}

impl Schedule {
    /// A schedule whose instants are shifted by up to `splay`. The shift follows from the name: drawn afresh at every
    /// look, the first lucky draw would win and everything would fire early.
    pub fn new(calendar: Calendar, splay: Duration, name: &CredentialName) -> Self {
        let seconds = splay.as_secs();
        // A digest, because it is the same in every release and on every machine.
        let share =
            Sha256::digest(name.as_str()).iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let offset = share.checked_rem(seconds).unwrap_or(0);
        let offset = SignedDuration::from_secs(i64::try_from(offset).unwrap_or(0));
        Self { calendar, offset, windows: Windows::Always }
    }

    /// The same schedule, whose runs begin only in `windows`.
    #[must_use]
    pub fn within(self, windows: Windows) -> Self {
        Self { windows, ..self }
    }

    /// Where the instants come from.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// By how much the splay shifts the instants.
    pub fn shift(&self) -> SignedDuration {
        self.offset
    }

    /// When runs may begin.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The time zone that the calendar or the windows are read in, if they are.
    pub fn zone(&self) -> Option<&TimeZone> {
        match &self.calendar {
            Calendar::Cron(line) => Some(line.zone()),
            Calendar::Every(_) | Calendar::ExpiryOnly => self.windows.zone(),
        }
    }

    /// The longest time between two instants; `None` if there are none.
    pub fn longest_gap(&self) -> Option<Duration> {
        match &self.calendar {
            Calendar::Cron(line) => Some(line.longest_gap()),
            Calendar::Every(period) => Some(*period),
            Calendar::ExpiryOnly => None,
        }
    }

    /// The last instant that is not after `now`.
    pub fn last(&self, now: Timestamp) -> Option<Timestamp> {
        let unshifted = now.checked_sub(self.offset).ok()?;
        let instant = match &self.calendar {
            Calendar::Cron(line) => line.last(unshifted)?,
            Calendar::Every(period) => on_grid(unshifted, *period, 0)?,
            Calendar::ExpiryOnly => return None,
        };
        instant.checked_add(self.offset).ok()
    }

    /// The first instant after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let unshifted = now.checked_sub(self.offset).ok()?;
        let instant = match &self.calendar {
            Calendar::Cron(line) => line.next(unshifted)?,
            Calendar::Every(period) => on_grid(unshifted, *period, 1)?,
            Calendar::ExpiryOnly => return None,
        };
        instant.checked_add(self.offset).ok()
    }
}

impl Schedule {
    /// When the run of `instant` may begin: at once inside a window, else when the next one opens. There the share of
    /// the splay counts again, as far as the window is long: all that waited would otherwise begin at one instant.
    pub fn start(&self, instant: Timestamp) -> Timestamp {
        if self.windows.are_open(instant) {
            return instant;
        }
        let opening = self.windows.opening(instant);
        let length = self.windows.closing(opening).duration_since(opening).as_secs();
        let share = self.offset.as_secs().checked_rem(length).unwrap_or(0);
        opening.saturating_add(SignedDuration::from_secs(share)).unwrap_or(opening)
    }

    /// The runs that begin after `from`, one after the other.
    pub fn runs(&self, from: Timestamp) -> impl Iterator<Item = Run> + '_ {
        std::iter::successors(self.next_run(from), |run| self.next_run(run.start))
    }

    /// The run that `instant` leads to: its own, or that of a later instant inside the window that it waits for.
    fn run(&self, instant: Timestamp) -> Run {
        let own = Run { instant, start: self.start(instant) };
        let before = SignedDuration::from_secs(1);
        let opening = self.windows.opening(instant).saturating_sub(before).unwrap_or(instant);
        self.next(opening)
            .filter(|later| instant < *later && *later < own.start)
            .map_or(own, |later| Run { instant: later, start: later })
    }

    /// The first run that begins after `now`. The last instant may still wait for its window.
    fn next_run(&self, now: Timestamp) -> Option<Run> {
        [self.last(now), self.next(now)]
            .into_iter()
            .flatten()
            .map(|instant| self.run(instant))
            .filter(|run| run.start > now)
            .min_by_key(|run| run.start)
    }
}

/// The grid's instant at or before `now`, or `further` periods later.
fn on_grid(now: Timestamp, period: Duration, further: i64) -> Option<Timestamp> {
    let period = i64::try_from(period.as_secs()).ok().filter(|&seconds| seconds > 0)?;
    Timestamp::from_second((now.as_second().div_euclid(period) + further).checked_mul(period)?).ok()
}

/// Why a credential is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Its last rotation began before this scheduled instant.
    Scheduled(Timestamp),
    /// Its token expires at this instant, which is near.
    Expiring(Timestamp),
}

/// Why `record`'s credential is due, if it is. Expiry beats every window, and nothing beats a pause. A token that was
/// just made is not due for its end, and a schedule waits while clocks disagree.
pub fn due(policy: &Policy, record: &Record, time: impl Into<Time>) -> Option<Due> {
    let time = time.into();
    due_but_for_pauses(policy, record, time)
        .filter(|_| paused(policy, Some(record), time).is_none())
}

fn due_but_for_pauses(policy: &Policy, record: &Record, time: Time) -> Option<Due> {
    if let Some(expires_at) = expiring(policy, record, time)
        && youth(policy, record, time).is_none()
    {
        return Some(Due::Expiring(expires_at));
    }
    scheduled(policy, record, time.now).filter(|_| !time.is_disputed())
}

/// Whether something is due but for clocks, or times of the served token, that disagree; and how long it waits at least.
pub fn in_doubt(policy: &Policy, record: &Record, time: Time) -> Option<SignedDuration> {
    if paused(policy, Some(record), time).is_some() || due(policy, record, time).is_some() {
        return None;
    }
    let youth = expiring(policy, record, time).and_then(|_| youth(policy, record, time));
    let waits = || time.is_disputed() && scheduled(policy, record, time.now).is_some();
    youth.or_else(|| waits().then_some(SignedDuration::ZERO))
}

/// The scheduled instant that a rotation is due for.
fn scheduled(policy: &Policy, record: &Record, now: Timestamp) -> Option<Due> {
    let run = pending(policy, record, now)?;
    (run.start <= now).then_some(Due::Scheduled(run.instant))
}

/// The longest time for which a token that was made because of an expiry is not replaced because of its own.
const LONGEST_YOUTH: SignedDuration = SignedDuration::from_hours(1);
/// MotherDuck makes no token that lives for less.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// For how long the served token, made because of an expiry itself, is too young to be replaced because of its own, if
/// it is: a quarter of its life, an hour at most. One that nears its end so soon says that a clock is wrong, or an
/// answer; without this pintail would make token after token for as long as that lasts. By any clock it may be young,
/// and by any stamp: another pintail may have made it. Another `ttl` in the configuration is reason enough for another
/// token.
pub fn youth(policy: &Policy, record: &Record, time: Time) -> Option<SignedDuration> {
    let own = TokenName::parse(&record.token_name)?.rotation;
    let is_renewal = record.renewal_ttl_seconds == Some(policy.ttl_seconds());
    if !is_renewal || own != record.rotation_id {
        return None;
    }
    let quarter = life(policy, record).map(|life| life / 4);
    let youth = quarter.map_or(LONGEST_YOUTH, |quarter| quarter.min(LONGEST_YOUTH));
    let stamps = [Some(record.created_at), own.started_at(), Some(record.published_at)];
    let age = |now: Timestamp, made: Timestamp| now.duration_since(made);
    let ages =
        time.clocks().flat_map(|now| stamps.into_iter().flatten().map(move |made| age(now, made)));
    let left = ages.filter(|age| !age.is_negative()).map(|age| youth.saturating_sub(age));
    left.filter(SignedDuration::is_positive).max()
}

/// How long the served token lives as a whole: as it was asked for, or shorter, by one and the same answer of
/// MotherDuck's. An answer that says less than MotherDuck grants is not believed.
pub(super) fn life(policy: &Policy, record: &Record) -> Option<SignedDuration> {
    let told = record.expires_at.map(|at| at.duration_since(record.created_at));
    let told = told.filter(|told| *told >= SHORTEST_LIFE);
    policy.ttl.map(signed).into_iter().chain(told).min()
}

/// The last scheduled instant, if no rotation began since, and when a window lets one begin: at once, if in the past.
fn pending(policy: &Policy, record: &Record, now: Timestamp) -> Option<Run> {
    let schedule = &policy.schedule;
    let instant = schedule.last(now)?;
    let planned = schedule.start(instant);
    let start = if planned < now { schedule.windows.opening(now) } else { planned };
    let missed = start.duration_since(planned) > LATENESS;
    let skipped = missed && policy.catch_up == CatchUp::Skip;
    (began(record) < instant && !skipped).then_some(Run { instant, start })
}

/// A scheduled rotation that waits for its window to open.
pub fn waiting(policy: &Policy, record: &Record, time: impl Into<Time>) -> Option<Run> {
    let time = time.into();
    waiting_but_for_pauses(policy, record, time.now)
        .filter(|_| paused(policy, Some(record), time).is_none())
}

fn waiting_but_for_pauses(policy: &Policy, record: &Record, now: Timestamp) -> Option<Run> {
    let pending = pending(policy, record, now).filter(|run| run.start > now)?;
    // An instant before then takes its place, and keeps to its own share of the splay.
    let next = policy.schedule.next(now).filter(|next| *next <= pending.start);
    let start = next.map_or(pending.start, |next| policy.schedule.run(next).start);
    let run = Run { start, ..pending };
    expiring(policy, record, now).is_none().then_some(run)
}

/// The expiry of a served token that nobody replaces in time, since the credential is paused.
pub fn neglected(policy: &Policy, record: &Record, time: impl Into<Time>) -> Option<Timestamp> {
    let time = time.into();
    paused(policy, Some(record), time).and_then(|_| expiring(policy, record, time))
}

/// The served token's expiry, if it is nearer than `renew_before` by any clock.
pub fn expiring(policy: &Policy, record: &Record, time: impl Into<Time>) -> Option<Timestamp> {
    let later = time.into().later();
    record.expires_at.filter(|&at| renewal(policy, at) <= later)
}

/// When the credential is rotated next, if nothing happens before; never while it is paused without an end.
pub fn next_due(policy: &Policy, record: &Record, time: impl Into<Time>) -> Option<Timestamp> {
    let time = time.into();
    let Some(paused) = paused(policy, Some(record), time) else {
        return next_due_but_for_pauses(policy, record, time);
    };
    let end = paused.until()?;
    let at = match due_but_for_pauses(policy, record, end.into()) {
        Some(_) => end,
        None => next_due_but_for_pauses(policy, record, end.into())?.max(end),
    };
    Some(at)
}

fn next_due_but_for_pauses(policy: &Policy, record: &Record, time: Time) -> Option<Timestamp> {
    let now = time.now;
    let schedule = &policy.schedule;
    let waiting = waiting_but_for_pauses(policy, record, now).map(|run| run.start);
    let next = schedule.next(now).map(|instant| schedule.run(instant).start);
    let youth = youth(policy, record, time).and_then(|left| now.checked_add(left).ok());
    let renewal = record.expires_at.map(|at| time.of_later(renewal(policy, at)));
    let renewal = renewal.map(|at| youth.map_or(at, |youth| at.max(youth)));
    waiting.into_iter().chain(next).chain(renewal).min()
}

/// When a credential is rotated next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextRotation {
    /// The instant; in the past if it is due.
    pub at: Timestamp,
    /// Whether that is when its window opens: the schedule asked for it before.
    pub waits_for_window: bool,
}

/// When what `record` tells of is rotated next.
pub fn next_rotation(
    policy: &Policy,
    record: &Record,
    time: impl Into<Time>,
) -> Option<NextRotation> {
    let time = time.into();
    let at = match due(policy, record, time) {
        Some(Due::Scheduled(at)) => at,
        Some(Due::Expiring(at)) => renewal(policy, at),
        None => next_due(policy, record, time)?,
    };
    let waits_for_window = waiting(policy, record, time).is_some_and(|run| run.start == at);
    Some(NextRotation { at, waits_for_window })
}

/// From when on a token that expires at `expires_at` is replaced for that reason.
pub fn renewal(policy: &Policy, expires_at: Timestamp) -> Timestamp {
    expires_at.saturating_sub(signed(policy.renew_before)).unwrap_or(Timestamp::MIN)
}

/// When the record's last rotation began. A roll-back and an adoption count too: what they serve is older than they
/// are, and must not be rotated again at once.
pub fn began(record: &Record) -> Timestamp {
    record
        .rotation_id
        .started_at()
        .map_or(record.created_at, |started| started.max(record.created_at))
}

/// When a gate has had its time that waits for what was published at `since`.
pub fn deadline(policy: &Policy, since: Timestamp) -> Timestamp {
    later(since, policy.gate.longest())
}

/// So long after `instant`, or at the end of time.
pub(crate) fn later(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.saturating_add(signed(duration)).unwrap_or(Timestamp::MAX)
}

/// A duration for arithmetic with instants; durations of configuration are far below its limit.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
