//! Whether what happens can be written down.

use super::finding::{Finding, Findings};
use crate::config::Config;
use crate::engine::audit_log;
use crate::fault::{Diagnostic, chain};

/// Looks at the audit log; nothing begins that cannot be told there.
pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let Some(log) = audit_log(config) else { return };
    let shown = log.path().display();
    findings.add(match log.ensure_writable() {
        Ok(()) => Finding::ok("audit_log.file", format!("{shown} can be written")),
        Err(error) => Finding::error("audit_log.file", chain(&error), error.hint()),
    });
}
