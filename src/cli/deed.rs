//! An operation by hand that changes something, as the audit log tells of it: that it begins, and what came of it.

use std::sync::Arc;

use super::ExitCode;
use super::complaint::Complaint;
use crate::audit::{AuditLog, Cause, Entry, Event, Outcome, Trigger};
use crate::config::Config;
use crate::live::audit_log;

/// A deed that was begun.
pub(super) struct Deed {
    log: Option<Arc<AuditLog>>,
    about: Entry,
}

impl Deed {
    /// Tells that `operation` begins. While that cannot be told, it does not: nothing was changed yet. `about` tells
    /// of whom and what.
    pub(super) async fn begin(
        config: &Config,
        operation: &'static str,
        about: Entry,
    ) -> Result<Self, Complaint> {
        let cause = about.cause.clone().unwrap_or_else(|| Cause::from(Trigger::ByHand));
        let about = Entry { operation: Some(operation), cause: Some(cause), ..about };
        let log = audit_log(config);
        if let Some(log) = &log {
            log.append(about.clone())
                .await
                .map_err(|error| Complaint::of(&error, ExitCode::Failed, error.hint()))?;
        }
        Ok(Self { log, about })
    }

    /// Tells what came of it; `more` adds what was not known before.
    pub(super) async fn came_to(
        &self,
        event: Event,
        outcome: Option<Outcome>,
        more: impl FnOnce(&mut Entry),
    ) {
        let Some(log) = &self.log else { return };
        let mut entry = Entry { event, outcome, ..self.about.clone() };
        more(&mut entry);
        log.note(entry).await;
    }

    /// Tells of a failure, after which it may have happened all the same if `may_have_effect`.
    pub(super) async fn failed(&self, event: Event, may_have_effect: bool) {
        let outcome = if may_have_effect { Outcome::Unknown } else { Outcome::Failed };
        self.came_to(event, Some(outcome), |_| {}).await;
    }
}
