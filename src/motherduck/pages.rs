//! Lists that may come in pages one day: followed to the end, or an error.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::Client;
use super::call::Parameter;
use super::error::{Error, Failure};
use super::operation::Operation;
use super::page::{self, Next, Page};
use crate::http::body;

/// A stop for a service that never comes to an end.
const MOST_PAGES: usize = 1000;
/// All pages together may be this many times as large as one answer,
const MOST_ANSWERS: usize = 4;
/// and hold so many values.
pub(super) const MOST_VALUES: usize = 500_000;

/// The entries of all pages.
pub(super) struct Listing<T> {
    pub(super) entries: Vec<T>,
    pub(super) end: End,
    /// How many there are in all, by the last page's own count.
    pub(super) total: Option<u64>,
}

/// How the pages came to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The last one said so.
    Reached,
    /// One of them pointed back.
    Circle,
}

/// What is wrong with a list that should have come to an end.
pub(super) fn circle() -> Failure {
    Failure::Malformed { reason: "its pages go round in a circle".to_owned() }
}

impl Client {
    /// All entries that stand under `key` in the answers to `operation`. An answer without `key` is an error: a list
    /// that failed must not look like an empty one.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        key: &'static str,
    ) -> Result<Vec<T>, Error> {
        let listing = self.pages(operation, &[], key).await?;
        match listing.end {
            End::Reached => Ok(listing.entries),
            End::Circle => Err(operation.failed(circle())),
        }
    }

    /// The same, with parameters for every page, for lists that are known to end where a page token repeats.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        parameters: &[Parameter<'_>],
        key: &'static str,
    ) -> Result<Listing<T>, Error> {
        let failed = |reason: String| operation.failed(Failure::Malformed { reason });
        let mut room = operation.answer_limit().saturating_mul(MOST_ANSWERS);
        let mut values_left = MOST_VALUES;
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        let mut next: Option<Next> = None;
        for _ in 0..MOST_PAGES {
            let turn = next.iter().map(|(name, value)| (*name, value.as_str()));
            let query: Vec<_> = parameters.iter().copied().chain(turn).collect();
            let answer = self.call(operation, &query, None).await?;
            let spent = (answer.body().len(), body::values(answer.body()));
            match (room.checked_sub(spent.0), values_left.checked_sub(spent.1)) {
                (Some(bytes), Some(values)) => (room, values_left) = (bytes, values),
                (None, _) | (_, None) => return Err(failed("it is too long".to_owned())),
            }
            let page: Page<T> = page::read(answer.body(), key).map_err(failed)?;
            let total = page.total;
            entries.extend(page.entries);
            next = page.next;
            match &next {
                None => return Ok(Listing { entries, end: End::Reached, total }),
                Some((_, token)) if seen.insert(token.clone()) => {}
                Some(_) => return Ok(Listing { entries, end: End::Circle, total }),
            }
        }
        Err(failed(format!("it has more than {MOST_PAGES} pages")))
    }
}
