//! `pintail duckling`, and the values of Ducklings for other commands.

use clap::{Args, Subcommand};

use crate::motherduck::{Change, Cooldown, FlockSize, PoolChange, Size};
use crate::names::AccountName;

/// What to do with an account's Ducklings.
#[derive(Debug, Clone, Subcommand)]
pub enum Duckling {
    /// Show how an account's Ducklings are configured.
    Get {
        /// The account's username.
        username: AccountName,
    },
    /// Change some values of an account's Ducklings, and show all of them before and after.
    ///
    /// MotherDuck knows no partial change: all values are read, and sent back with the change.
    Set(SetDucklings),
}

/// `duckling set`.
#[derive(Debug, Clone, Args)]
pub struct SetDucklings {
    /// The account's username.
    pub username: AccountName,
    /// What to change.
    #[command(flatten)]
    pub change: DucklingChange,
}

/// Values of Ducklings; those that are not given stay as they are.
#[derive(Debug, Clone, Args)]
pub struct DucklingChange {
    /// The size of the Duckling that reads and writes: pulse, standard, jumbo, mega or giga.
    #[arg(long, value_name = "SIZE")]
    read_write_size: Option<Size>,
    /// The size of those that read at scale.
    #[arg(long, value_name = "SIZE")]
    read_scaling_size: Option<Size>,
    /// How many read at scale at most: 0 to 64.
    #[arg(long, value_name = "N")]
    flock_size: Option<FlockSize>,
    /// How long the one that reads and writes stays up after its last session: 1m to 24h, or `none` for MotherDuck's
    /// own choice. Not for pulse, whose cooldown cannot be chosen.
    #[arg(long, value_name = "DURATION")]
    read_write_cooldown: Option<Cooldown>,
    /// The same for those that read at scale.
    #[arg(long, value_name = "DURATION")]
    read_scaling_cooldown: Option<Cooldown>,
}

impl DucklingChange {
    /// The change as the client knows it.
    pub fn change(&self) -> Change {
        Change {
            read_write: PoolChange {
                size: self.read_write_size.clone(),
                cooldown: self.read_write_cooldown,
            },
            read_scaling: PoolChange {
                size: self.read_scaling_size.clone(),
                cooldown: self.read_scaling_cooldown,
            },
            flock_size: self.flock_size,
        }
    }
}
