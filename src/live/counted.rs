//! What the stores were asked, counted, and how the outside looks to whoever watches the fleet.

use jiff::Timestamp;

use super::{Live, Outside};
use crate::fleet::{Contacts, Outlook};
use crate::rotation::world::FaultKind;
use crate::store::{PublishError, StoreError};
use crate::tally::Reach;

impl Live {
    /// Counts a request to the store.
    pub(super) fn count<T>(&self, operation: &'static str, result: &Result<T, StoreError>) {
        let (word, reach) = match result {
            Ok(_) => ("ok", Reach::Answered),
            Err(error) => judged(error),
        };
        self.tally.note(operation, word, reach);
    }

    /// Counts a publication.
    pub(super) fn count_publication(&self, result: &Result<(), PublishError>) {
        let (word, reach) = match result {
            Ok(()) => ("ok", Reach::Answered),
            Err(PublishError::Conflict) => ("conflict", Reach::Answered),
            Err(PublishError::Refused(error)) => judged(error),
            Err(PublishError::Unknown(_)) => ("unknown", Reach::Unreachable),
        };
        self.tally.note("publish", word, reach);
    }
}

/// What became of a request, and what it says of the whole store. One secret that is damaged says nothing of it.
fn judged(error: &StoreError) -> (&'static str, Reach) {
    let word = match error.kind() {
        FaultKind::Transient => "failed",
        FaultKind::Permanent => "refused",
    };
    let reach = match error {
        StoreError::NotAnObject { .. } | StoreError::Damaged { .. } => Reach::Answered,
        StoreError::File(_)
        | StoreError::Vault(_)
        | StoreError::Aws(_)
        | StoreError::Interrupted { .. } => Reach::Unreachable,
    };
    (word, reach)
}

impl Outlook for Outside {
    fn now(&self) -> Timestamp {
        Outside::now(self)
    }

    fn contacts(&self) -> Contacts {
        Contacts {
            motherduck: self.motherduck.contact(),
            clock_skew: self.motherduck.clock_skew(),
            stores: self
                .tallies
                .iter()
                .map(|(name, tally)| (name.clone(), tally.contact()))
                .collect(),
            audit_failures: self.audit_log.as_ref().map(|log| log.failures()),
        }
    }
}
