//! `audit-log`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the audit log.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditLog {
    /// Read the audit log and find the first line that was changed, moved or is missing.
    ///
    /// Prints the digest of the last line. Somebody who may write the file can also write all of it again: keep that digest
    /// in another place, and give it back as --head later.
    Verify(VerifyAuditLog),
}

/// `audit-log verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyAuditLog {
    /// The files, the oldest first; the configured one if none is named.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A digest that an earlier verification printed: the log must still hold that line.
    #[arg(long, value_name = "HASH", value_parser = digest)]
    pub head: Option<String>,
}

fn digest(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err("a digest is 64 hexadecimal digits, as `audit-log verify` prints it".to_owned())
    }
}
