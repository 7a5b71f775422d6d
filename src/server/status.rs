//! `/status.json`: the snapshot for machines that want more than metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::ready::Readiness;
use crate::names::Owner;
use crate::rotation::condition::State;
use crate::rotation::time::Time;
use crate::status::{Configuration, CredentialStatus, FleetState, Rotation, Snapshot};
use crate::workers::Worker;

/// The whole status.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    version: &'static str,
    owner: &'a Owner,
    at: Timestamp,
    #[serde(flatten)]
    readiness: Readiness,
    configuration: &'a Configuration,
    clock_skew_seconds: Option<f64>,
    clocks_disagree: bool,
    /// How many credentials are in each state.
    states: BTreeMap<State, usize>,
    /// How the rules stand that make credentials.
    fleets: &'a [FleetState],
    credentials: &'a [CredentialStatus],
    rotations: &'a [Rotation],
    /// The workers in the background, and how often each panicked and was started again.
    workers: &'a [Worker],
    log_lines_dropped: u64,
}

impl<'a> Status<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, readiness: Readiness) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            owner: &snapshot.owner,
            at: snapshot.at,
            readiness,
            configuration: &snapshot.configuration,
            clock_skew_seconds: snapshot.contacts.clock_skew.map(|skew| skew.as_secs_f64()),
            clocks_disagree: snapshot.contacts.time.is_some_and(Time::is_disputed),
            states: snapshot.states(),
            fleets: &snapshot.fleets,
            credentials: &snapshot.members,
            rotations: &snapshot.rotations,
            workers: &snapshot.workers,
            log_lines_dropped: snapshot.log_lines_dropped,
        }
    }
}
