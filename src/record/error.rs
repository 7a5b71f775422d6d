//! Why a secret's object is neither believed nor written over.

use super::keys::RECORD_KEY;

/// What pintail keeps in a secret, each under a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The token's text.
    Token,
    /// The token's ID.
    TokenId,
    /// The record.
    Record,
}

/// Why a secret's object is neither believed nor written over. Holds no value of the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It claims to be managed by pintail, and is not readable as such.
    #[error("the secret says that pintail manages it, but its record is damaged: {reason}")]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// There are two records, and which one is true nobody can say.
    #[error(
        "the secret holds two records of pintail's, one under `{RECORD_KEY}` and one beside the token"
    )]
    Ambiguous,
    /// Somebody else uses a key that pintail would write.
    #[error("`{key}` is in use for something that pintail did not put there")]
    Taken {
        /// The key.
        key: String,
        /// What pintail keeps under it.
        part: Part,
    },
    /// Some readers would take the first value of a key of ours, others the last.
    #[error("`{key}` stands there twice")]
    Twice {
        /// The key.
        key: String,
    },
}

impl RecordError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Damaged { .. } => format!(
                "restore an older version of the secret, or remove pintail's keys (`{RECORD_KEY}` and the token's ID) \
                 and adopt the token anew"
            ),
            Self::Ambiguous => format!(
                "remove the one that is out of date: the key `{RECORD_KEY}`, or `managed_by` and what else of the \
                 record stands beside the token"
            ),
            Self::Taken { key, part: Part::Record } => format!(
                "rename that key of yours: pintail keeps its record under `{key}`; nothing was changed"
            ),
            Self::Taken { part: Part::TokenId, .. } => {
                "rename that key of yours, or set `token_id_field` to another name or to false; nothing was changed"
                    .to_owned()
            }
            Self::Taken { part: Part::Token, .. } => {
                "put a token there, or rename that key of yours, or set `token_field`; nothing was changed".to_owned()
            }
            Self::Twice { .. } => "remove the one that is out of date".to_owned(),
        }
    }
}
