//! `pintail audit-log`: whether the audit log is as it was written.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::answer::{self, Answer};
use super::error::CliError;
use super::table::counted;
use super::{AuditLog, ExitCode, Output, VerifyAuditLog};
use crate::audit_log::{Chain, verify};

/// Does it. `configured` tells which file the configuration names; it is not read where files are named.
pub(super) fn audit_log(
    configured: impl FnOnce() -> Result<Option<PathBuf>, CliError>,
    arguments: &AuditLog,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let AuditLog::Verify(VerifyAuditLog { files, head }) = arguments;
    let files = match (files.as_slice(), configured) {
        ([], configured) => vec![configured()?.ok_or_else(|| {
            let hint = "set audit_log.file, or name the files to verify".to_owned();
            CliError::usage("the configuration names no audit log", Some(hint))
        })?],
        (named, _) => named.to_vec(),
    };
    let chain = verify(&files, head.as_deref())
        .map_err(|error| CliError::of(&error, ExitCode::Failed, error.hint()))?;
    let sound = chain.broken.is_none();
    answer::give(&Verified { sound, files, chain }, output)?;
    Ok(if sound { ExitCode::Settled } else { ExitCode::Failed })
}

#[derive(Debug, Serialize)]
struct Verified {
    sound: bool,
    files: Vec<PathBuf>,
    #[serde(flatten)]
    chain: Chain,
}

impl Answer for Verified {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Chain { lines, first, head, torn, broken } = &self.chain;
        for spot in torn {
            let file = spot.file.display();
            writeln!(out, "note     line {} of {file}: a crash cut it short", spot.line)?;
        }
        if let Some(broken) = broken {
            let (line, file) = (broken.at.line, broken.at.file.display());
            writeln!(out, "broken   line {line} of {file}: {}", broken.problem)?;
            return writeln!(out, "         {} before it are sound", counted_u64(*lines, "line"));
        }
        let (Some(first), Some(head)) = (first, head) else {
            return writeln!(out, "ok       the log is empty");
        };
        let lines = counted_u64(*lines, "line");
        writeln!(out, "ok       {lines}, numbers {first} to {}", head.seq)?;
        if *first > 1 {
            writeln!(out, "         older files hold the numbers before {first}")?;
        }
        writeln!(out, "head     {}", head.hash)
    }
}

fn counted_u64(count: u64, noun: &str) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), noun)
}
