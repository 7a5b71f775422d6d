//! `pintail notify`.

use clap::{Args, Subcommand};

/// What to do with the configured notifications.
#[derive(Debug, Clone, Subcommand)]
pub enum Notify {
    /// Send a test event to each sink, and say what came of it.
    ///
    /// The exit code is 1 if one of them did not take it.
    Test(TestSinks),
}

/// `notify test`.
#[derive(Debug, Clone, Args)]
pub struct TestSinks {
    /// The sinks, by their names under `[notifications]`; all of them if none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}
