//! OpenTelemetry's own variables, as settings that every file and every variable of ours overrides.

use figment::value::{Dict, Value};

use super::Source;

/// The variables that stand for one of our keys each. The first of those that mean the same wins.
const KEYS: [(&str, &str); 3] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otlp_traces_endpoint"),
    ("OTEL_SERVICE_NAME", "service_name"),
];
/// Variables that hold secrets: their names are the settings. The later wins.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// A source for each of them that is set; empty counts as not set, as OpenTelemetry says.
pub(super) fn sources(environment: &[(String, String)]) -> Vec<Source> {
    let set = |wanted: &str| {
        let found = environment.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
    };
    let source = |name: &str, key: &str, value: Value| {
        let table = Value::from(Dict::from([(key.to_owned(), value)]));
        Source {
            name: format!("environment variable {name}"),
            settings: Dict::from([("telemetry".to_owned(), table)]),
        }
    };
    let mut sources = Vec::new();
    for (name, key) in KEYS {
        sources.extend(set(name).map(|text| source(name, key, Value::from(text))));
    }
    for name in HEADERS.into_iter().filter(|name| set(name).is_some()) {
        let place = Value::from(Dict::from([("env".to_owned(), Value::from(name))]));
        sources.push(source(name, "headers_from", place));
    }
    if set(DISABLED).is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        sources.push(source(DISABLED, "enabled", Value::from("false")));
    }
    sources
}
