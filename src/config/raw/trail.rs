//! Where what happens is written down, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{FilePath, Flag, Proxy, Url};
use super::secret::Secret;

/// `[audit_log]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AuditLog {
    pub(in crate::config) file: FilePath,
}

/// `[telemetry]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Telemetry {
    pub(in crate::config) enabled: Option<Flag>,
    pub(in crate::config) otlp_endpoint: Option<Url>,
    pub(in crate::config) otlp_traces_endpoint: Option<Url>,
    pub(in crate::config) service_name: Option<String>,
    pub(in crate::config) headers_from: Option<Secret>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
}
