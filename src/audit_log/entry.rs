//! What one line tells.

use serde::{Deserialize, Serialize};

use crate::names::{AccountName, CredentialName, RotationId, TokenId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A rotation, or an operation by hand, is about to change something.
    Began,
    /// A token was created.
    Created,
    /// A token was put where the consumers read it.
    Served,
    /// A predecessor was put there again.
    RolledBack,
    /// The record was written again with the same token: to fence off other writers, or for what has become known of
    /// other tokens.
    Touched,
    /// A mirror was written.
    Mirrored,
    /// The served token connects, as read back from the store.
    Verified,
    /// The predecessors were marked as retiring; from here on they are not served again.
    Sealed,
    /// A token that had been served, or was named by hand, was revoked.
    Revoked,
    /// A token that was never served was revoked.
    Discarded,
    /// A hand-made token and its secret became managed.
    Adopted,
    /// A person paused a credential by hand.
    Paused,
    /// A person ended its pause.
    Resumed,
    /// A service account was created.
    AccountCreated,
    /// A service account was deleted, with all that it had.
    AccountDeleted,
    /// The Ducklings of an account were configured.
    DucklingsSet,
    /// A session that embeds a dive was created.
    SessionEmbedded,
    /// The line before is the rest of one that a crash cut short.
    Recovered,
}

impl Event {
    /// The event's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Created => "created",
            Self::Served => "served",
            Self::RolledBack => "rolled_back",
            Self::Touched => "touched",
            Self::Mirrored => "mirrored",
            Self::Verified => "verified",
            Self::Sealed => "sealed",
            Self::Revoked => "revoked",
            Self::Discarded => "discarded",
            Self::Adopted => "adopted",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::AccountCreated => "account_created",
            Self::AccountDeleted => "account_deleted",
            Self::DucklingsSet => "ducklings_set",
            Self::SessionEmbedded => "session_embedded",
            Self::Recovered => "recovered",
        }
    }
}

/// How it went, where it did not simply come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did not come about, and will not.
    Failed,
    /// It may have come about, or may yet.
    Unknown,
    /// It was so already.
    Already,
}

/// What set a run going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The daemon, or `rotate-now --due`: what is due is rotated, what is unfinished is finished.
    Schedule,
    /// `rotate-now`.
    Manual,
    /// `rotate-now --compromised`.
    Compromised,
    /// `roll-back`.
    RollBack,
    /// `adopt`.
    Adopt,
    /// `pause`.
    Pause,
    /// `resume`.
    Resume,
    /// MotherDuck's operations by hand.
    ByHand,
}

/// What set a run going, and what the person who did said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What.
    pub trigger: Trigger,
    /// The text of `--reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl From<Trigger> for Cause {
    fn from(trigger: Trigger) -> Self {
        Self { trigger, note: None }
    }
}

/// What one line tells. It has no place for a token's text.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// How it went; absent where it came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialName>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<AccountName>,
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// The tokens that it replaced and that live, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previous_token_ids: Vec<TokenId>,
    /// The rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// What set the run going.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Why a rotation begins, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The operation by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// What it was about, where no other field says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The length of the line that a crash cut short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn_bytes: Option<usize>,
    /// The digest of the line that a crash cut short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn_sha256: Option<String>,
}

impl Entry {
    /// An entry that tells of `event` and nothing else.
    pub fn of(event: Event) -> Self {
        Self {
            event,
            outcome: None,
            credential: None,
            username: None,
            token_id: None,
            previous_token_ids: vec![],
            rotation_id: None,
            cause: None,
            reason: None,
            operation: None,
            subject: None,
            torn_bytes: None,
            torn_sha256: None,
        }
    }
}
