//! Something that changes the outside and is no step of a rotation, as the audit log tells of it.

use std::sync::Arc;

use super::{AuditError, AuditLog, Cause, Entry, Event, Outcome};

/// Where operations are written down, if they are, and what is the same for all of them: for whom and why.
#[derive(Clone)]
pub struct AuditContext {
    log: Option<Arc<AuditLog>>,
    about: Entry,
}

/// One operation: that it begins, and what came of it.
pub struct Operation {
    log: Option<Arc<AuditLog>>,
    about: Entry,
}

impl AuditContext {
    /// A context of what `about` tells.
    pub fn new(log: Option<Arc<AuditLog>>, about: Entry) -> Self {
        Self { log, about }
    }

    /// One of nobody and nothing: no log is kept.
    pub fn none() -> Self {
        Self::new(None, Entry::of(Event::Began))
    }

    /// The same, of what was set going by `cause`.
    #[must_use]
    pub fn because(&self, cause: Cause) -> Self {
        let about = Entry { cause: Some(cause), ..self.about.clone() };
        Self { log: self.log.clone(), about }
    }

    /// An entry that tells of `event`.
    pub fn entry(&self, event: Event) -> Entry {
        Entry { event, ..self.about.clone() }
    }

    /// Writes one line. What is about to begin does not begin if this fails.
    pub async fn append(&self, entry: Entry) -> Result<(), AuditError> {
        match &self.log {
            Some(log) => log.append(entry).await,
            None => Ok(()),
        }
    }

    /// Writes one line of what has happened; a failure holds nothing up.
    pub async fn note(&self, entry: Entry) {
        if let Some(log) = &self.log {
            log.note(entry).await;
        }
    }

    /// An operation that is part of what has begun already.
    pub fn operation(&self, operation: &'static str) -> Operation {
        let about = Entry { operation: Some(operation), ..self.about.clone() };
        Operation { log: self.log.clone(), about }
    }

    /// Tells that an operation begins. While that cannot be told, it must not: nothing was changed yet.
    pub async fn begin(&self, operation: &'static str) -> Result<Operation, AuditError> {
        let operation = self.operation(operation);
        if let Some(log) = &operation.log {
            log.append(Entry { event: Event::Began, ..operation.about.clone() }).await?;
        }
        Ok(operation)
    }
}

impl Operation {
    /// Tells what came of it; `more` adds what was not known before.
    pub async fn came_to(
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
    pub async fn failed(&self, event: Event, may_have_effect: bool) {
        let outcome = if may_have_effect { Outcome::Unknown } else { Outcome::Failed };
        self.came_to(event, Some(outcome), |_| {}).await;
    }
}
