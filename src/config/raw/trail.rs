//! Where what happens is written down, as it is written.

use serde::Deserialize;

use super::scalar::FilePath;

/// `[audit_log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AuditLog {
    pub(in crate::config) file: FilePath,
}
