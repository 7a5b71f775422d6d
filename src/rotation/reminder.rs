//! Reminding people of a paused credential whose token is about to expire, or has: once a day, not at each look.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::rotation::decide::Subject;
use crate::rotation::drive::Report;
use crate::rotation::schedule::neglected;

const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// When people were reminded last of one credential.
#[derive(Debug, Default)]
pub struct Reminder(Mutex<Option<Timestamp>>);

impl Reminder {
    /// Reminds people, if there is something to remind them of and they were not reminded lately.
    pub fn after(&self, subject: &Subject, report: &Report, now: Timestamp) {
        let record = report.seen.record.as_ref();
        let expires_at = record.and_then(|record| neglected(&subject.policy, record, now));
        if !self.is_time(expires_at.is_some(), now) {
            return;
        }
        let Some(expires_at) = expires_at else { return };
        let credential = &subject.credential;
        let hint = format!("set `paused = false`, or: pintail rotate-now {credential}");
        if expires_at <= now {
            tracing::error!(%credential, %expires_at, hint, "token of a paused credential expired");
        } else {
            tracing::warn!(%credential, %expires_at, hint, "token of a paused credential nears its expiry");
        }
    }

    /// Whether people are to be reminded now, if there is `something`; then they were.
    fn is_time(&self, something: bool, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !something {
            *last = None;
            return false;
        }
        // A clock that was set back must not silence this for as long.
        let lately = last.is_some_and(|last| last <= now && now.duration_since(last) < EVERY);
        if !lately {
            *last = Some(now);
        }
        !lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which of these hours people are reminded, of something that lasts.
    fn reminded(reminder: &Reminder, hours: &[i64]) -> Vec<i64> {
        let at = |hour: i64| Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap();
        hours.iter().copied().filter(|&hour| reminder.is_time(true, at(hour))).collect()
    }

    #[test]
    fn people_are_reminded_once_a_day_and_not_at_each_look() {
        let reminder = Reminder::default();
        assert_eq!(reminded(&reminder, &[0, 1, 12, 23, 24, 25, 47, 48, 96]), [0, 24, 48, 96]);
    }

    #[test]
    fn what_comes_back_after_it_was_over_is_told_at_once() {
        let reminder = Reminder::default();
        assert_eq!(reminded(&reminder, &[0, 1]), [0]);
        assert!(!reminder.is_time(false, Timestamp::UNIX_EPOCH));
        assert_eq!(reminded(&reminder, &[2, 3]), [2]);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let reminder = Reminder::default();
        assert_eq!(reminded(&reminder, &[1_000, 10, 11, 34]), [1_000, 10, 34]);
    }
}
