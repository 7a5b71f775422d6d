//! Calling the roll of the fleets: at the start, once a sweep, and when a file or the configuration has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::current::Current;
use crate::config::Config;
use crate::deadline;
use crate::engine::{Purpose, RollCall};
use crate::fleet::{Members, Source};
use crate::status::FleetState;

/// How soon a list is asked for again that did not come, or a secret read that could not be.
const SOON: Duration = Duration::from_mins(1);

/// What is seen of a file without reading it.
type Mark = Option<(u64, Option<SystemTime>)>;

/// The members of the fleets, as the daemon knows them.
pub(super) struct Muster {
    /// The configuration as it was read.
    base: Arc<Config>,
    roll: RollCall,
    /// The members that the planner has.
    in_force: Members,
    /// The members that it is about to have.
    coming: Members,
    calling: Option<JoinHandle<RollCall>>,
    /// Whether the configuration was changed while the roll was called.
    is_outdated: bool,
    next: Instant,
    marks: BTreeMap<PathBuf, Mark>,
    /// Files that are being written change again: what they look like since the latest look.
    moving: BTreeMap<PathBuf, Mark>,
}

/// What a roll call came to.
pub(super) struct Called {
    /// How the rules stand.
    pub(super) standings: Vec<FleetState>,
    /// The configuration with other members than before, if they are others.
    pub(super) config: Option<Arc<Config>>,
}

impl Muster {
    pub(super) fn new(base: Arc<Config>) -> Self {
        Self {
            base,
            roll: RollCall::default(),
            in_force: Members::new(),
            coming: Members::new(),
            calling: None,
            is_outdated: false,
            next: Instant::now(),
            marks: BTreeMap::new(),
            moving: BTreeMap::new(),
        }
    }

    /// Another configuration with the members that are known.
    pub(super) fn enlist(&self, base: &Config) -> Arc<Config> {
        let mut members = self.in_force.clone();
        members.retain(|fleet, _| base.fleets.contains_key(fleet));
        Arc::new(base.enlist(&members, &Members::new()).0)
    }

    /// Goes by another configuration from now on.
    pub(super) fn follow(&mut self, base: Arc<Config>) {
        self.in_force.retain(|fleet, _| base.fleets.contains_key(fleet));
        self.roll.keep(&base);
        self.base = base;
        self.is_outdated = self.calling.is_some();
        self.next = Instant::now();
    }

    /// The members that were about to be are.
    pub(super) fn is_in_force(&mut self) {
        self.in_force.clone_from(&self.coming);
    }

    /// The roll is called again soon.
    pub(super) fn again(&mut self) {
        self.next = self.next.min(deadline::after(self.base.daemon.sweep.min(SOON)));
    }

    /// Calls the roll when it is time, and waits for its end. Nothing is lost where this is cut short.
    pub(super) async fn called(&mut self, current: &Current) -> Called {
        loop {
            if self.calling.is_none() {
                if !self.base.has_fleets() && self.roll.standings().is_empty() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep_until(self.next).await;
                self.begin(current);
            }
            let Some(calling) = &mut self.calling else { continue };
            let ended = calling.await;
            self.calling = None;
            if std::mem::take(&mut self.is_outdated) {
                continue;
            }
            match ended {
                Ok(roll) => return self.end(roll),
                // Nothing of it counts.
                Err(error) => {
                    let retry_in_ms = u64::try_from(SOON.as_millis()).unwrap_or(u64::MAX);
                    tracing::error!(%error, retry_in_ms, "roll call of the fleets broke off");
                    self.again();
                }
            }
        }
    }

    fn begin(&mut self, current: &Current) {
        let (mut roll, base, engine) = (self.roll.clone(), self.base.clone(), current.get());
        self.next = deadline::after(base.daemon.sweep);
        self.marks = std::mem::take(&mut self.moving);
        self.calling = Some(tokio::spawn(async move {
            roll.call(&engine, &base, Purpose::Rotate).await;
            roll
        }));
    }

    fn end(&mut self, roll: RollCall) -> Called {
        if roll.is_lacking() {
            self.again();
        }
        let (members, standings) = (roll.members(), roll.standings());
        self.roll = roll;
        let config = (members != self.in_force)
            .then(|| Arc::new(self.base.enlist(&members, &Members::new()).0));
        self.coming = members;
        Called { standings, config }
    }

    /// Calls the roll where a file of accounts has changed and holds still.
    pub(super) async fn look_at_files(&mut self) {
        let mut now = BTreeMap::new();
        for fleet in self.base.fleets.values() {
            if let Source::File(path) = &fleet.rule.source {
                let mark = tokio::fs::metadata(path).await.ok();
                now.insert(path.clone(), mark.map(|it| (it.len(), it.modified().ok())));
            }
        }
        let is_still = now == self.moving;
        if is_still && now != self.marks && !now.is_empty() {
            self.marks.clone_from(&now);
            self.next = Instant::now();
        }
        self.moving = now;
    }
}
