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
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(expires_at) = expires_at else {
            *last = None;
            return;
        };
        if last.is_some_and(|last| last <= now && now.duration_since(last) < EVERY) {
            return;
        }
        *last = Some(now);
        let credential = &subject.credential;
        let hint = format!("set `paused = false`, or: pintail rotate-now {credential}");
        if expires_at <= now {
            tracing::error!(%credential, %expires_at, hint, "token of a paused credential expired");
        } else {
            tracing::warn!(%credential, %expires_at, hint, "token of a paused credential nears its expiry");
        }
    }
}
