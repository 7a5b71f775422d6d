//! The fleet as metrics, for Prometheus and for node_exporter's directory of text files.

mod classic;
mod gauges;
mod push;
mod textfile;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::gauges::Gauges;
pub use self::push::{PushError, push};
pub use self::textfile::{TextfileError, write_textfile};
use crate::status;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older text format, which everything reads.
    Classic,
}

impl Format {
    /// The format that a scraper asks for by its `Accept` header.
    pub fn accepted(header: Option<&str>) -> Self {
        if header.is_some_and(|accepted| accepted.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }

    /// The `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The metrics of `fleet`. Where it is told apart the series have a label for the credential, otherwise they are sums,
/// counts and the earliest of all times.
pub fn render(fleet: &status::Registry, format: Format) -> String {
    let tells_apart = fleet.counts().tells_apart();
    let mut registry = Registry::with_prefix("pintail");
    let counts = fleet.counts();
    registry.register(
        "rotations",
        "Rotations by what made them begin and what came of them",
        counts.rotations.clone(),
    );
    registry.register(
        "rotation_failures",
        "Runs that ended with a problem, by the step and the kind of the problem",
        counts.failures.clone(),
    );
    registry.register(
        "missed_runs",
        "Scheduled instants at which no rotation began within ten minutes",
        counts.missed_runs.clone(),
    );
    registry.register(
        "rotation_duration_seconds",
        "From the creation of a replacement to the end of its rotation, holds included",
        counts.rotation_durations.clone(),
    );
    registry.register(
        "step_duration_seconds",
        "How long a step took, with all its tries",
        counts.step_durations.clone(),
    );
    registry.register(
        "notifications",
        "Notifications by sink, event and what came of them",
        counts.notifications.clone(),
    );
    registry.register(
        "notifications_dropped",
        "Notifications that were not sent, since too many waited or the time was up",
        counts.notifications_dropped.clone(),
    );
    registry.register_collector(Box::new(Gauges { snapshot: fleet.snapshot(), tells_apart }));
    let mut text = String::new();
    // Writing into a string cannot fail, and no encoder of ours does.
    if encode(&mut text, &registry).is_err() {
        tracing::error!("metrics not rendered");
    }
    match format {
        Format::OpenMetrics => text,
        Format::Classic => classic::from_openmetrics(&text),
    }
}
