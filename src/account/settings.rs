//! What is declared of MotherDuck accounts.

use crate::names::AccountName;

/// What the credentials of one account declare of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredAccount {
    /// Its username, as the first of its credentials spells it.
    pub username: AccountName,
    /// Whether it is made where it does not exist, and primed for read-scaling tokens.
    pub ensure: bool,
    /// What its Ducklings are to be.
    pub ducklings: DeclaredDucklings,
}

/// `ducklings`: what an account's Ducklings are to be; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredDucklings {
    /// The one that reads and writes.
    pub read_write: DeclaredPool,
    /// Those that read at scale.
    pub read_scaling: DeclaredPool,
    /// How many of those there are at most.
    pub flock_size: Option<u64>,
}

impl DeclaredDucklings {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What one kind of Duckling is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredPool {
    /// The size, as MotherDuck spells it; it may be one that pintail has not heard of.
    pub size: Option<String>,
    /// How long one stays up after its last session, in whole seconds.
    pub cooldown_seconds: Option<u64>,
}
