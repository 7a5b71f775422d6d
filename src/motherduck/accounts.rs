//! The accounts that are active: the cheapest proof that the admin token is accepted, and an Admin's.

use serde::{Deserialize, Serialize};

use super::Client;
use super::error::Error;
use super::operation::Operation;

/// An account with a Duckling that runs or cools down. It may belong to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveAccount {
    /// Its user name; not necessarily one that pintail would accept.
    pub username: String,
    /// Its Ducklings.
    #[serde(default)]
    pub ducklings: Vec<ActiveDuckling>,
}

/// A Duckling that runs or cools down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveDuckling {
    /// `rw`, or `rs.N` for the N-th of the read-scaling pool.
    #[serde(default)]
    pub id: String,
    /// Its kind, as MotherDuck spells it.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// `active` or `cooldown`.
    #[serde(default)]
    pub status: String,
}

impl Client {
    /// The accounts that are active now.
    pub async fn active_accounts(&self) -> Result<Vec<ActiveAccount>, Error> {
        self.list(&Operation::ListActiveAccounts, "accounts").await
    }
}
