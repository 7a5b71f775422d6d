//! How an account's Ducklings are configured: read, and written as a whole.

mod change;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::change::{Change, ChangeError, Cooldown, FlockSize, PoolChange, Size};

use super::Client;
use super::error::Error;
use super::operation::Operation;
use crate::names::AccountName;

/// The Ducklings of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ducklings {
    /// The one that reads and writes.
    pub read_write: Pool,
    /// Those that read at scale.
    pub read_scaling: Pool,
    /// What a later version of the service keeps beside them; written back as it was read.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// One kind of Duckling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The size, as MotherDuck spells it: `pulse`, `standard`, `jumbo`, `mega` or `giga` today.
    pub instance_size: String,
    /// How many read at scale at most (0 to 64); absent for the one that reads and writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flock_size: Option<u64>,
    /// How long one stays up, and is billed for, after its last session, in seconds (60 to 86 400); the service's
    /// own choice if absent. Not to be chosen for `pulse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_seconds: Option<u64>,
    /// What a later version of the service keeps beside them; written back as it was read.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Ducklings {
    /// The values for people, as MotherDuck spells them: of the Duckling that reads and writes its size and cooldown,
    /// of those that read at scale their size, cooldown and flock size.
    pub fn values(&self) -> [String; 5] {
        let cooldown = |seconds: Option<u64>| {
            seconds.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds} s"))
        };
        let (write, read) = (&self.read_write, &self.read_scaling);
        [
            write.instance_size.clone(),
            cooldown(write.cooldown_seconds),
            read.instance_size.clone(),
            cooldown(read.cooldown_seconds),
            read.flock_size.map(|size| size.to_string()).unwrap_or_default(),
        ]
    }
}

impl Client {
    /// How `account`'s Ducklings are configured.
    pub async fn ducklings(&self, account: &AccountName) -> Result<Ducklings, Error> {
        let operation = Operation::GetDucklings(account.clone());
        let answer = self.call(&operation, &[], None).await?;
        answer.json().map_err(|failure| operation.failed(failure))
    }

    /// Configures `account`'s Ducklings. The service knows no partial change: all of it is sent, and the last writer
    /// wins.
    pub async fn set_ducklings(
        &self,
        account: &AccountName,
        ducklings: &Ducklings,
    ) -> Result<(), Error> {
        let body = json!({ "config": ducklings });
        self.call(&Operation::SetDucklings(account.clone()), &[], Some(&body)).await.map(drop)
    }
}
