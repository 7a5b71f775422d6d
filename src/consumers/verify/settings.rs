//! What proves that a token works.

use std::path::PathBuf;

use crate::consumers::command::settings::Command;
use crate::rotation::policy::IdentityRule;

/// What proves that a token works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A connection with it.
    Connection(Verify),
    /// What an admin can do: it lists, creates and revokes. It is this pintail's own admin token.
    Admin,
}

/// How a connection is made to see whether a token works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// A connection to the Postgres endpoint.
    Postgres {
        /// The database (default `md:`).
        database: String,
        /// What its answer to `SELECT current_user` is worth.
        identity: IdentityRule,
    },
    /// A command that receives the token on its standard input.
    Command(Command),
}

/// What a connection opens, unless another database is named.
pub const DATABASE: &str = "md:";

/// `[motherduck.postgres]`: how to reach the Postgres endpoint; always directly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The host; by default it follows from the token's region.
    pub host: Option<String>,
    /// The port (default 5432).
    pub port: u16,
    /// Certificate authorities in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
}
