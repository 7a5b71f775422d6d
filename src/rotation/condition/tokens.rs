//! Which tokens of a credential live, by its record and the last list of its account: one count for everybody.

use jiff::Timestamp;

use crate::names::TokenId;
use crate::record::{Phase, Record};
use crate::rotation::decide::{Subject, unrecorded};
use crate::rotation::evidence::Evidence;
use crate::rotation::time::Time;
use crate::rotation::world::ListedToken;

/// The tokens of a credential that live, for all that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Replaced, and not yet revoked.
    pub predecessors: Vec<TokenId>,
    /// Where its secret is not; consumers may use them.
    pub elsewhere: Vec<TokenId>,
    /// When the first of those expires.
    pub elsewhere_expires_at: Option<Timestamp>,
    /// With its name, and never served; `None` where the account was not listed.
    pub orphans: Option<Vec<TokenId>>,
    /// Whether the account was listed, and the list lacks the served token.
    pub lacks_served: bool,
}

/// The living tokens of `subject`, whose secret holds `record`. `listing` is as new as the record, or absent.
pub fn living(
    subject: &Subject,
    record: Option<&Record>,
    listing: Option<&[ListedToken]>,
    evidence: &Evidence,
    time: impl Into<Time>,
) -> Tokens {
    let time = time.into();
    let listed = |id: &TokenId| listing.and_then(|all| all.iter().find(|token| token.id == *id));
    let is_gone = |id: &TokenId| evidence.gone.contains(id);
    // Until the seal they are kept whatever a list says, which may lag.
    let has_left = |id: &TokenId| listing.is_some() && listed(id).is_none();
    let predecessors = record.into_iter().flat_map(|record| {
        let is_retiring = record.phase == Phase::Retiring;
        let lives = move |id: &&TokenId| !(is_gone(id) || is_retiring && has_left(id));
        record.previous_token_ids.iter().filter(lives)
    });
    let has_expired = |id: &TokenId| {
        listed(id).is_some_and(|token| token.expires_at.is_some_and(|at| at <= time.earlier()))
    };
    let unrecorded = listing.map(|all| unrecorded(subject, all, record, evidence, time));
    let elsewhere: Vec<TokenId> = match record {
        Some(record) => {
            let ids = record.elsewhere_token_ids.iter().copied();
            ids.filter(|id| !is_gone(id) && !has_left(id) && !has_expired(id)).collect()
        }
        None => unrecorded.as_ref().map(|found| found.elsewhere.clone()).unwrap_or_default(),
    };
    Tokens {
        predecessors: predecessors.copied().collect(),
        elsewhere_expires_at: elsewhere.iter().filter_map(|id| listed(id)?.expires_at).min(),
        elsewhere,
        orphans: unrecorded.map(|found| found.orphans),
        lacks_served: record.is_some_and(|record| has_left(&record.token_id)),
    }
}
