//! OpenTelemetry's own variables, as settings that every file and every variable of ours overrides.

use figment::value::{Dict, Value};

use url::Url;

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
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// A source for each of them that is set; empty counts as not set, as OpenTelemetry says. They were set for several
/// programs: what is of no use to us is a warning and no refusal.
pub(super) fn sources(environment: &[(String, String)]) -> (Vec<Source>, Vec<String>) {
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
    let (mut sources, mut warnings) = (Vec::new(), Vec::new());
    for (name, key) in KEYS {
        let Some(text) = set(name) else { continue };
        if key.ends_with("endpoint") && !is_collector(text) {
            warnings.push(format!(
                "environment variable {name} is passed over: it is not the URL of a collector that speaks OTLP over \
                 HTTP, such as http://127.0.0.1:4318; name one by telemetry.{key}"
            ));
            continue;
        }
        sources.push(source(name, key, Value::from(text)));
    }
    for name in HEADERS.into_iter().filter(|name| set(name).is_some()) {
        let place = Value::from(Dict::from([("env".to_owned(), Value::from(name))]));
        sources.push(source(name, "headers_from", place));
    }
    let switches = [(DISABLED, "true"), (EXPORTER, "none")];
    for (name, off) in switches {
        if set(name).is_some_and(|text| text.eq_ignore_ascii_case(off)) {
            sources.push(source(name, "enabled", Value::from("false")));
        }
    }
    (sources, warnings)
}

fn is_collector(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
