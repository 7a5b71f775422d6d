//! Where what happens is written down, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::scalar::{FilePath, Flag, Proxy, Url};
use super::secret::Secret;

/// `[audit_log]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct AuditLog {
    /// The file that the audit log is appended to; absolute.
    #[schemars(extend("examples" = ["/var/log/pintail/audit.log"]))]
    pub(in crate::config) file: FilePath,
}

/// `[telemetry]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Telemetry {
    /// Whether traces are sent where an endpoint is known.
    #[schemars(extend("default" = true, "examples" = [false]))]
    pub(in crate::config) enabled: Option<Flag>,
    /// The collector's base URL; `/v1/traces` is appended. `OTEL_EXPORTER_OTLP_ENDPOINT` says the same.
    #[schemars(extend("examples" = ["https://otel.example.com:4318"]))]
    pub(in crate::config) otlp_endpoint: Option<Url>,
    /// The collector's URL for traces, in full.
    #[schemars(extend("examples" = ["https://otel.example.com:4318/v1/traces"]))]
    pub(in crate::config) otlp_traces_endpoint: Option<Url>,
    /// What the service is called there.
    #[schemars(extend("default" = "pintail", "examples" = ["pintail-prod"]))]
    pub(in crate::config) service_name: Option<String>,
    /// Where the collector's headers are read from: `name=value,name=value`.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/otel-headers"})]))]
    pub(in crate::config) headers_from: Option<Secret>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
}
