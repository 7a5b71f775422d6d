//! The planner: which credential is looked at when, by how many at once, and what comes of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::backoff;
use super::driver::Driver;
use super::list_clock::{ListClock, soon};
use super::notice::{Notice, tell, tell_panic};
use super::pending::{Pending, PendingChange};
use super::permit::{Habits, Slots};
use super::queue::{NextRun, Queue};
use super::supervisor::Supervisor;
use crate::config::{Config, Daemon};
use crate::deadline;
use crate::names::CredentialName;
use crate::rotation::condition::{Reason as Why, State};
use crate::rotation::decide::{Reason, Request};
use crate::rotation::evidence::Evidence;
use crate::rotation::run::{Outcome, Report};
use crate::rotation::schedule::later;
use crate::status::Registry;

/// The longest nap: the clock may be set, the machine may be suspended.
const LONGEST_NAP: Duration = Duration::from_mins(1);
/// Before this has passed a credential whose time seems to have come already is not looked at again.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// What becomes of a rotation that a stop leaves unfinished.
const LEFT: &str = "nothing is lost: what is served works, and the next start, or any other run of pintail, goes on from here";

/// The limits that the planner keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// How many credentials are worked on at once.
    pub(super) concurrency: usize,
    /// The longest time between two looks at a credential.
    pub(super) sweep: Duration,
    /// The shortest time between two lists of an account where nothing seems to have changed.
    pub(super) relist: Duration,
    /// How many requests MotherDuck may be sent in a second.
    pub(super) requests_per_second: u32,
    /// How long a stop waits for the steps in hand.
    pub(super) shutdown_grace: Duration,
}

impl Rules {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let Daemon { concurrency, sweep, relist, shutdown_grace, watch: _, dumpable: _ } =
            config.daemon;
        let requests_per_second = config.motherduck.requests_per_second;
        Self { concurrency, sweep, relist, requests_per_second, shutdown_grace }
    }
}

/// Has each credential worked on when its time comes: one run per credential at a time, the longest overdue first.
pub(super) struct Planner<D> {
    pub(super) rules: Rules,
    pub(super) fleet: Arc<Registry>,
    pub(super) shutdown: CancellationToken,
    pub(super) wake: Arc<Notify>,
    pub(super) slots: Slots,
    /// Boxed: the nodes of a map are half empty.
    pub(super) credentials: BTreeMap<CredentialName, Box<Plan<D>>>,
    /// The credentials that are not being worked on, by when they are to be looked at.
    pub(super) queue: Queue,
    runs: JoinSet<Run>,
    running: HashMap<Id, CredentialName>,
    /// The names in `running`.
    pub(super) at_work: HashSet<CredentialName>,
    pub(super) list_clock: ListClock,
    /// Those of them that list an account at rest.
    listing: HashSet<Id>,
    lineups: (mpsc::Sender<Pending<D>>, mpsc::Receiver<Pending<D>>),
    supervisor: Supervisor,
}

pub(super) struct Plan<D> {
    pub(super) driver: Arc<D>,
    /// Kept between runs; what a run has in hand is lost when it panics, and proved anew.
    pub(super) evidence: Evidence,
    pub(super) failures: u32,
    pub(super) told: Option<Notice>,
    pub(super) expires_at: Option<Timestamp>,
    /// Whether the last run meant to replace a token that cannot wait, and did not come to it.
    pub(super) is_urgent: bool,
    /// When its account is to be listed, though nothing is due.
    pub(super) list_at: Option<Timestamp>,
    /// When something is to be done, as the last run that rested has it.
    pub(super) due_at: Option<Timestamp>,
    pub(super) fate: PendingChange,
    habits: Arc<Habits>,
}

struct Run {
    report: Report,
    evidence: Evidence,
    /// Whether it was to list the account, whatever the record says.
    lists: bool,
    /// When the account had been listed before, at the version that was served then.
    listed_before: Option<Timestamp>,
}

/// What a run is begun for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// It cannot wait.
    Urgency,
    /// Its time has come.
    Time,
    /// Its account's turn to be listed has come.
    List,
}

