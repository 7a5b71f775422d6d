//! `[audit_log]`: the file that keeps what was done.

use std::path::PathBuf;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;

use super::findings::{Findings, Key};
use super::scalar::FilePath;
use super::table::table;

/// `[audit_log]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "AuditLog")]
pub(super) struct Table {
    /// The file that the audit log is appended to; absolute.
    #[schemars(extend("examples" = ["/var/log/pintail/audit.log"]))]
    file: FilePath,
}

/// The file; `None` where the section is not written.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Option<PathBuf> {
    let raw: Table = table(root, "audit_log", findings)?;
    let path = raw.file.0;
    let section = Key::root("audit_log");
    // Several processes must mean the same file, wherever each was started.
    if !path.is_absolute() || path.file_name().is_none() {
        findings.problem(
            &section.child("file"),
            "this must be the absolute path of a file, such as \"/var/lib/pintail/audit.jsonl\"",
        );
        return None;
    }
    Some(path)
}
