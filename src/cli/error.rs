//! What a person is told when a command cannot go on: what happened, and what to do.

use std::io::Write;

use super::ExitCode;
use crate::fault::{Diagnostic, Fault, chain};
use crate::log::Lines;

/// An error for people, and the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// How the program ends.
    pub code: ExitCode,
    /// What happened, with its causes.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl CliError {
    /// Wrong usage or configuration; nothing was contacted.
    pub fn usage(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { code: ExitCode::Usage, message: message.into(), hint }
    }

    /// An error and its causes, on the way to `code`.
    pub fn of(error: &dyn std::error::Error, code: ExitCode, hint: Option<String>) -> Self {
        Self { code, message: chain(error), hint }
    }

    /// An error that knows what to do, on the way to `code`.
    pub fn told(error: &impl Diagnostic, code: ExitCode) -> Self {
        Self::of(error, code, error.hint())
    }

    /// A fault of the world, on the way to `code`.
    pub fn fault(fault: Fault, code: ExitCode) -> Self {
        Self { code, message: fault.message, hint: fault.hint }
    }
}

/// Prints `error:` and `hint:`; the exit code that the program ends with.
pub fn print(error: &anyhow::Error) -> ExitCode {
    let mut lines = vec![];
    let _ = match error.downcast_ref::<CliError>() {
        Some(told) => write_lines(&mut lines, &told.message, told.hint.as_deref()),
        None => write_lines(&mut lines, &chain(error.as_ref()), None),
    };
    // Behind what was logged, and with the same patience.
    let _ = Lines.write_all(&lines);
    error.downcast_ref::<CliError>().map_or(ExitCode::Failed, |told| told.code)
}

/// `error:` and, if there is one, `hint:`.
pub fn write_lines(out: &mut dyn Write, message: &str, hint: Option<&str>) -> std::io::Result<()> {
    writeln!(out, "error: {message}")?;
    match hint {
        Some(hint) => writeln!(out, "hint: {hint}"),
        None => Ok(()),
    }
}