impl<D: Driver> Planner<D> {
    /// A planner without credentials, which tells `fleet` how they stand and stops with `shutdown`.
    pub(super) fn new(rules: Rules, fleet: Arc<Registry>, shutdown: CancellationToken) -> Self {
        let wake = Arc::new(Notify::new());
        Self {
            slots: Slots::new(rules.concurrency, wake.clone(), shutdown.clone()),
            rules,
            fleet,
            shutdown,
            wake,
            credentials: BTreeMap::new(),
            queue: Queue::default(),
            runs: JoinSet::new(),
            running: HashMap::new(),
            at_work: HashSet::new(),
            list_clock: ListClock::new(rules.requests_per_second),
            listing: HashSet::new(),
            lineups: mpsc::channel(1),
            supervisor: Supervisor::default(),
        }
    }

    /// Makes the planner tell `supervisor` that it is well, at each turn.
    pub(super) fn supervised_by(mut self, supervisor: Supervisor) -> Self {
        self.supervisor = supervisor;
        self
    }

    /// Where another configuration is handed in.
    pub(super) fn lineups(&self) -> mpsc::Sender<Pending<D>> {
        self.lineups.0.clone()
    }

    /// Adds a credential, to be looked at as soon as possible: a missed or unfinished rotation may wait there.
    pub(super) fn add(&mut self, name: CredentialName, driver: D) {
        let look =
            NextRun { at: Timestamp::MIN, is_promised: false, urgent_at: None, list_at: None };
        self.queue.insert(name.clone(), look);
        let plan = Plan {
            driver: Arc::new(driver),
            evidence: Evidence::default(),
            failures: 0,
            told: None,
            expires_at: None,
            is_urgent: false,
            list_at: None,
            due_at: None,
            fate: PendingChange::Stays,
            habits: Arc::default(),
        };
        self.credentials.insert(name, Box::new(plan));
    }

