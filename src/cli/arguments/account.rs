//! `pintail account`.

use clap::{Args, Subcommand};

use super::DucklingChange;
use crate::names::AccountName;

/// What to do with service accounts.
#[derive(Debug, Clone, Subcommand)]
pub enum Account {
    /// Create a service account.
    Create {
        /// Its username: 3 to 255 letters, digits and underscores, starting with a letter.
        username: AccountName,
    },
    /// List the service accounts, and the credentials that use each.
    ///
    /// Where MotherDuck has no such list, the configured accounts are shown instead, which is said.
    List(ListAccounts),
    /// List the accounts with Ducklings that run or cool down. They may be people's.
    Active,
    /// Delete a service account with all its databases and tokens, for good.
    Delete(DeleteAccount),
    /// Create a service account unless it exists, and configure its Ducklings as asked. May be repeated.
    Ensure(EnsureAccount),
}

/// `account list`.
#[derive(Debug, Clone, Args)]
pub struct ListAccounts {
    /// List people and deprovisioned users, too.
    #[arg(long)]
    pub all: bool,
}

/// `account delete`.
#[derive(Debug, Clone, Args)]
pub struct DeleteAccount {
    /// The account's username.
    pub username: AccountName,
    /// Do not ask for the username to be typed.
    #[arg(long)]
    pub yes: bool,
    /// Delete it although configured credentials use it; their consumers lose access and data at once.
    #[arg(long)]
    pub even_if_configured: bool,
}

/// `account ensure`.
#[derive(Debug, Clone, Args)]
pub struct EnsureAccount {
    /// The account's username.
    pub username: AccountName,
    /// How its Ducklings should be; what is not given stays as it is.
    #[command(flatten)]
    pub ducklings: DucklingChange,
}
