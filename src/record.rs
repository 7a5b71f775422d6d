//! The record: what pintail writes beside a token in the secret, and how it is told from what a person wrote there.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{AccountName, Owner, RotationId, TokenId, TokenName};
use crate::secret::Token;

mod damage;
mod decode;
mod encode;
mod error;
mod keys;
mod object;
mod pause;

pub use self::decode::{decode, decode_record, decode_to_read};
pub use self::encode::{encode, encode_record, encode_with_token};
pub use self::error::{Part, RecordError};
pub use self::keys::{Fields, RECORD_KEY, TOKEN_ID_FIELD, UserKeys};
pub use self::object::Object;
pub use self::pause::Pause;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// Reads and writes.
    ReadWrite,
    /// Reads, on the read-scaling pool.
    ReadScaling,
}

impl TokenType {
    /// The type as MotherDuck spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "read_write",
            Self::ReadScaling => "read_scaling",
        }
    }
}

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The token is served; its predecessors, if any, still live.
    Published,
    /// The point of no return: the predecessors are to be revoked, and nobody may serve them again.
    Retiring,
}

/// What pintail knows of the served token, kept where the token is kept. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The served token.
    pub token_id: TokenId,
    /// Its name at MotherDuck.
    pub token_name: String,
    /// What it may do.
    pub token_type: TokenType,
    /// The account that it belongs to.
    pub username: AccountName,
    /// When it was created, by MotherDuck's clock.
    pub created_at: Timestamp,
    /// When it expires, by MotherDuck's clock; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The rotation that wrote this record. After a roll-back it is the rotation that failed, whose ID the served
    /// token's name does not carry.
    pub rotation_id: RotationId,
    /// When this token was put here.
    pub published_at: Timestamp,
    /// The tokens that this one replaced, newest first.
    #[serde(default)]
    pub previous_token_ids: Vec<TokenId>,
    /// Tokens of this credential that live where pintail does not look: in use elsewhere, for all it knows. Neither
    /// served nor predecessors; never sealed, revoked or reaped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere_token_ids: Vec<TokenId>,
    /// When the first token was created that pintail put into this place, by MotherDuck's clock, where pintail filled
    /// it: by this a fleet knows how many accounts joined it lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_at: Option<Timestamp>,
    /// In how many rotations running a revoked token went on connecting.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unconfirmed_revocations: u8,
    /// The `ttl` that was asked for, 0 for none, if it was made because the one before it neared its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_ttl_seconds: Option<u64>,
    /// That a person set it at rest by hand. It may have ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Box<Pause>>,
    /// How far the rotation has come.
    pub phase: Phase,
    /// The digest of the token's text, so that an edit by hand is seen.
    pub token_sha256: String,
    /// The deployment that manages the secret.
    pub owner: Owner,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl Record {
    /// Whether a rotation is under way: published, and what it replaced not yet marked as retiring.
    pub fn is_unfinished(&self) -> bool {
        self.phase == Phase::Published && !self.previous_token_ids.is_empty()
    }

    /// Whether this record serves `id`, or names it in any other way.
    pub fn names(&self, id: TokenId) -> bool {
        self.token_id == id
            || self.previous_token_ids.contains(&id)
            || self.elsewhere_token_ids.contains(&id)
    }

    /// Whether this record serves a predecessor again. It is rolled back at most once in a rotation.
    pub fn is_rolled_back(&self) -> bool {
        !self.previous_token_ids.is_empty()
            && TokenName::parse(&self.token_name)
                .is_none_or(|name| name.rotation != self.rotation_id)
    }
}

/// What was found where the token is kept.
#[derive(Debug)]
pub enum SecretContent {
    /// No token, and no record.
    Vacant,
    /// A token that somebody else put there.
    Unmanaged {
        /// The token's text.
        token: Token,
    },
    /// A record of ours beside a token that is not the one that the record describes.
    Edited {
        /// The record as we wrote it.
        record: Box<Record>,
        /// The text that stands there now, if it is usable at all.
        token: Option<Token>,
    },
    /// A token, and the record that describes it.
    Managed {
        /// The record.
        record: Box<Record>,
        /// The token's text.
        token: Token,
    },
}

#[cfg(test)]
impl Record {
    /// One of `token`, which was published a second after it was made.
    pub(crate) fn sample(token: &Token) -> Self {
        Self {
            token_id: "7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a01".parse().unwrap(),
            token_name: "pintail/prod/etl/0190163d-8694-739b-aea5-966c26f8ad91".to_owned(),
            token_type: TokenType::ReadWrite,
            username: "etl_prod".parse().unwrap(),
            created_at: "2026-11-01T00:00:00Z".parse().unwrap(),
            expires_at: None,
            rotation_id: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
            published_at: "2026-11-01T00:00:01Z".parse().unwrap(),
            previous_token_ids: vec![],
            elsewhere_token_ids: vec![],
            first_token_at: None,
            unconfirmed_revocations: 0,
            renewal_ttl_seconds: None,
            pause: None,
            phase: Phase::Published,
            token_sha256: token.sha256(),
            owner: "prod".parse().unwrap(),
        }
    }
}

#[cfg(test)]
mod tests;
