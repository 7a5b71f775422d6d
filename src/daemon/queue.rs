//! The credentials that are not being worked on, by when they are to be looked at; those that cannot wait come first.

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::Timestamp;

use crate::names::CredentialName;

/// When a credential is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextRun {
    /// From then on, when there is a place.
    pub(super) at: Timestamp,
    /// Whether something is to be done then, as far as is known: it does not wait for those that are only looked at.
    pub(super) is_promised: bool,
    /// From then on before all others, if ever: its token nears its expiry, or is gone.
    pub(super) urgent_at: Option<Timestamp>,
    /// From then on its account is to be listed as well, as lists are affordable.
    pub(super) list_at: Option<Timestamp>,
}

/// The credentials that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next_runs: BTreeMap<CredentialName, (NextRun, u64)>,
    /// By what is to be done, then by time, then by who was put in first.
    times: BTreeMap<Key, CredentialName>,
    put_in: u64,
}

type Key = (Kind, Timestamp, u64);

/// What a look is for. Each kind is waited for apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Urgent,
    Promised,
    Swept,
    Listed,
}

impl Queue {
    /// Has `name` wait, in place of what it waited for before.
    pub(super) fn insert(&mut self, name: CredentialName, next_run: NextRun) {
        self.remove(&name);
        self.put_in += 1;
        for (kind, at) in times(next_run) {
            self.times.insert((kind, at, self.put_in), name.clone());
        }
        self.next_runs.insert(name, (next_run, self.put_in));
    }

    /// No longer has `name` wait.
    pub(super) fn remove(&mut self, name: &CredentialName) {
        let Some((next_run, number)) = self.next_runs.remove(name) else { return };
        for (kind, at) in times(next_run) {
            self.times.remove(&(kind, at, number));
        }
    }

    /// The one whose time came first, of those that cannot wait.
    pub(super) fn urgent(&self, now: Timestamp) -> Option<&CredentialName> {
        self.first(Kind::Urgent, now)
    }

    /// The one whose time came first: of those that have something to be done before the others.
    pub(super) fn due(&self, now: Timestamp) -> Option<&CredentialName> {
        self.first(Kind::Promised, now).or_else(|| self.first(Kind::Swept, now))
    }

    /// The one whose account is to be listed first.
    pub(super) fn to_list(&self, now: Timestamp) -> Option<&CredentialName> {
        self.first(Kind::Listed, now)
    }

    fn first(&self, kind: Kind, now: Timestamp) -> Option<&CredentialName> {
        let until = (kind, now, u64::MAX);
        self.times.range((kind, Timestamp::MIN, 0)..=until).next().map(|(_, name)| name)
    }

    /// When the next time comes.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let next = |kind| {
            let after = Bound::Excluded((kind, now, u64::MAX));
            let last = Bound::Included((kind, Timestamp::MAX, u64::MAX));
            self.times.range((after, last)).next().map(|((_, at, _), _)| *at)
        };
        [Kind::Urgent, Kind::Promised, Kind::Swept, Kind::Listed].into_iter().filter_map(next).min()
    }

    /// Makes all that wait be looked at as `new` says of them.
    pub(super) fn reorder(&mut self, new: impl Fn(&CredentialName, NextRun) -> NextRun) {
        for (name, (next_run, _)) in std::mem::take(self).next_runs {
            let next_run = new(&name, next_run);
            self.insert(name, next_run);
        }
    }
}

fn times(next_run: NextRun) -> impl Iterator<Item = (Kind, Timestamp)> {
    let NextRun { at, is_promised, urgent_at, list_at } = next_run;
    let kind = if is_promised { Kind::Promised } else { Kind::Swept };
    let urgent = urgent_at.map(|urgent_at| (Kind::Urgent, urgent_at.max(at)));
    let listed = list_at.map(|list_at| (Kind::Listed, list_at));
    [Some((kind, at)), urgent, listed].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn swept(second: i64) -> NextRun {
        NextRun { at: at(second), is_promised: false, urgent_at: None, list_at: None }
    }

    fn queue(next_runs: &[(&str, i64, Option<i64>)]) -> Queue {
        let mut queue = Queue::default();
        for (name, look_at, urgent_at) in next_runs {
            let next_run = NextRun { urgent_at: urgent_at.map(at), ..swept(*look_at) };
            queue.insert(name.parse().unwrap(), next_run);
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
        queue.reorder(|name, next_run| match name.as_str() {
            "b" => NextRun { at: at(3), ..next_run },
            _ => next_run,
        });
        assert_eq!((name(queue.due(at(7))), name(queue.urgent(at(7)))), (Some("b"), None));
        assert_eq!(name(queue.urgent(at(8))), Some("b"));
    }

    #[test]
    fn what_has_something_to_be_done_comes_before_what_is_only_looked_at() {
        let mut queue = queue(&[("a", 1, None), ("b", 2, None)]);
        queue.insert("c".parse().unwrap(), NextRun { is_promised: true, ..swept(5) });
        assert_eq!(name(queue.due(at(4))), Some("a"));
        assert_eq!(name(queue.due(at(5))), Some("c"));
        queue.remove(&"c".parse().unwrap());
        assert_eq!(name(queue.due(at(5))), Some("a"));
    }

    #[test]
    fn lists_are_waited_for_on_a_clock_of_their_own() {
        let mut queue = queue(&[("a", 90, None)]);
        queue.insert("b".parse().unwrap(), NextRun { list_at: Some(at(7)), ..swept(60) });
        assert_eq!((name(queue.due(at(8))), name(queue.to_list(at(8)))), (None, Some("b")));
        assert_eq!((name(queue.to_list(at(6))), queue.next(at(6))), (None, Some(at(7))));
        queue.remove(&"b".parse().unwrap());
        assert_eq!((name(queue.to_list(at(8))), queue.next(at(8))), (None, Some(at(90))));
    }
}
