//! What the URL asks to see: which credentials, in which order. Whatever makes no sense is passed over.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::rotation::condition::State;
use crate::status::{CredentialStatus, Snapshot};

/// The most rows of one page.
const ROWS: usize = 200;

/// The query of the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::server) struct Wanted {
    q: String,
    state: String,
    sort: String,
    dir: String,
    page: String,
}

/// What rows can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Credential,
    Account,
    State,
    Age,
    Expiry,
    Next,
}

/// One page of what was looked for.
pub(super) struct Rows<'a> {
    pub(super) shown: Vec<&'a CredentialStatus>,
    /// How many come before them.
    pub(super) first: usize,
    /// How many were found.
    pub(super) found: usize,
    /// The URLs of the pages before and after this one.
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Column {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Account => "account",
            Self::State => "state",
            Self::Age => "age",
            Self::Expiry => "expiry",
            Self::Next => "next",
        }
    }
}

impl Wanted {
    /// The text that is looked for.
    pub(super) fn text(&self) -> &str {
        &self.q
    }

    /// The one state that is asked for.
    pub(super) fn state(&self) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == self.state)
    }

    /// The column to sort by; the worst state first, if none is named.
    pub(super) fn column(&self) -> Column {
        let all = [Column::Credential, Column::Account, Column::Age, Column::Expiry, Column::Next];
        all.into_iter().find(|column| column.as_str() == self.sort).unwrap_or(Column::State)
    }

    pub(super) fn is_descending(&self) -> bool {
        self.dir == "desc"
    }

    /// The rows to show.
    pub(super) fn rows<'a>(&self, snapshot: &'a Snapshot) -> Rows<'a> {
        let mut rows: Vec<_> = snapshot.members.iter().filter(|one| self.includes(one)).collect();
        // By name already: the sort keeps that order among equals.
        rows.sort_by(|one, other| {
            let order = compare(self.column(), one, other);
            if self.is_descending() { order.reverse() } else { order }
        });
        let found = rows.len();
        let last = found.saturating_sub(1) / ROWS;
        let page = self.page.parse::<usize>().unwrap_or(1).saturating_sub(1).min(last);
        let first = page * ROWS;
        let rows: Vec<_> = rows.into_iter().skip(first).take(ROWS).collect();
        Rows {
            before: page.checked_sub(1).map(|page| self.at_page(page)),
            after: (page < last).then(|| self.at_page(page + 1)),
            first,
            found,
            shown: rows,
        }
    }

    fn includes(&self, one: &CredentialStatus) -> bool {
        let text = self.q.trim().to_lowercase();
        let texts = [one.name.as_str(), one.username.as_str(), &one.store, &one.path];
        let found = texts.iter().any(|candidate| candidate.to_lowercase().contains(&text))
            || one.token_id.is_some_and(|id| id.to_string() == text);
        found && self.state().is_none_or(|state| one.condition.state == state)
    }

    /// The URL of the same page sorted by `column`; the other way round if it is already.
    pub(super) fn sorted_by(&self, column: Column) -> String {
        let turn = self.column() == column && !self.is_descending();
        let dir = if turn { "desc" } else { "" };
        Self {
            sort: column.as_str().to_owned(),
            dir: dir.to_owned(),
            page: String::new(),
            ..self.clone()
        }
        .url()
    }

    /// The URL of the same page with the credentials in `state`, or with all.
    pub(super) fn in_state(&self, state: Option<State>) -> String {
        let state = state.map_or("", State::as_str).to_owned();
        Self { state, page: String::new(), ..self.clone() }.url()
    }

    /// The URL of another page of the same rows, counted from 0.
    fn at_page(&self, page: usize) -> String {
        Self { page: (page + 1).to_string(), ..self.clone() }.url()
    }

    fn url(&self) -> String {
        let mut query = Serializer::new(String::new());
        let pairs = [
            ("q", &self.q),
            ("state", &self.state),
            ("sort", &self.sort),
            ("dir", &self.dir),
            ("page", &self.page),
        ];
        query.extend_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        match query.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }
}

fn compare(column: Column, one: &CredentialStatus, other: &CredentialStatus) -> Ordering {
    /// What has no time comes last.
    fn times(one: Option<Timestamp>, other: Option<Timestamp>) -> Ordering {
        one.is_none().cmp(&other.is_none()).then(one.cmp(&other))
    }
    match column {
        Column::Credential => one.name.cmp(&other.name),
        Column::Account => one.username.cmp(&other.username),
        Column::State => one.condition.state.cmp(&other.condition.state),
        // The oldest first.
        Column::Age => times(one.created_at, other.created_at),
        Column::Expiry => times(one.expires_at, other.expires_at),
        Column::Next => times(one.condition.next_rotation, other.condition.next_rotation),
    }
}
