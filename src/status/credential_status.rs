//! One credential as people and machines are shown it. Nothing here is a secret.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::words::Origin;
use crate::names::{AccountName, CredentialName, FleetName, RotationId, TokenId};
use crate::record::TokenType;
use crate::rotation::condition::Condition;

/// One credential.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialStatus {
    /// Its name.
    pub name: CredentialName,
    /// The rule that made it, unless it stands in a table.
    pub fleet: Option<FleetName>,
    /// The account that its tokens belong to.
    pub username: AccountName,
    /// What its tokens may do.
    pub token_type: TokenType,
    /// Its store's name.
    pub store: String,
    /// Where in the store its secret is.
    pub path: String,
    /// How it stands.
    #[serde(flatten)]
    pub condition: Condition,
    /// The served token.
    pub token_id: Option<TokenId>,
    /// The rotation that put it there.
    pub rotation_id: Option<RotationId>,
    /// When the served token was created.
    pub created_at: Option<Timestamp>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When it expires; never, if there is a token and no such time.
    pub expires_at: Option<Timestamp>,
    /// How long before its expiry it is replaced, in seconds.
    pub renew_before_seconds: u64,
    /// When a rotation was last completed.
    pub last_success: Option<Timestamp>,
    /// What made the rotation begin that was completed last, if this process saw it.
    pub last_trigger: Option<Origin>,
    /// When it was last looked at.
    pub looked_at: Option<Timestamp>,
    /// The replaced tokens that live.
    pub predecessors: usize,
    /// The tokens that live where its secret is not, and that consumers may use.
    pub elsewhere: usize,
    /// When the first of them expires, whether or not anybody has moved on by then.
    pub elsewhere_expires_at: Option<Timestamp>,
    /// The tokens with its name that were never served; `None` before the account was listed.
    pub orphans: Option<usize>,
    /// The account's tokens that nobody manages; `None` before it was listed.
    pub unmanaged: Option<usize>,
    /// When the rotation in progress began.
    pub unfinished_since: Option<Timestamp>,
    /// When the rotation in progress should be complete.
    pub deadline: Option<Timestamp>,
    /// The rule that decided last, by its name in `rotation::decide`.
    pub rule: Option<&'static str>,
}

impl CredentialStatus {
    /// How long the tokens that consumers may use still live: the one of them that expires first.
    pub fn left(&self, now: Timestamp) -> Option<SignedDuration> {
        self.first_expiry().map(|at| at.duration_since(now))
    }

    /// When the first token expires that consumers may use.
    pub fn first_expiry(&self) -> Option<Timestamp> {
        self.expires_at.into_iter().chain(self.elsewhere_expires_at).min()
    }

    /// Whether the served token should have been replaced a good while ago: half of `renew_before` has passed.
    pub fn nears_expiry(&self, now: Timestamp) -> bool {
        let half = i64::try_from(self.renew_before_seconds / 2).unwrap_or(i64::MAX);
        self.left(now).is_some_and(|left| left < SignedDuration::from_secs(half))
    }

    /// Whether the rotation in progress should be complete by now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline < now)
    }
}