    /// Makes the planner look at the clock.
    pub(super) fn waker(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Works until the shutdown, then waits for the steps in hand within the limit. Returns the credentials whose
    /// rotations are unfinished; the next start goes on with them.
    pub(super) async fn run(
        mut self,
        clock: &(dyn Fn() -> Timestamp + Sync),
    ) -> Vec<CredentialName> {
        while !self.shutdown.is_cancelled() {
            let now = clock();
            self.fleet.beat();
            self.supervisor.beat(&self.fleet);
            self.begin_due(now);
            let missed = self.fleet.miss(now);
            let nap = self.nap(now, missed);
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                Some(ended) = self.runs.join_next_with_id() => {
                    self.settle(ended, clock());
                }
                Some(lineup) = self.lineups.1.recv() => self.take_over(lineup, clock()),
                () = self.wake.notified() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
        self.fleet.stopping();
        self.supervisor.stopping(self.rules.shutdown_grace);
        self.finish(clock).await
    }

    fn begin_due(&mut self, now: Timestamp) {
        while let Some(name) = self.queue.urgent(now).cloned()
            && self.begin(name, For::Urgency, now)
        {}
        while let Some(name) = self.queue.due(now).cloned()
            && self.begin(name, For::Time, now)
        {}
        while let Some(name) = self.queue.to_list(now).cloned()
            && self.has_room_to_list()
            && self.begin(name, For::List, now)
        {}
    }

    /// Lists occupy half of the places at most, while MotherDuck keeps them waiting.
    fn has_room_to_list(&mut self) -> bool {
        let most = (self.rules.concurrency / 2).max(1);
        self.listing.len() < most && self.list_clock.wait().is_none()
    }

    /// Begins a run, if there is a place for it.
    fn begin(&mut self, name: CredentialName, purpose: For, now: Timestamp) -> bool {
        let may_list = self.list_clock.wait().is_none();
        let Some(plan) = self.credentials.get_mut(&name) else {
            self.queue.remove(&name);
            return true;
        };
        let is_urgent = purpose == For::Urgency;
        let Some(permit) = self.slots.take(is_urgent, &plan.habits) else { return false };
        self.queue.remove(&name);
        // What was lost turns out by a list alone.
        // A look whose account has its turn lists it by the way.
        let is_turn = may_list && plan.list_at.is_none_or(|at| at <= now);
        let lists = is_turn || plan.is_urgent;
        let request = if lists { Request::SCHEDULE } else { Request::SCHEDULE.sparing_lists() };
        let driver = plan.driver.clone();
        let mut evidence = std::mem::take(&mut plan.evidence);
        let listed_before = evidence.listed_at;
        // Of the highest level, so that no log level takes the names away from the events.
        let span = tracing::error_span!("rotation", credential = %name, rotation_id = tracing::field::Empty);
        let run = async move {
            let report = driver.run(request, &mut evidence, &permit).await;
            Run { report, evidence, lists, listed_before }
        };
        // On the heap: the future of a whole rotation is large.
        let handle = self.runs.spawn(Box::pin(run.instrument(span)));
        if is_turn {
            self.list_clock.spend();
            self.listing.insert(handle.id());
        }
        self.at_work.insert(name.clone());
        self.running.insert(handle.id(), name);
        true
    }

    /// Until the next credential's time comes, or a scheduled run counts as `missed`. Where one is due and has no
    /// place, a freed place wakes the planner.
    fn nap(&mut self, now: Timestamp, missed: Option<Timestamp>) -> Duration {
        let waits = self.queue.to_list(now).is_some();
        let affordable = waits.then(|| self.list_clock.wait()).flatten();
        let affordable = affordable.map(|wait| later(now, wait));
        let next = self.queue.next(now).into_iter().chain(missed).chain(affordable).min();
        match next.map(|at| at.duration_since(now)).and_then(|left| Duration::try_from(left).ok()) {
            Some(left) if !left.is_zero() => left.min(self.longest_nap()),
            Some(_) | None => self.longest_nap(),
        }
    }

    fn longest_nap(&self) -> Duration {
        self.supervisor.patience().map_or(LONGEST_NAP, |patience| patience.min(LONGEST_NAP))
    }

    /// Takes in how a run ended and plans the next look. Returns the credential's name and how the run went.
    fn settle(
        &mut self,
        ended: Result<(Id, Run), JoinError>,
        now: Timestamp,
    ) -> Option<(CredentialName, Option<Outcome>)> {
        let (id, run) = match ended {
            Ok((id, run)) => (id, Some(run)),
            Err(error) => (error.id(), None),
        };
        let name = self.running.remove(&id)?;
        self.at_work.remove(&name);
        self.listing.remove(&id);
        let plan = self.credentials.get_mut(&name)?;
        let outcome = run.as_ref().map(|run| run.report.outcome);
        let left = run.as_ref().map(|run| (run.report.state(), run.report.again_at));
        if let Some(Run { report, .. }) = &run {
            plan.expires_at = report.expires_at.or(plan.expires_at);
            plan.is_urgent = report.outcome == Outcome::Failed
                && report.seen.reason.is_some_and(Reason::is_urgent);
        }
        let next = plan.next_look(&name, left, now, self.rules.sweep);
        let next = plan.plan_list(run.as_ref(), next, now, self.rules);
        let look_in = next.duration_since(now);
        if let Some(Run { report, evidence, .. }) = run {
            plan.evidence = evidence;
            // What a stop interrupted is told by `finish`.
            if !self.shutdown.is_cancelled() || report.problem.is_none() {
                let condition = self.fleet.settled(&name, &report, Some(next));
                if let Some(condition) = condition {
                    tell(&name, &report, &condition, (now, look_in), &mut plan.told);
                }
            }
        } else {
            tell_panic(&name, (now, look_in), &mut plan.told);
            self.fleet.panicked(&name, Some(next));
        }
        match plan.fate {
            PendingChange::Stays => self.queue.insert(name.clone(), plan.look(next)),
            PendingChange::Changes => {
                plan.begin_afresh();
                self.queue.insert(name.clone(), plan.look(now));
            }
            PendingChange::Leaves => {
                if let Some(plan) = self.credentials.remove(&name) {
                    self.leave(&name, &plan);
                }
            }
        }
        Some((name, outcome))
    }

    async fn finish(mut self, clock: &(dyn Fn() -> Timestamp + Sync)) -> Vec<CredentialName> {
        let limit = deadline::after(self.rules.shutdown_grace);
        let mut unfinished = vec![];
        while Instant::now() < limit {
            self.supervisor.beat(&self.fleet);
            let nap = limit.min(deadline::after(self.longest_nap()));
            match tokio::time::timeout_at(nap, self.runs.join_next_with_id()).await {
                Ok(Some(ended)) => {
                    if let Some((name, Some(Outcome::Held))) = self.settle(ended, clock()) {
                        tracing::warn!(credential = %name, hint = LEFT, "rotation left for the next start");
                        unfinished.push(name);
                    }
                }
                Ok(None) => break,
                Err(_) => {}
            }
        }
        for name in self.running.into_values() {
            tracing::warn!(credential = %name, hint = LEFT, "step in hand cut short");
            unfinished.push(name);
        }
        unfinished
    }
}

impl<D: Driver> Plan<D> {
    /// A look at `at`, before others if its token cannot wait by then.
    pub(super) fn look(&self, at: Timestamp) -> NextRun {
        let renewal = self.expires_at.and_then(|expires_at| self.driver.renewal(expires_at));
        NextRun {
            at,
            is_promised: self.due_at.is_some_and(|due_at| due_at <= at),
            urgent_at: if self.is_urgent { Some(at) } else { renewal },
            list_at: self.list_at,
        }
    }

    /// Plans the next list after a run, and with it the next look at `next`. A list that did not come is tried again as
    /// a list: a look without one would take a failing credential for a fresh one.
    fn plan_list(
        &mut self,
        run: Option<&Run>,
        next: Timestamp,
        now: Timestamp,
        rules: Rules,
    ) -> Timestamp {
        let Some(Run { report, evidence, lists, listed_before }) = run else {
            self.list_at = Some(next);
            return next;
        };
        let rests = matches!(report.state(), State::Fresh | State::Paused);
        if rests || report.again_at.is_some() {
            self.due_at = report.again_at;
        }
        let why = report.problem.as_ref().map(|problem| problem.reason);
        if *lists && why == Some(Why::TokensNotListed) {
            self.list_at = Some(next);
            let renewal = self.expires_at.and_then(|at| self.driver.renewal(at));
            let latest = later(now, rules.relist);
            let due_at = self.due_at.into_iter().chain(renewal).chain([latest]).min();
            return due_at.map_or(next, |due_at| due_at.max(next));
        }
        let written_at = report.seen.record.as_ref().map(|record| record.published_at);
        let has_orphans = report.tokens.orphans.as_ref().is_some_and(|all| !all.is_empty());
        self.list_at = match evidence.listed_at {
            Some(_) if evidence.listed_at == *listed_before => self.list_at,
            Some(at) if rests && !has_orphans => Some(later(at, rules.relist)),
            // Young orphans get older, and what lives elsewhere may leave.
            Some(at) => Some(later(at, rules.sweep)),
            // There is nothing to list: a person is asked for first.
            None if *lists => Some(later(now, rules.relist)),
            // Never listed, or changed since.
            None if listed_before.is_some() || self.list_at.is_none() => {
                Some(soon(written_at, now))
            }
            None => self.list_at,
        };
        next
    }

    /// When to look again after a run that left the credential so, and wants to be called again then; or panicked.
    fn next_look(
        &mut self,
        name: &CredentialName,
        left: Option<(State, Option<Timestamp>)>,
        now: Timestamp,
        sweep: Duration,
    ) -> Timestamp {
        let wanted = match left {
            Some((
                State::Fresh
                | State::Paused
                | State::Unknown
                | State::Due
                | State::Rotating
                | State::RolledBack
                | State::Held,
                again_at,
            )) => again_at,
            Some((State::Failing | State::Blocked, _)) | None => {
                self.failures = self.failures.saturating_add(1);
                let left = self.expires_at.map(|at| at.duration_since(now));
                return later(now, backoff::pause(name, self.failures, left, sweep));
            }
        };
        self.failures = 0;
        let sweep = later(now, sweep);
        match wanted {
            Some(at) if at <= now => later(now, LEAST_PAUSE),
            Some(at) => at.min(sweep),
            None => sweep,
        }
    }
}
