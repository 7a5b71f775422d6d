//! Where traces are sent.

use std::path::PathBuf;
use url::Url;

use crate::http::settings::Proxy;
use crate::secret::SecretSource;

/// `[telemetry]`: where traces are sent.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// The collector's URL for traces, in full.
    pub traces_url: Url,
    /// What the service is called there (default `pintail`).
    pub service_name: String,
    /// Where the collector's headers are read from: `name=value,name=value`.
    pub headers_from: Option<SecretSource>,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests get out.
    pub proxy: Proxy,
}
