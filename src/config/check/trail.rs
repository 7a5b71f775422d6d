//! `[audit_log]`, checked.

use std::path::PathBuf;

use super::findings::{Findings, Key};
use crate::config::raw::trail::AuditLog;

/// `[audit_log]`; `None` where the section is not written.
pub(super) fn audit_log(raw: Option<AuditLog>, findings: &mut Findings) -> Option<PathBuf> {
    let path = raw?.file.0;
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
