//! `pintail completions`: what a shell completes, from the definitions of the command line.

use clap::CommandFactory;

use super::{Arguments, Completions, ExitCode, answer};

/// Writes the completions for a shell to standard output.
pub(super) fn completions(arguments: &Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "pintail", &mut script);
    answer::write(&script)?;
    Ok(ExitCode::Settled)
}
