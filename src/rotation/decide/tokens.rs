//! Whose the listed tokens are, as far as a decision needs it.

use super::Case;
use super::stages::later;
use super::terms::Subject;
use crate::names::{TokenId, TokenName};
use crate::record::Record;
use crate::rotation::evidence::Evidence;
use crate::rotation::world::ListedToken;

/// With so many orphans alive no further token is created before they are revoked.
pub const MOST_ORPHANS: usize = 3;
/// With so many tokens alive and none served, a person is asked.
pub const MOST_STRAYS: usize = 10;

impl Case<'_> {
    fn listing(&self) -> &[ListedToken] {
        self.seen.listing.unwrap_or_default()
    }

    pub(super) fn is_listed(&self, id: TokenId) -> bool {
        self.listing().iter().any(|token| token.id == id)
    }

    /// The predecessors that are not known to be gone. A list that lacks the served token may lack others too.
    pub(super) fn living_predecessors(&self, record: &Record) -> Vec<TokenId> {
        let is_telling = self.is_listed(record.token_id);
        let lives = |id: &TokenId| {
            (!is_telling || self.is_listed(*id)) && !self.seen.evidence.gone.contains(id)
        };
        record.previous_token_ids.iter().copied().filter(lives).collect()
    }

    /// See [`orphans`].
    pub(super) fn orphans(&self, record: Option<&Record>) -> Vec<TokenId> {
        orphans(self.subject, self.listing(), record, self.seen.evidence)
    }

    /// Whether an orphan is worth a write of its own: its publisher has had time enough, or is fenced off already. One
    /// that has expired is not.
    pub(super) fn is_ripe(&self, id: TokenId) -> bool {
        self.seen.evidence.fenced.contains(&id)
            || self.listing().iter().any(|token| {
                token.id == id
                    && later(token.created_at, self.subject.policy.orphan_grace) <= self.seen.now
                    && token.expires_at.is_none_or(|at| self.seen.now < at)
            })
    }
}

/// The listed tokens with our name that `record` neither serves nor lists as predecessors.
pub fn orphans(
    subject: &Subject,
    listing: &[ListedToken],
    record: Option<&Record>,
    evidence: &Evidence,
) -> Vec<TokenId> {
    let is_recorded = |id: TokenId| {
        record
            .is_some_and(|record| record.token_id == id || record.previous_token_ids.contains(&id))
    };
    let is_ours = |name: &str| TokenName::is_ours(name, &subject.owner, &subject.credential);
    let ours = listing.iter().filter(|token| token.name.as_deref().is_some_and(is_ours));
    ours.map(|token| token.id)
        .filter(|id| !is_recorded(*id) && !evidence.gone.contains(id))
        .collect()
}
