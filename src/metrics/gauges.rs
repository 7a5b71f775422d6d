//! What goes up and down, and what others count: read off a snapshot at each scrape.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::request_stats::Reachability;
use crate::rotation::condition::{Reason, State};
use crate::status::{CredentialStatus, FleetState, Labels, Snapshot};

/// A snapshot as metrics.
#[derive(Debug)]
pub(super) struct Gauges {
    pub(super) snapshot: Snapshot,
    pub(super) tells_apart: bool,
}

/// One series and its value.
type Sample = (Labels, f64);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut times = |name: &str, help: &str, of: fn(&CredentialStatus) -> Option<Timestamp>| {
            gauge(&mut encoder, name, help, &self.earliest(of))
        };
        times("token_created_timestamp_seconds", "When the served token was created", |one| {
            one.created_at
        })?;
        times(
            "token_expiry_timestamp_seconds",
            "When the first token expires that consumers may use: the served one, or one that lives elsewhere",
            CredentialStatus::first_expiry,
        )?;
        times("next_rotation_timestamp_seconds", "When the next rotation is due", |one| {
            one.condition.next_rotation
        })?;
        times(
            "last_success_timestamp_seconds",
            "When a rotation was last completed; after a start, when the served token was published",
            |one| one.last_success,
        )?;
        times("paused_since_timestamp_seconds", "When somebody paused it by hand", |one| {
            Some(one.condition.pause.as_ref()?.since)
        })?;
        times(
            "paused_until_timestamp_seconds",
            "When a pause by hand ends by itself, where it does",
            |one| one.condition.pause.as_ref()?.until,
        )?;
        gauge(
            &mut encoder,
            "credential_state",
            "Whether a credential is in a state; without the credential label, how many are",
            &self.states(),
        )?;
        gauge(
            &mut encoder,
            "credential_reason",
            "Why a credential stands as it does; without the credential label, for how many each reason is",
            &self.reasons(),
        )?;
        let mut sums = |name: &str, help: &str, of: fn(&CredentialStatus) -> Option<usize>| {
            gauge(&mut encoder, name, help, &self.sum(of))
        };
        sums("predecessors", "Replaced tokens that live", |one| Some(one.predecessors))?;
        sums("orphans", "Tokens of ours that were never served, as last listed", |one| {
            one.orphans
        })?;
        gauge(
            &mut encoder,
            "unmanaged_tokens",
            "Tokens of an account that nobody manages, as last listed",
            &self.unmanaged(),
        )?;
        self.encode_fleets(&mut encoder)?;
        counter(
            &mut encoder,
            "motherduck_requests",
            "Requests to MotherDuck's REST API by status; unconnected or broken where none came",
            requests(&self.snapshot.contacts.motherduck, None),
        )?;
        let stores = &self.snapshot.contacts.stores;
        counter(
            &mut encoder,
            "store_requests",
            "Requests to the stores by what came of them",
            stores.iter().flat_map(|(name, reachability)| requests(reachability, Some(name))),
        )?;
        counter(
            &mut encoder,
            "kubernetes_requests",
            "Requests to Kubernetes about workloads and their pods by what came of them",
            requests(&self.snapshot.contacts.workloads, None),
        )?;
        let skew = self.snapshot.contacts.clock_skew;
        gauge(
            &mut encoder,
            "clock_skew_seconds",
            "MotherDuck's clock minus this machine's, as of the last answer",
            &skew.map(|skew| (vec![], skew.as_secs_f64())).into_iter().collect::<Vec<_>>(),
        )?;
        let disputed = self.snapshot.contacts.time.map(|time| float(time.is_disputed().into()));
        gauge(
            &mut encoder,
            "clocks_disagree",
            "Whether this machine's clock and MotherDuck's differ by more than an hour, and no store tells which is right",
            &disputed.map(|disputed| (vec![], disputed)).into_iter().collect::<Vec<_>>(),
        )?;
        self.configuration(&mut encoder)?;
        self.of_this_process(&mut encoder)
    }
}

