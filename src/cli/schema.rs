//! `pintail schema`: the JSON schema of the configuration, from the tables that read it.

use super::{ExitCode, answer};
use crate::config;

/// Writes the schema to standard output.
pub(super) fn schema() -> anyhow::Result<ExitCode> {
    answer::write(&answer::json(&config::schema())?)?;
    Ok(ExitCode::Settled)
}
