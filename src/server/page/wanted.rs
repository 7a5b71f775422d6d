//! What the URL asks to see: which credentials, in which order. Whatever makes no sense is passed over.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::rotation::condition::State;
use crate::status::{CredentialStatus, Snapshot};

/// The most rows that are shown unless all are asked for.
const ROWS: usize = 500;

/// The query of the URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::server) struct Wanted {
    q: String,
    state: String,
    sort: String,
    dir: String,
    rows: String,
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

    /// The rows to show, and how many more there are.
    pub(super) fn rows<'a>(&self, snapshot: &'a Snapshot) -> (Vec<&'a CredentialStatus>, usize) {
        let mut rows: Vec<_> = snapshot.members.iter().filter(|one| self.includes(one)).collect();
        // By name already: the sort keeps that order among equals.
        rows.sort_by(|one, other| {
            let order = compare(self.column(), one, other);
            if self.is_descending() { order.reverse() } else { order }
        });
        let more = if self.rows == "all" { 0 } else { rows.len().saturating_sub(ROWS) };
        rows.truncate(rows.len() - more);
        (rows, more)
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
        Self { sort: column.as_str().to_owned(), dir: dir.to_owned(), ..self.clone() }.url()
    }

    /// The URL of the same page with the credentials in `state`, or with all.
    pub(super) fn in_state(&self, state: Option<State>) -> String {
        let state = state.map_or("", State::as_str).to_owned();
        Self { state, ..self.clone() }.url()
    }

    /// The URL of the same page with all rows.
    pub(super) fn whole(&self) -> String {
        Self { rows: "all".to_owned(), ..self.clone() }.url()
    }

    fn url(&self) -> String {
        let mut query = Serializer::new(String::new());
        let pairs = [
            ("q", &self.q),
            ("state", &self.state),
            ("sort", &self.sort),
            ("dir", &self.dir),
            ("rows", &self.rows),
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
