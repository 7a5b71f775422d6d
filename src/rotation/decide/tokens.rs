//! Whose the listed tokens are, as far as a decision needs it.

use jiff::Timestamp;

use super::Case;
use super::terms::Subject;
use crate::names::{PlaceMark, TokenId, TokenName};
use crate::record::Record;
use crate::rotation::evidence::Evidence;
use crate::rotation::schedule::later;
use crate::rotation::world::ListedToken;

/// With so many orphans alive no further token is created before they are revoked.
pub const MOST_ORPHANS: usize = 3;
/// With so many tokens alive and none served, a person is asked.
pub const MOST_STRAYS: usize = 10;

/// The listed tokens with a credential's name that its record does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Never served: a rotation that was interrupted left them behind.
    pub orphans: Vec<TokenId>,
    /// In use elsewhere, for all that is known: another place serves them, or consumers read them before the secret was
    /// moved, deleted or restored.
    pub elsewhere: Vec<TokenId>,
}

impl Case<'_> {
    fn listing(&self) -> &[ListedToken] {
        self.seen.listing.unwrap_or_default()
    }

    fn listed(&self, id: TokenId) -> Option<&ListedToken> {
        self.listing().iter().find(|token| token.id == id)
    }

    pub(super) fn is_listed(&self, id: TokenId) -> bool {
        self.listed(id).is_some()
    }

    /// The listed tokens with our name that are not known to be gone.
    pub(super) fn ours(&self) -> impl Iterator<Item = &ListedToken> {
        ours(self.subject, self.listing(), self.seen.evidence)
    }

    pub(super) fn is_young(&self, token: &ListedToken) -> bool {
        is_young(self.subject, token, self.seen.now)
    }

    /// The predecessors that are not known to be gone.
    pub(super) fn living_predecessors(&self, record: &Record) -> Vec<TokenId> {
        self.living(record, &record.previous_token_ids)
    }

    /// Those that `record` names as living elsewhere and that are not known to be gone or expired.
    pub(super) fn living_elsewhere(&self, record: &Record) -> Vec<TokenId> {
        let mut living = self.living(record, &record.elsewhere_token_ids);
        living.retain(|id| !self.has_expired(*id));
        living
    }

    /// A list that lacks the served token may lack others too.
    fn living(&self, record: &Record, ids: &[TokenId]) -> Vec<TokenId> {
        let is_telling = self.is_listed(record.token_id);
        let lives = |id: &TokenId| {
            (!is_telling || self.is_listed(*id)) && !self.seen.evidence.gone.contains(id)
        };
        ids.iter().copied().filter(lives).collect()
    }

    /// Those that `record` names as living elsewhere and that are dead for certain, or were missing from lists for long.
    pub(super) fn left(&self, record: &Record) -> Vec<TokenId> {
        let missing = |id: TokenId| {
            let since = self.seen.evidence.missing_elsewhere.get(&id);
            since.is_some_and(|at| later(*at, self.subject.policy.orphan_grace) <= self.seen.now)
        };
        let ids = record.elsewhere_token_ids.iter().copied();
        let is_gone = |id: TokenId| self.seen.evidence.gone.contains(&id) || self.has_expired(id);
        ids.filter(|id| is_gone(*id) || missing(*id)).collect()
    }

    fn has_expired(&self, id: TokenId) -> bool {
        self.listed(id).is_some_and(|token| token.expires_at.is_some_and(|at| at <= self.seen.now))
    }

    /// See [`unrecorded`].
    pub(super) fn unrecorded(&self, record: &Record) -> Unrecorded {
        let Self { subject, seen, .. } = self;
        unrecorded(subject, self.listing(), Some(record), seen.evidence, seen.now)
    }

    /// Whether an orphan is worth a write of its own: its publisher has had time enough, or is fenced off already. One
    /// that has expired is not.
    pub(super) fn is_ripe(&self, id: TokenId) -> bool {
        let is_old = |token: &ListedToken| !self.is_young(token) && !self.has_expired(id);
        self.seen.evidence.fenced.contains(&id) || self.listed(id).is_some_and(is_old)
    }
}

fn ours<'a>(
    subject: &'a Subject,
    listing: &'a [ListedToken],
    evidence: &'a Evidence,
) -> impl Iterator<Item = &'a ListedToken> {
    let is_ours = |name: &str| TokenName::is_ours(name, &subject.owner, &subject.credential);
    listing
        .iter()
        .filter(move |token| token.name.as_deref().is_some_and(is_ours))
        .filter(|token| !evidence.gone.contains(&token.id))
}

pub(super) fn place_of(token: &ListedToken) -> Option<PlaceMark> {
    TokenName::parse(token.name.as_deref()?)?.rotation.place()
}

/// Whether an interrupted rotation explains that it is there: its publisher may yet be at work.
fn is_young(subject: &Subject, token: &ListedToken, now: Timestamp) -> bool {
    now < later(token.created_at, subject.policy.orphan_grace)
}

/// The listed tokens with `subject`'s name that `record` neither serves nor names.
///
/// An orphan could be served only by the process that made it, over the version that it had read before. A token that
/// was made for another place is none: somebody serves it there. Nor is one beside a served token that is not listed:
/// so it looks where a store was moved back to a backup, and consumers go on with what they read before.
pub fn unrecorded(
    subject: &Subject,
    listing: &[ListedToken],
    record: Option<&Record>,
    evidence: &Evidence,
    now: Timestamp,
) -> Unrecorded {
    let serves = record.is_some_and(|it| listing.iter().any(|token| token.id == it.token_id));
    let is_recorded = |id: TokenId| record.is_some_and(|record| record.names(id));
    let (orphans, elsewhere): (Vec<_>, Vec<_>) = ours(subject, listing, evidence)
        .filter(|token| !is_recorded(token.id))
        .partition(|token| {
            let is_for_here = place_of(token).is_none_or(|place| place == subject.place);
            // Where there is no record, what a crash explains is told apart from what was served long ago.
            let is_explained =
                if record.is_some() { serves } else { is_young(subject, token, now) };
            evidence.fenced.contains(&token.id) || is_for_here && is_explained
        });
    let ids = |tokens: Vec<&ListedToken>| tokens.into_iter().map(|token| token.id).collect();
    Unrecorded { orphans: ids(orphans), elsewhere: ids(elsewhere) }
}
