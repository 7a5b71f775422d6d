//! A command that is configured.

use std::path::PathBuf;
use std::time::Duration;

/// A program and its arguments, run without a shell and with a clean environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program: an absolute path, or a name that is looked for in [`crate::consumers::command::SEARCH_PATH`].
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The limit for one run (default 30 s).
    pub timeout: Duration,
}
