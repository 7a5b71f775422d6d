//! The restarts that the credentials of one process wish for, so that one change of a workload carries all of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::publication::Publication;
use crate::consumers::gate::settings::WorkloadKind;

/// One workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct WorkloadName {
    pub(super) kind: WorkloadKind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl std::fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} in namespace {}", self.kind.as_str(), self.name, self.namespace)
    }
}

/// What is wished for, by annotation.
pub(super) type Wishes = BTreeMap<String, Publication>;

/// The wishes, by workload.
#[derive(Default)]
pub(super) struct Restarts(Mutex<HashMap<WorkloadName, Pending>>);

#[derive(Default)]
struct Pending {
    wishes: Wishes,
    /// Held by whoever changes the workload.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Restarts {
    /// Notes a wish; whose turn it is to change the workload.
    pub(super) fn wish(
        &self,
        workload: &WorkloadName,
        annotation: &str,
        publication: &Publication,
    ) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = all.entry(workload.clone()).or_default();
        pending.wishes.insert(annotation.to_owned(), publication.clone());
        Arc::clone(&pending.turn)
    }

    /// What is wished for now.
    pub(super) fn of(&self, workload: &WorkloadName) -> Wishes {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(workload).map(|pending| pending.wishes.clone()).unwrap_or_default()
    }

    /// Forgets a wish, fulfilled or given up.
    pub(super) fn forget(&self, workload: &WorkloadName, annotation: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = all.get_mut(workload) {
            pending.wishes.remove(annotation);
            if pending.wishes.is_empty() {
                all.remove(workload);
            }
        }
    }
}
