//! Counts of the requests to one service by operation and result, and since when it has been of no use.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// What a request says about the service that it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answered.
    Answered,
    /// It did not accept who we are.
    Refused,
    /// It did not answer, or only that it is out of order.
    Unreachable,
}

/// Requests of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// What was asked for, a word of a fixed list.
    pub operation: &'static str,
    /// What came of it, a word of a short list.
    pub result: Cow<'static, str>,
    /// How many there were.
    pub count: u64,
}

/// How things stand with one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reachability {
    /// The requests so far.
    pub requests: Vec<Requests>,
    /// The first of the latest requests that all found it out of reach.
    pub unreachable_since: Option<Timestamp>,
    /// The first of the latest requests that were all refused for who we are.
    pub refused_since: Option<Timestamp>,
}

/// Counts the requests to one service.
#[derive(Debug, Default)]
pub struct RequestStats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<(&'static str, Cow<'static, str>), u64>,
    unreachable_since: Option<Timestamp>,
    refused_since: Option<Timestamp>,
}

impl RequestStats {
    /// Counts a request that ended now.
    pub fn note(
        &self,
        operation: &'static str,
        result: impl Into<Cow<'static, str>>,
        reach: Reach,
    ) {
        let now = Timestamp::now();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.counts.entry((operation, result.into())).or_default() += 1;
        match reach {
            Reach::Answered => (inner.unreachable_since, inner.refused_since) = (None, None),
            // Somebody who refuses is there.
            Reach::Refused => {
                inner.unreachable_since = None;
                inner.refused_since.get_or_insert(now);
            }
            // Who is not there did not change his mind.
            Reach::Unreachable => {
                inner.unreachable_since.get_or_insert(now);
            }
        }
    }

    /// How things stand.
    pub fn reachability(&self) -> Reachability {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = inner.counts.iter().map(|((operation, result), count)| Requests {
            operation,
            result: result.clone(),
            count: *count,
        });
        Reachability {
            requests: requests.collect(),
            unreachable_since: inner.unreachable_since,
            refused_since: inner.refused_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_out_of_reach_from_the_first_failure_until_an_answer() {
        let stats = RequestStats::default();
        stats.note("list", "connect", Reach::Unreachable);
        let since = stats.reachability().unreachable_since;
        assert!(since.is_some());
        stats.note("list", "connect", Reach::Unreachable);
        assert_eq!(stats.reachability().unreachable_since, since);
        stats.note("list", "401", Reach::Refused);
        assert_eq!(stats.reachability().unreachable_since, None);
        assert!(stats.reachability().refused_since.is_some());
        stats.note("list", "connect", Reach::Unreachable);
        assert!(stats.reachability().refused_since.is_some(), "silence is no welcome");
        stats.note("list", "200", Reach::Answered);
        assert_eq!(stats.reachability().refused_since, None);
        let counts: Vec<_> = stats.reachability().requests.iter().map(|r| r.count).collect();
        assert_eq!(counts, [1, 1, 3]);
    }
}
