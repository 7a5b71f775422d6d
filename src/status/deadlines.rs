//! When a scheduled run of each credential counts as missed, if no rotation begins before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::names::CredentialName;

/// One deadline for each credential at most.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    of: BTreeMap<CredentialName, Timestamp>,
    in_order: BTreeSet<(Timestamp, CredentialName)>,
}

impl Deadlines {
    /// Sets, or takes away, the deadline of `name`.
    pub(super) fn set(&mut self, name: &CredentialName, deadline: Option<Timestamp>) {
        if let Some(before) = self.of.remove(name) {
            self.in_order.remove(&(before, name.clone()));
        }
        if let Some(deadline) = deadline {
            self.of.insert(name.clone(), deadline);
            self.in_order.insert((deadline, name.clone()));
        }
    }

    /// The first deadline that has passed is taken away.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<CredentialName> {
        let (_, name) = self.in_order.first().filter(|(at, _)| *at <= now)?;
        let name = name.clone();
        self.set(&name, None);
        Some(name)
    }

    /// The first deadline.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.in_order.first().map(|(at, _)| *at)
    }
}
