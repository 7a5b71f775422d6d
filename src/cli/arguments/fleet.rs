//! `fleet` on the command line.

use clap::{Args, Subcommand};

use crate::fleet::Glob;
use crate::names::FleetName;

/// What to ask of the fleets.
#[derive(Debug, Clone, Subcommand)]
pub enum Fleet {
    /// Show what each rule would do now: who joins, waits, or is refused, and why. Nothing is changed.
    Plan(Fleets),
    /// Show the members of each fleet, and the secrets that their tokens are kept in.
    List(Fleets),
    /// Show which accounts of the organisation a pattern would mean, before it stands in a rule.
    Test(TestPattern),
}

/// Fleets by name.
#[derive(Debug, Clone, Args)]
pub struct Fleets {
    /// The fleets, by their names under `[fleets]`; all of them if none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<FleetName>,
}

/// `fleet test`.
#[derive(Debug, Clone, Args)]
pub struct TestPattern {
    /// What the usernames have in common, such as 'customer_*'.
    #[arg(value_name = "PATTERN", value_parser = pattern)]
    pub pattern: Glob,
    /// A username, or a pattern of them, to leave out; may be repeated.
    #[arg(long, value_name = "PATTERN", value_parser = exception)]
    pub except: Vec<Glob>,
}

fn pattern(text: &str) -> Result<Glob, String> {
    Glob::of_some(text).map_err(|error| error.to_string())
}

fn exception(text: &str) -> Result<Glob, String> {
    text.parse::<Glob>().map_err(|error| error.to_string())
}