impl Gauges {
    /// How pintail itself goes.
    fn of_this_process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counter(
            encoder,
            "audit_log_failures",
            "Lines of the audit log that could not be written",
            self.snapshot.contacts.audit_failures.into_iter().map(|count| (vec![], count)),
        )?;
        counter(
            encoder,
            "worker_restarts",
            "How often a worker in the background panicked and was started again",
            self.snapshot
                .workers
                .iter()
                .map(|one| (vec![("worker", one.name.clone())], one.restarts)),
        )?;
        counter(
            encoder,
            "log_lines_dropped",
            "Log lines that could not be written, or waited too long for it",
            std::iter::once((vec![], self.snapshot.log_lines_dropped)),
        )?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        gauge(
            encoder,
            "build_info",
            "Always 1; the labels tell which pintail this is",
            &[(vec![("version", version)], 1.0)],
        )
    }

    /// How the rules stand that make credentials.
    fn encode_fleets(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut numbers = |name: &str, help: &str, of: fn(&FleetState) -> Option<f64>| {
            let sample = |one: &FleetState| Some((vec![("fleet", one.name.to_string())], of(one)?));
            let samples: Vec<Sample> = self.snapshot.fleets.iter().filter_map(sample).collect();
            gauge(encoder, name, help, &samples)
        };
        numbers("fleet_members", "Credentials that a rule has made", |one| {
            Some(float(one.members))
        })?;
        numbers("fleet_waiting", "Accounts that wait for others to have joined", |one| {
            Some(float(one.waiting))
        })?;
        numbers("fleet_refused", "Accounts that a rule means and cannot have", |one| {
            Some(float(one.refused))
        })?;
        numbers("fleet_missing", "Members that the latest list does not name", |one| {
            Some(float(one.missing))
        })?;
        numbers("fleet_problem", "Whether a rule cannot follow its list", |one| {
            Some(float(one.problem.is_some().into()))
        })?;
        numbers("fleet_listed_timestamp_seconds", "When a rule's list last came complete", |one| {
            Some(one.listed_at?.as_duration().as_secs_f64())
        })
    }

    fn configuration(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let configuration = &self.snapshot.configuration;
        gauge(
            encoder,
            "config_last_reload_successful",
            "Whether the configuration in force is the one in the files; 0 where theirs was refused",
            &[(vec![], float(configuration.refused.is_none().into()))],
        )?;
        gauge(
            encoder,
            "config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read",
            &[(vec![], configuration.loaded_at.as_duration().as_secs_f64())],
        )?;
        counter(
            encoder,
            "config_reload_failures",
            "Changed configurations that were refused",
            std::iter::once((vec![], configuration.refusals)),
        )
    }

    /// The time that `of` tells of each credential, or the earliest of all.
    fn earliest(&self, of: fn(&CredentialStatus) -> Option<Timestamp>) -> Vec<Sample> {
        let seconds = |at: Timestamp| at.as_duration().as_secs_f64();
        let each = self.snapshot.members.iter().filter_map(|one| Some((one, seconds(of(one)?))));
        if self.tells_apart {
            return each.map(|(one, at)| (label(one), at)).collect();
        }
        each.map(|(_, at)| at).min_by(f64::total_cmp).map(|at| (vec![], at)).into_iter().collect()
    }

    /// The number that `of` tells of each credential, or the sum.
    fn sum(&self, of: fn(&CredentialStatus) -> Option<usize>) -> Vec<Sample> {
        let each = self.snapshot.members.iter().filter_map(|one| Some((one, of(one)?)));
        if self.tells_apart {
            return each.map(|(one, number)| (label(one), float(number))).collect();
        }
        vec![(vec![], float(each.map(|(_, number)| number).sum()))]
    }

    fn states(&self) -> Vec<Sample> {
        let with = |mut labels: Labels, state: State| {
            labels.push(("state", state.as_str().to_owned()));
            labels
        };
        let members = &self.snapshot.members;
        if self.tells_apart {
            let of = |one: &'_ CredentialStatus| {
                let (labels, actual) = (label(one), one.condition.state);
                State::ALL
                    .map(|state| (with(labels.clone(), state), float((state == actual).into())))
            };
            return members.iter().flat_map(of).collect();
        }
        self.snapshot
            .states()
            .into_iter()
            .map(|(state, count)| (with(vec![], state), float(count)))
            .collect()
    }

    /// Only those that are given: there are many reasons.
    fn reasons(&self) -> Vec<Sample> {
        let with = |mut labels: Labels, reason: Reason| {
            labels.push(("reason", reason.as_str().to_owned()));
            labels.push(("severity", reason.severity().as_str().to_owned()));
            labels
        };
        let given = self.snapshot.members.iter();
        let given = given.filter_map(|one| Some((one, one.condition.reason?)));
        if self.tells_apart {
            return given.map(|(one, reason)| (with(label(one), reason), 1.0)).collect();
        }
        let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
        for (_, reason) in given {
            *counts.entry(reason).or_default() += 1;
        }
        counts.into_iter().map(|(reason, count)| (with(vec![], reason), float(count))).collect()
    }

    /// By account, since several credentials may share one.
    fn unmanaged(&self) -> Vec<Sample> {
        let unmanaged = &self.snapshot.unmanaged;
        if self.tells_apart {
            let sample = |(account, count): (&String, &usize)| {
                (vec![("account", account.clone())], float(*count))
            };
            return unmanaged.iter().map(sample).collect();
        }
        vec![(vec![], float(unmanaged.values().sum()))]
    }
}

fn label(one: &CredentialStatus) -> Labels {
    vec![("credential", one.name.to_string())]
}

fn float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// The requests to one service.
fn requests<'a>(
    reachability: &'a Reachability,
    store: Option<&'a String>,
) -> impl Iterator<Item = (Labels, u64)> + 'a {
    let word = if store.is_some() { "result" } else { "status" };
    reachability.requests.iter().map(move |requests| {
        let store = store.map(|name| ("store", name.clone()));
        let labels = store.into_iter().chain([
            ("operation", requests.operation.to_owned()),
            (word, requests.result.clone().into_owned()),
        ]);
        (labels.collect(), requests.count)
    })
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: &[Sample],
) -> fmt::Result {
    if samples.is_empty() {
        return Ok(());
    }
    let mut family =
        encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Gauge)?;
    for (labels, value) in samples {
        ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut family =
        encoder.encode_descriptor(name, &format!("{help}."), None, MetricType::Counter)?;
    for (labels, value) in samples {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
