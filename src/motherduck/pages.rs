//! Lists that may come in pages one day: followed to the end, or an error.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Client;
use super::call::Parameter;
use super::error::{Error, Failure};
use super::operation::Operation;

/// The names that page tokens are known by in answers, and the query parameters that they are sent back in.
const PAGE_TOKENS: [(&str, &str); 2] =
    [("next_cursor", "cursor"), ("next_page_token", "page_token")];

/// A stop for a service that never comes to an end.
const MOST_PAGES: usize = 1000;

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
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        let mut next: Option<(&str, String)> = None;
        for _ in 0..MOST_PAGES {
            let turn = next.iter().map(|(name, value)| (*name, value.as_str()));
            let query: Vec<_> = parameters.iter().copied().chain(turn).collect();
            let answer = self.call(operation, &query, None).await?;
            let mut page: Map<String, Value> =
                answer.json().map_err(|failure| operation.failed(failure))?;
            let Some(Value::Array(rows)) = page.remove(key) else {
                return Err(failed(format!("it has no list `{key}`")));
            };
            for (index, row) in rows.into_iter().enumerate() {
                let entry = T::deserialize(row)
                    .map_err(|_| failed(format!("entry {index} of `{key}` is not of its form")))?;
                entries.push(entry);
            }
            next = page_token(&page).map_err(failed)?;
            let total = page.get("total_count").and_then(Value::as_u64);
            match &next {
                None => return Ok(Listing { entries, end: End::Reached, total }),
                Some((_, token)) if seen.insert(token.clone()) => {}
                Some(_) => return Ok(Listing { entries, end: End::Circle, total }),
            }
        }
        Err(failed(format!("it has more than {MOST_PAGES} pages")))
    }
}

/// The query parameter and the value that ask for the next page; `None` on the last one.
fn page_token(page: &Map<String, Value>) -> Result<Option<(&'static str, String)>, String> {
    let nested = page.get("pagination").and_then(Value::as_object);
    for place in [Some(page), nested].into_iter().flatten() {
        for (name, parameter) in PAGE_TOKENS {
            match place.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) if text.is_empty() => {}
                Some(Value::String(text)) => return Ok(Some((parameter, text.clone()))),
                Some(Value::Number(number)) => return Ok(Some((parameter, number.to_string()))),
                Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                    return Err(format!("its `{name}` is neither text nor number"));
                }
            }
        }
        if place.get("has_more").and_then(Value::as_bool) == Some(true) {
            return Err("it says that there is more, and not how to ask for it".to_owned());
        }
    }
    Ok(None)
}
