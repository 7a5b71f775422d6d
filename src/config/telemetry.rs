//! `[telemetry]`: where traces are sent.

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::findings::{Findings, Key};
use super::scalar::{FilePath, Flag};
use super::secret::Secret;
use super::table::table;
use super::url::{Proxy, Url};
use crate::http::is_loopback;
use crate::traces::settings::Telemetry;

/// `[telemetry]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Telemetry")]
pub(super) struct Table {
    /// Whether traces are sent where an endpoint is known.
    #[schemars(extend("default" = true, "examples" = [false]))]
    enabled: Option<Flag>,
    /// The collector's base URL; `/v1/traces` is appended. `OTEL_EXPORTER_OTLP_ENDPOINT` says the same.
    #[schemars(extend("examples" = ["https://otel.example.com:4318"]))]
    otlp_endpoint: Option<Url>,
    /// The collector's URL for traces, in full.
    #[schemars(extend("examples" = ["https://otel.example.com:4318/v1/traces"]))]
    otlp_traces_endpoint: Option<Url>,
    /// What the service is called there.
    #[schemars(extend("default" = "pintail", "examples" = ["pintail-prod"]))]
    service_name: Option<String>,
    /// Where the collector's headers are read from: `name=value,name=value`.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/otel-headers"})]))]
    headers_from: Option<Secret>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    proxy: Option<Proxy>,
}

/// The section; `None` where no collector is named, or none is wanted.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Option<Telemetry> {
    let raw: Table = table(root, "telemetry", findings)?;
    let section = Key::root("telemetry");
    let (base, whole) = (raw.otlp_endpoint, raw.otlp_traces_endpoint);
    for (key, url) in [("otlp_endpoint", &base), ("otlp_traces_endpoint", &whole)] {
        if let Some(url) = url
            && (!matches!(url.0.scheme(), "http" | "https") || !url.0.has_host())
        {
            findings.problem(
                &section.child(key),
                "this must be the URL of a collector that speaks OTLP over HTTP, such as \"http://127.0.0.1:4318\"",
            );
        }
    }
    let service_name = findings.text(&section.child("service_name"), raw.service_name);
    let traces_url = match (whole, base) {
        (Some(whole), _) => whole.0,
        (None, Some(base)) => below(base.0, findings, &section)?,
        (None, None) => return None,
    };
    if raw.enabled.is_some_and(|flag| !flag.0) {
        return None;
    }
    if raw.headers_from.is_some() && traces_url.scheme() == "http" && !is_loopback(&traces_url) {
        findings
            .warn("telemetry sends its headers over http://: whoever is on the way can read them");
    }
    Some(Telemetry {
        traces_url,
        service_name: service_name.unwrap_or_else(|| "pintail".to_owned()),
        headers_from: raw.headers_from.map(|secret| secret.0),
        ca_file: raw.ca_file.map(|path| path.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
    })
}

/// OpenTelemetry's rule: the path of the signal goes below the endpoint's own.
fn below(mut url: url::Url, findings: &mut Findings, section: &Key<'_>) -> Option<url::Url> {
    let appended = url.path_segments_mut().map(|mut path| {
        path.pop_if_empty().extend(["v1", "traces"]);
    });
    if appended.is_err() {
        findings.problem(&section.child("otlp_endpoint"), "paths cannot be put behind this URL");
        return None;
    }
    Some(url)
}
