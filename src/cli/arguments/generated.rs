//! The commands that write what is generated from this program: completions and man pages.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `man`.
#[derive(Debug, Clone, Args)]
pub struct Man {
    /// Write the pages of all commands into this directory, which is made, instead of pintail(1) to standard output.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Write pintail.toml(5), the manual page of the configuration, to standard output.
    #[arg(long, conflicts_with = "dir")]
    pub configuration: bool,
}
