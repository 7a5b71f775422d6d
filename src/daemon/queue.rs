//! The credentials that are not being worked on, by when they are to be looked at; those that cannot wait come first.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::Timestamp;

use crate::names::CredentialName;

/// When a credential is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// From then on, when there is a place.
    pub(super) at: Timestamp,
    /// From then on before all others, if ever: its token nears its expiry, or is gone.
    pub(super) urgent_at: Option<Timestamp>,
}

/// The credentials that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    looks: BTreeMap<CredentialName, Look>,
    due: Times,
    urgent: Times,
}

impl Queue {
    /// Has `name` wait, in place of what it waited for before.
    pub(super) fn insert(&mut self, name: CredentialName, look: Look) {
        self.remove(&name);
        self.due.insert(look.at, name.clone());
        if let Some(at) = look.urgent_at {
            self.urgent.insert(at.max(look.at), name.clone());
        }
        self.looks.insert(name, look);
    }

    /// No longer has `name` wait.
    pub(super) fn remove(&mut self, name: &CredentialName) {
        let Some(look) = self.looks.remove(name) else { return };
        self.due.remove(look.at, name);
        if let Some(at) = look.urgent_at {
            self.urgent.remove(at.max(look.at), name);
        }
    }

    /// The one whose time came first, of those that cannot wait.
    pub(super) fn urgent(&self, now: Timestamp) -> Option<&CredentialName> {
        self.urgent.first(now)
    }

    /// The one whose time came first.
    pub(super) fn due(&self, now: Timestamp) -> Option<&CredentialName> {
        self.due.first(now)
    }

    /// When the next time comes.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.due.next(now).into_iter().chain(self.urgent.next(now)).min()
    }

    /// Makes all that wait be looked at as `new` says of them.
    pub(super) fn reorder(&mut self, new: impl Fn(&CredentialName, Look) -> Look) {
        for (name, look) in std::mem::take(self).looks {
            let look = new(&name, look);
            self.insert(name, look);
        }
    }
}

/// Names by a time each.
#[derive(Debug, Default)]
struct Times(BTreeMap<Timestamp, BTreeSet<CredentialName>>);

impl Times {
    fn insert(&mut self, at: Timestamp, name: CredentialName) {
        self.0.entry(at).or_default().insert(name);
    }

    fn remove(&mut self, at: Timestamp, name: &CredentialName) {
        if let Entry::Occupied(mut names) = self.0.entry(at) {
            names.get_mut().remove(name);
            if names.get().is_empty() {
                names.remove();
            }
        }
    }

    fn first(&self, now: Timestamp) -> Option<&CredentialName> {
        let (_, names) = self.0.first_key_value().filter(|(at, _)| **at <= now)?;
        names.first()
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.range((Bound::Excluded(now), Bound::Unbounded)).next().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn queue(looks: &[(&str, i64, Option<i64>)]) -> Queue {
        let mut queue = Queue::default();
        for (name, look_at, urgent_at) in looks {
            let look = Look { at: at(*look_at), urgent_at: urgent_at.map(at) };
            queue.insert(name.parse().unwrap(), look);
        }
        queue
    }

    fn name(found: Option<&CredentialName>) -> Option<&str> {
        found.map(CredentialName::as_str)
    }

    #[test]
    fn what_becomes_urgent_while_it_waits_comes_before_what_waits_longer() {
        let mut queue = queue(&[("a", 1, None), ("b", 2, Some(5)), ("c", 3, Some(9))]);
        assert_eq!((name(queue.due(at(4))), name(queue.urgent(at(4)))), (Some("a"), None));
        assert_eq!(name(queue.urgent(at(6))), Some("b"));
        queue.remove(&"b".parse().unwrap());
        assert_eq!((name(queue.due(at(6))), name(queue.urgent(at(6)))), (Some("a"), None));
        assert_eq!(name(queue.urgent(at(9))), Some("c"));
    }

    #[test]
    fn nothing_is_urgent_before_it_is_to_be_looked_at_again() {
        let queue = queue(&[("fails", 60, Some(1))]);
        assert_eq!(name(queue.urgent(at(59))), None);
        assert_eq!(name(queue.urgent(at(60))), Some("fails"));
    }

    #[test]
    fn the_next_time_is_that_of_the_next_change() {
        let queue = queue(&[("a", 1, None), ("b", 2, Some(50)), ("c", 30, None)]);
        assert_eq!(queue.next(at(10)), Some(at(30)));
        assert_eq!(queue.next(at(30)), Some(at(50)));
        assert_eq!(queue.next(at(50)), None);
    }

    #[test]
    fn who_is_put_in_again_waits_once_and_who_is_reordered_waits_as_told() {
        let mut queue = queue(&[("a", 1, Some(2)), ("a", 7, None), ("b", 8, Some(8))]);
        assert_eq!((name(queue.due(at(6))), name(queue.urgent(at(6)))), (None, None));
        queue.reorder(|name, look| match name.as_str() {
            "b" => Look { at: at(3), urgent_at: look.urgent_at },
            _ => look,
        });
        assert_eq!((name(queue.due(at(7))), name(queue.urgent(at(7)))), (Some("b"), None));
        assert_eq!(name(queue.urgent(at(8))), Some("b"));
    }
}
