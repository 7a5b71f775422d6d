//! What only ever grows: rotations, failures, missed runs, and how long things took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::words::Origin;
use crate::names::CredentialName;
use crate::rotation::run::Outcome;
use crate::rotation::step_log::Step;

/// Beyond so many credentials each metric is a sum, unless a series for each is asked for.
const MOST_APART: usize = 1_000;

/// The labels of one series.
pub type Labels = Vec<(&'static str, String)>;
/// Histograms by labels.
pub type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// The counters of one fleet. Clones count together.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Whether series tell credentials apart.
    tells_apart: Arc<AtomicBool>,
    /// Whether that follows from how many there are.
    follows_size: bool,
    /// Rotations by credential, trigger and outcome.
    pub rotations: Family<Labels, Counter>,
    /// Runs that ended with a problem, by credential, step and cause.
    pub failures: Family<Labels, Counter>,
    /// Scheduled instants that passed without a rotation in time, by credential.
    pub missed_runs: Family<Labels, Counter>,
    /// How long completed rotations took, holds included.
    pub rotation_durations: Durations,
    /// How long steps took, with all their tries.
    pub step_durations: Durations,
    /// Notifications by sink, event and result.
    pub notifications: Family<Labels, Counter>,
    /// Notifications that were not sent, since too many waited or the time was up, by sink.
    pub notifications_dropped: Family<Labels, Counter>,
}

impl Counts {
    pub(super) fn new(tells_apart: Option<bool>) -> Self {
        let counts = Self {
            tells_apart: Arc::new(AtomicBool::new(tells_apart.unwrap_or(true))),
            follows_size: tells_apart.is_none(),
            rotations: Family::default(),
            failures: Family::default(),
            missed_runs: Family::default(),
            rotation_durations: Family::new_with_constructor(rotation_buckets),
            step_durations: Family::new_with_constructor(step_buckets),
            notifications: Family::default(),
            notifications_dropped: Family::default(),
        };
        // What happens once a week would else be missed: `increase` does not see a first value.
        drop(counts.rotation_durations.get_or_create(&vec![]));
        for step in Step::ALL {
            let labels = vec![("step", step.as_str().to_owned())];
            drop(counts.step_durations.get_or_create(&labels));
        }
        counts
    }

    /// Whether series tell credentials apart.
    pub fn tells_apart(&self) -> bool {
        self.tells_apart.load(Ordering::Relaxed)
    }

    /// There are so many credentials. Beyond a number, and from then on, series are sums.
    pub(super) fn are_of(&self, credentials: usize) {
        let is_first = self.follows_size
            && credentials > MOST_APART
            && self.tells_apart.swap(false, Ordering::Relaxed);
        if is_first {
            for family in [&self.rotations, &self.failures, &self.missed_runs] {
                family.clear();
            }
            drop(self.missed_runs.get_or_create(&vec![]));
            let hint = "server.credential_label = true keeps a series for each";
            tracing::info!(most = MOST_APART, hint, "metrics no longer tell credentials apart");
        }
    }

    pub(super) fn rotation(&self, name: &CredentialName, origin: Origin, outcome: Outcome) {
        let labels = [("trigger", origin.as_str()), ("outcome", word(outcome))];
        self.rotations.get_or_create(&self.labels(name, &labels)).inc();
    }

    pub(super) fn failure(&self, name: &CredentialName, step: Option<Step>, cause: &'static str) {
        let labels = [("step", step.map_or("look", Step::as_str)), ("cause", cause)];
        self.failures.get_or_create(&self.labels(name, &labels)).inc();
    }

    pub(super) fn missed_run(&self, name: &CredentialName) {
        self.missed_runs.get_or_create(&self.labels(name, &[])).inc();
    }

    /// Makes the series known before anything is counted: the first count is then seen as a change.
    pub(super) fn expect(&self, name: &CredentialName) {
        drop(self.missed_runs.get_or_create(&self.labels(name, &[])));
        for outcome in [Outcome::Rotated, Outcome::Held, Outcome::Failed, Outcome::RolledBack] {
            let labels = [("trigger", Origin::Schedule.as_str()), ("outcome", word(outcome))];
            drop(self.rotations.get_or_create(&self.labels(name, &labels)));
        }
    }

    pub(super) fn rotation_took(&self, duration: Duration) {
        self.rotation_durations.get_or_create(&vec![]).observe(duration.as_secs_f64());
    }

    pub(super) fn step_took(&self, step: Step, duration_ms: u64) {
        let labels = vec![("step", step.as_str().to_owned())];
        let duration = Duration::from_millis(duration_ms);
        self.step_durations.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Makes the series of a sink known before anything is counted.
    pub fn expect_notifications(&self, sink: &str, event: &'static str) {
        for result in ["delivered", "refused", "given_up"] {
            drop(self.notifications.get_or_create(&notification_labels(sink, event, result)));
        }
    }

    /// A notification of `event` was delivered to `sink`, or was not.
    pub fn notification(&self, sink: &str, event: &'static str, result: &'static str) {
        self.notifications.get_or_create(&notification_labels(sink, event, result)).inc();
    }

    /// So many notifications to `sink` were dropped; none makes the series known.
    pub fn notifications_dropped(&self, sink: &str, count: u64) {
        let labels = vec![("sink", sink.to_owned())];
        self.notifications_dropped.get_or_create(&labels).inc_by(count);
    }

    fn labels(&self, name: &CredentialName, others: &[(&'static str, &'static str)]) -> Labels {
        let credential = self.tells_apart().then(|| ("credential", name.to_string()));
        let others = others.iter().map(|(key, value)| (*key, (*value).to_owned()));
        credential.into_iter().chain(others).collect()
    }
}

fn notification_labels(sink: &str, event: &str, result: &str) -> Labels {
    let labels = [("sink", sink), ("event", event), ("result", result)];
    labels.map(|(key, value)| (key, value.to_owned())).to_vec()
}

/// The outcome's word in metrics.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rotated => "rotated",
        Outcome::NotDue => "not_due",
        Outcome::Failed => "failed",
        Outcome::Held => "held",
        Outcome::RolledBack => "rolled_back",
    }
}

/// A rotation takes seconds without a gate, and hours with a long one.
fn rotation_buckets() -> Histogram {
    Histogram::new([1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0])
}

/// Most steps are one request; a gate may wait for hours.
fn step_buckets() -> Histogram {
    Histogram::new([0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0])
}
