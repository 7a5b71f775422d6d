//! `[audit_log]` and `[telemetry]`, checked.

use std::path::PathBuf;

use url::Url;

use super::findings::{Findings, Key};
use crate::config::raw::trail::{self as raw, AuditLog};
use crate::http::is_loopback;
use crate::traces::settings::Telemetry;

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

/// `[telemetry]`; `None` where no collector is named, or none is wanted.
pub(super) fn telemetry(raw: Option<raw::Telemetry>, findings: &mut Findings) -> Option<Telemetry> {
    let raw = raw?;
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
fn below(mut url: Url, findings: &mut Findings, section: &Key<'_>) -> Option<Url> {
    let appended = url.path_segments_mut().map(|mut path| {
        path.pop_if_empty().extend(["v1", "traces"]);
    });
    if appended.is_err() {
        findings.problem(&section.child("otlp_endpoint"), "paths cannot be put behind this URL");
        return None;
    }
    Some(url)
}
