//! `pintail man`: manual pages, from the definitions of the command line.

mod configuration;

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use super::error::CliError;
use super::{Arguments, ExitCode, Man as Wanted, answer};

/// Writes pintail(1) or pintail.toml(5) to standard output, or a page for each command into a directory.
pub(super) fn man(wanted: &Wanted) -> anyhow::Result<ExitCode> {
    if wanted.configuration {
        answer::write(configuration::page().as_bytes())?;
        return Ok(ExitCode::Settled);
    }
    if let Some(dir) = &wanted.dir {
        write_all(dir).map_err(|error| CliError {
            code: ExitCode::Failed,
            message: format!("cannot write manual pages into {}: {error}", dir.display()),
            hint: None,
        })?;
        return Ok(ExitCode::Settled);
    }
    let mut page = Vec::new();
    Man::new(Arguments::command()).render(&mut page)?;
    answer::write(&page)?;
    Ok(ExitCode::Settled)
}

fn write_all(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Arguments::command(), dir)
}
