//! The record: what pintail writes beside a token in the secret, and how it is told from what a person wrote there.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{AccountName, Owner, RotationId, TokenId, TokenName};
use crate::secret::Token;

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
    /// In how many rotations running a revoked token went on connecting.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unconfirmed_revocations: u8,
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

    /// Whether this record serves a predecessor again. It is rolled back at most once in a rotation.
    pub fn is_rolled_back(&self) -> bool {
        !self.previous_token_ids.is_empty()
            && TokenName::parse(&self.token_name)
                .is_none_or(|name| name.rotation != self.rotation_id)
    }
}

/// The keys that users keep in the same secret; they survive every write. They may be secrets: never printed.
#[derive(Default, Clone)]
pub struct UserKeys(Map<String, Value>);

impl std::fmt::Debug for UserKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserKeys({} keys)", self.0.len())
    }
}

/// What was found where the token is kept.
#[derive(Debug)]
pub enum Slot {
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

/// A secret that claims to be managed by pintail, and is not readable as such. Holds no value of the secret.
#[derive(Debug, thiserror::Error)]
#[error("the secret says that pintail manages it, but its record is damaged: {reason}")]
pub struct DamagedRecord {
    reason: String,
}

const MANAGED_BY: &str = "managed_by";
const PINTAIL: &str = "pintail";
/// The keys of the record in the secret; all others are the user's.
pub const RECORD_KEYS: [&str; 15] = [
    "token_id",
    "token_name",
    "token_type",
    "username",
    "created_at",
    "expires_at",
    "rotation_id",
    "published_at",
    "previous_token_ids",
    "elsewhere_token_ids",
    "unconfirmed_revocations",
    "phase",
    "token_sha256",
    "owner",
    MANAGED_BY,
];

/// The JSON object of a secret, taken apart: the slot, and the keys that are the user's. `token_field` is the key of
/// the token's text.
pub fn decode(
    mut object: Map<String, Value>,
    token_field: &str,
) -> Result<(Slot, UserKeys), DamagedRecord> {
    let token = match object.remove(token_field) {
        Some(Value::String(text)) => {
            let text = secrecy::zeroize::Zeroizing::new(text);
            Token::new(&text).ok()
        }
        _ => None,
    };
    let managed = object.get(MANAGED_BY).and_then(Value::as_str) == Some(PINTAIL);
    if !managed {
        let slot = token.map_or(Slot::Vacant, |token| Slot::Unmanaged { token });
        return Ok((slot, UserKeys(object)));
    }
    let mut fields = Map::new();
    for key in RECORD_KEYS {
        if let Some(value) = object.remove(key) {
            fields.insert(key.to_owned(), value);
        }
    }
    let record = Box::new(read_record(&fields)?);
    let slot = match token {
        Some(token) if token.sha256() == record.token_sha256 => Slot::Managed { record, token },
        token => Slot::Edited { record, token },
    };
    Ok((slot, UserKeys(object)))
}

/// Names the field that is wrong and never its value: a person may have pasted a secret into it.
fn read_record(fields: &Map<String, Value>) -> Result<Record, DamagedRecord> {
    let whole = Value::Object(fields.clone());
    Record::deserialize(&whole).map_err(|_| {
        let broken = RECORD_KEYS.iter().find(|key| {
            let mut candidate = sample();
            match fields.get(**key) {
                Some(value) => candidate.insert((**key).to_owned(), value.clone()),
                None => candidate.remove(**key),
            };
            Record::deserialize(&Value::Object(candidate)).is_err()
        });
        let reason = broken.map_or_else(
            || "its fields do not fit together".to_owned(),
            |key| format!("`{key}` is missing or not of its form"),
        );
        DamagedRecord { reason }
    })
}

/// A well-formed record, to tell which one field of a damaged one is at fault.
fn sample() -> Map<String, Value> {
    let value = serde_json::json!({
        "token_id": "00000000-0000-4000-8000-000000000000",
        "token_name": "",
        "token_type": "read_write",
        "username": "sample",
        "created_at": "2026-01-01T00:00:00Z",
        "rotation_id": "00000000-0000-7000-8000-000000000000",
        "published_at": "2026-01-01T00:00:00Z",
        "previous_token_ids": [],
        "phase": "published",
        "token_sha256": "",
        "owner": "sample",
    });
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// The record's fields and the user's keys as one JSON object, without the token's text.
pub fn encode(record: &Record, others: &UserKeys) -> Map<String, Value> {
    let mut object = others.0.clone();
    if let Ok(Value::Object(fields)) = serde_json::to_value(record) {
        object.extend(fields);
    }
    if record.expires_at.is_none() {
        object.remove("expires_at");
    }
    object.insert(MANAGED_BY.to_owned(), PINTAIL.into());
    object
}

/// The whole JSON object of a secret, the token's text under `token_field` included.
pub fn encode_with_token(
    record: &Record,
    others: &UserKeys,
    token_field: &str,
    token: &Token,
) -> Map<String, Value> {
    let mut object = encode(record, others);
    object.insert(token_field.to_owned(), token.lend(|text| text.into()));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(token: &Token) -> Record {
        Record {
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
            unconfirmed_revocations: 0,
            phase: Phase::Published,
            token_sha256: token.sha256(),
            owner: "prod".parse().unwrap(),
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("not an object") };
        map
    }

    #[test]
    fn what_is_written_is_read_back_and_the_users_keys_survive() {
        let token = Token::new("t0ken").unwrap();
        let mine =
            decode(object(serde_json::json!({"dsn": "md:x", "n": 7})), "motherduck_token").unwrap();
        assert!(matches!(mine.0, Slot::Vacant));
        let written = encode_with_token(&record(&token), &mine.1, "motherduck_token", &token);
        assert_eq!(written["dsn"], "md:x");
        assert_eq!(written["managed_by"], "pintail");
        let (slot, others) = decode(written, "motherduck_token").unwrap();
        let Slot::Managed { record: read, token: text } = slot else { panic!("{slot:?}") };
        assert_eq!(*read, record(&token));
        assert_eq!(text.sha256(), token.sha256());
        assert_eq!(others.0.len(), 2);
    }

    #[test]
    fn a_token_that_the_record_does_not_describe_is_an_edit() {
        let token = Token::new("t0ken").unwrap();
        let mut written = encode_with_token(&record(&token), &UserKeys::default(), "t", &token);
        written.insert("t".to_owned(), "another".into());
        assert!(matches!(decode(written, "t").unwrap().0, Slot::Edited { .. }));
    }

    #[test]
    fn a_token_without_a_record_is_unmanaged_and_keeps_its_other_keys() {
        let (slot, others) =
            decode(object(serde_json::json!({"t": "abc", "owner": "me"})), "t").unwrap();
        assert!(matches!(slot, Slot::Unmanaged { .. }));
        assert_eq!(others.0.len(), 1);
    }

    #[test]
    fn a_damaged_record_names_its_field_and_shows_no_value() {
        let token = Token::new("t0ken").unwrap();
        let mut written = encode_with_token(&record(&token), &UserKeys::default(), "t", &token);
        written.insert("phase".to_owned(), "s3cret-pasted-here".into());
        let error = decode(written, "t").unwrap_err().to_string();
        assert!(error.contains("`phase`"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_record_is_rolled_back_when_it_serves_a_token_of_an_earlier_rotation() {
        let token = Token::new("t0ken").unwrap();
        let mut rolled = record(&token);
        assert!(!rolled.is_rolled_back());
        rolled.previous_token_ids = vec!["7f0c2f7e-5f63-4f6e-9a55-0f8f0a3f1a02".parse().unwrap()];
        assert!(!rolled.is_rolled_back());
        rolled.rotation_id = RotationId::starting_at("2026-11-02T00:00:00Z".parse().unwrap());
        assert!(rolled.is_rolled_back());
    }

    #[test]
    fn what_users_keep_beside_a_token_is_counted_and_never_shown() {
        let (_, others) =
            decode(object(serde_json::json!({"dsn": "s3cret", "n": 7})), "t").unwrap();
        assert_eq!(format!("{others:?}"), "UserKeys(2 keys)");
    }

    #[test]
    fn a_token_type_is_spelled_as_motherduck_spells_it() {
        for (token_type, text) in
            [(TokenType::ReadWrite, "read_write"), (TokenType::ReadScaling, "read_scaling")]
        {
            assert_eq!(token_type.as_str(), text);
            assert_eq!(serde_json::to_value(token_type).unwrap(), text);
        }
    }
}
