//! A publication as an annotation's value: which token was put where its readers find it, and when.

use std::fmt;

use jiff::Timestamp;

use crate::names::TokenId;
use crate::record::Record;

/// One publication of one credential. A token that is served again, after a roll-back, is another publication: pods of
/// the first time it was served may hold what came between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publication {
    token_id: TokenId,
    at: Timestamp,
}

impl Publication {
    /// What `record` was written for.
    pub(super) fn of(record: &Record) -> Self {
        Self { token_id: record.token_id, at: record.published_at }
    }

    /// Reads an annotation; `None` for one that pintail did not write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (token_id, at) = text.split_once('@')?;
        Some(Self { token_id: token_id.parse().ok()?, at: at.parse().ok()? })
    }

    /// Whether this one comes after `other`.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        self.at > other.at
    }
}

impl fmt::Display for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.token_id, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_read_as_it_was_written_and_knows_which_came_later() {
        let at = |second: i64| Publication {
            token_id: "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01".parse().unwrap(),
            at: Timestamp::new(1_800_000_000 + second, 123_456_789).unwrap(),
        };
        assert_eq!(Publication::parse(&at(0).to_string()), Some(at(0)));
        assert!(at(1).is_later_than(&at(0)) && !at(0).is_later_than(&at(0)));
        for foreign in ["", "x", "2026-01-01T00:00:00Z", "7f0c2f7e@2026-01-01T00:00:00Z"] {
            assert_eq!(Publication::parse(foreign), None, "{foreign}");
        }
    }
}
