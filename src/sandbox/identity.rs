//! What the Postgres endpoint says of which account a connection opens: nobody knows for certain, and so it is a switch.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The answer to `SELECT current_user`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The account's username.
    #[default]
    Username,
    /// `postgres`, whoever asks: the endpoint does not tell accounts.
    Constant,
    /// The account's address.
    Email,
    /// None: the statement is refused.
    None,
}

impl Identity {
    /// The answer to whoever opened the account of this username.
    pub(super) fn of(self, username: &str) -> Option<String> {
        match self {
            Self::Username => Some(username.to_owned()),
            Self::Constant => Some("postgres".to_owned()),
            Self::Email => Some(format!("{username}@sandbox.invalid")),
            Self::None => None,
        }
    }
}
