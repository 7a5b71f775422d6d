//! The fleet as it stands: what the daemon has come to know of every credential, and what metrics and pages show.
//!
//! Data flows one way: the daemon tells the fleet, and whoever shows it takes a snapshot. Nothing here decides anything.

mod configuration;
mod configured;
mod counts;
mod credential_status;
mod deadlines;
mod entry;
mod history;
mod rules;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod unmanaged;
mod waiting;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

pub use self::configuration::{Configuration, Refused};
pub use self::configured::Configured;
pub use self::counts::{Counts, Labels, word};
pub use self::credential_status::CredentialStatus;
use self::deadlines::Deadlines;
use self::entry::Entry;
use self::history::History;
pub use self::history::{Rotation, StepRecord};
pub use self::rules::{FleetState, RefusedAccount};
use self::unmanaged::UnmanagedTokens;
pub use self::waiting::Waiting;
pub use self::words::Origin;
use crate::log;
use crate::names::{AccountName, CredentialName, Owner};
use crate::request_stats::Reachability;
use crate::rotation::condition::{Condition, Kept, Reason, State};
use crate::rotation::run::Report;
use crate::rotation::step_log::{Progress, Step};
use crate::rotation::time::{self, Time, disagreement};
use crate::workers::{Worker, workers};

/// While clocks disagree, the log is told so often.
const TOLD_AGAIN: Duration = Duration::from_hours(1);
/// Clocks that agree for so long are said to.
const SETTLED: Duration = Duration::from_mins(5);

/// What the fleet asks of the outside.
pub trait StatusSource: Send + Sync {
    /// What the clocks say.
    fn time(&self) -> Time;

    /// The clock that is gone by.
    fn now(&self) -> Timestamp {
        self.time().now
    }

    /// How things stand with MotherDuck and the stores.
    fn contacts(&self) -> Contacts;
}

/// How things stand with MotherDuck and the stores.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    /// MotherDuck's REST API.
    pub motherduck: Reachability,
    /// MotherDuck's clock minus ours.
    pub clock_skew: Option<SignedDuration>,
    /// What the clocks say.
    pub time: Option<Time>,
    /// The stores by name.
    pub stores: BTreeMap<String, Reachability>,
    /// Kubernetes, as far as it is asked about workloads and their pods.
    pub workloads: Reachability,
    /// How many lines of the audit log could not be written, if one is kept.
    pub audit_failures: Option<u64>,
}

/// How far the daemon's planner has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlannerState {
    /// It has not turned once.
    Starting,
    /// It turns.
    Running,
    /// It was told to stop, and begins nothing.
    Stopping,
}

/// What is known of all credentials, kept up to date by the daemon.
pub struct Registry {
    owner: Owner,
    source: Arc<dyn StatusSource>,
    counts: Counts,
    inner: Mutex<Inner>,
    begun: Instant,
    /// Milliseconds from `begun` to the planner's latest turn.
    beat: AtomicU64,
    planner: AtomicU8,
    changed: Notify,
    /// When the log was told that clocks disagree.
    disputed: Mutex<Option<Instant>>,
}

struct Inner {
    /// Boxed: the nodes of a map are half empty.
    entries: BTreeMap<CredentialName, Box<Entry>>,
    history: History,
    strays: UnmanagedTokens,
    deadlines: Deadlines,
    waiting: Option<Waiting>,
    /// All configured credentials, and the accounts that they belong to.
    accounts: BTreeMap<CredentialName, AccountName>,
    configuration: Configuration,
    rules: Vec<FleetState>,
}

/// The fleet at one instant.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The instant.
    pub at: Timestamp,
    /// The deployment.
    pub owner: Owner,
    /// The credentials by name.
    pub members: Vec<CredentialStatus>,
    /// The latest rotations, the newest first.
    pub rotations: Vec<Rotation>,
    /// By account, how many tokens nobody manages.
    pub unmanaged: BTreeMap<String, usize>,
    /// How things stand with MotherDuck and the stores.
    pub contacts: Contacts,
    /// How the configuration came to be in force.
    pub configuration: Configuration,
    /// What the start still waits for.
    pub waiting: Option<Waiting>,
    /// How the rules stand that make credentials.
    pub fleets: Vec<FleetState>,
    /// How far the planner has come.
    pub planner: PlannerState,
    /// How long ago the planner's loop turned.
    pub silence: Duration,
    /// The workers in the background.
    pub workers: Vec<Worker>,
    /// How many log lines were dropped.
    pub log_lines_dropped: u64,
}

impl Snapshot {
    /// How many credentials are in each state.
    pub fn states(&self) -> BTreeMap<State, usize> {
        let mut counts: BTreeMap<State, usize> = State::ALL.map(|state| (state, 0)).into();
        for one in &self.members {
            *counts.entry(one.condition.state).or_default() += 1;
        }
        counts
    }
}

impl Registry {
    /// Those credentials of `owner` that `is_member` takes, of which nothing is known yet; whose accounts the others'
    /// tokens are in is remembered. Metrics tell them apart if `tells_apart`; if nothing is said, unless there are many.
    pub fn new(
        owner: Owner,
        tells_apart: Option<bool>,
        credentials: impl IntoIterator<Item = Configured>,
        is_member: impl Fn(&CredentialName) -> bool,
        source: Arc<dyn StatusSource>,
    ) -> Self {
        let now = source.now();
        let counts = Counts::new(tells_apart);
        let mut accounts = BTreeMap::new();
        let entries = credentials.into_iter().filter_map(|credential| {
            accounts.insert(credential.name.clone(), credential.username.lower());
            if !is_member(&credential.name) {
                return None;
            }
            counts.expect(&credential.name);
            Some((credential.name.clone(), Box::new(Entry::new(&credential, now))))
        });
        let entries: BTreeMap<_, _> = entries.collect();
        counts.are_of(entries.len());
        let mut deadlines = Deadlines::default();
        for (name, entry) in &entries {
            deadlines.set(name, entry.deadline());
        }
        Self {
            owner,
            inner: Mutex::new(Inner {
                entries,
                history: History::default(),
                strays: UnmanagedTokens::default(),
                deadlines,
                waiting: None,
                accounts,
                configuration: Configuration::new(now),
                rules: vec![],
            }),
            source,
            counts,
            begun: Instant::now(),
            beat: AtomicU64::new(0),
            planner: AtomicU8::new(0),
            changed: Notify::new(),
            disputed: Mutex::default(),
        }
    }

    /// The wall clock, as the outside knows it.
    pub fn now(&self) -> Timestamp {
        self.source.now()
    }

    /// The planner's loop turns.
    pub fn beat(&self) {
        self.turned();
        let _ = self.planner.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
        self.watch_clocks();
    }

    fn turned(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(since, Ordering::Relaxed);
    }

    /// Tells the log of clocks that disagree, and sinks even where no run ends; a `Date` that is wrong by turns only
    /// now and then.
    fn watch_clocks(&self) {
        let time = self.source.time();
        let mut told = self.disputed.lock().unwrap_or_else(PoisonError::into_inner);
        let long_ago = |than: Duration| told.is_none_or(|at| at.elapsed() > than);
        if time.is_disputed() && long_ago(TOLD_AGAIN) {
            *told = Some(Instant::now());
            let reason = Reason::ClockDisagrees.as_str();
            let error = disagreement(time, None);
            tracing::error!(reason, error, hint = time::HINT, "clocks disagree");
            self.changed.notify_one();
        } else if !time.is_disputed() && told.is_some() && long_ago(SETTLED) {
            *told = None;
            tracing::info!("clocks agree again");
        }
    }

    /// The start waits for something, and goes on waiting.
    pub fn waits(&self, message: &str, hint: Option<&str>) {
        if self.planner() == PlannerState::Starting {
            self.turned();
        }
        let now = self.source.now();
        let waiting = &mut self.inner().waiting;
        if waiting.as_ref().is_none_or(|before| before.message != message) {
            let (message, hint) = (message.to_owned(), hint.map(str::to_owned));
            *waiting = Some(Waiting { since: now, message, hint });
        }
    }

    /// The start waits for nothing any more.
    pub fn waits_no_more(&self) {
        self.inner().waiting = None;
    }

    /// What the start waits for.
    pub fn waiting(&self) -> Option<Waiting> {
        self.inner().waiting.clone()
    }

    /// The planner begins nothing any more.
    pub fn stopping(&self) {
        self.planner.store(2, Ordering::Relaxed);
    }

    /// A credential was added, or is configured otherwise from now on.
    pub fn introduce(&self, credential: &Configured) {
        let now = self.source.now();
        let name = &credential.name;
        let Inner { entries, deadlines, accounts, .. } = &mut *self.inner();
        accounts.insert(name.clone(), credential.username.lower());
        let entry = entries.entry(name.clone()).or_insert_with(|| {
            self.counts.expect(name);
            Box::new(Entry::new(credential, now))
        });
        entry.configure(credential, now);
        deadlines.set(name, entry.deadline());
        self.counts.are_of(entries.len());
    }

    /// A credential is kept as it was before it was configured otherwise, or no longer is.
    pub fn keep(&self, name: &CredentialName, kept: Option<Kept>) {
        let now = self.source.now();
        let mut inner = self.inner();
        if let Some(entry) = inner.entries.get_mut(name) {
            entry.keep(kept, now);
        }
    }

    /// A credential is no longer looked at.
    pub fn forget(&self, name: &CredentialName) {
        let Inner { entries, strays, deadlines, accounts, .. } = &mut *self.inner();
        entries.remove(name);
        deadlines.set(name, None);
        if let Some(account) = accounts.remove(name)
            && !accounts.values().any(|other| *other == account)
        {
            strays.forget(account.as_str());
        }
    }

    /// Another configuration is in force, but for the keys that only a restart can change.
    pub fn reconfigured(&self, needs_restart: Vec<&'static str>) {
        let now = self.source.now();
        self.inner().configuration.reloaded(now, needs_restart);
    }

    /// Another configuration was read and refused.
    pub fn refused(&self, message: String, hint: Option<String>) {
        let now = self.source.now();
        self.inner().configuration.refused(now, message, hint);
    }

    /// The lists of the rules were called; this is how they stand.
    pub fn called(&self, rules: Vec<FleetState>) {
        self.inner().rules = rules;
    }

    /// A run of `name` tells how it goes.
    pub fn progressed(&self, name: &CredentialName, progress: &Progress) {
        let now = self.source.now();
        let Inner { entries, deadlines, .. } = &mut *self.inner();
        if let Some(entry) = entries.get_mut(name) {
            entry.progressed(progress, now);
            if matches!(progress, Progress::Saw(_) | Progress::Began(Step::Create)) {
                deadlines.set(name, entry.deadline());
            }
        }
    }

    /// Counts the scheduled runs whose time is up though no rotation began. Returns when the next one's is.
    pub fn miss(&self, now: Timestamp) -> Option<Timestamp> {
        let Inner { entries, deadlines, .. } = &mut *self.inner();
        while let Some(name) = deadlines.pop(now) {
            if let Some(entry) = entries.get_mut(&name) {
                entry.miss(now, &self.counts);
                // What is still due is counted by a later look: one at a time.
                deadlines.set(&name, entry.deadline().filter(|deadline| now < *deadline));
            }
        }
        deadlines.first()
    }

    /// A run of `name` ended; it is looked at again at `next_look`. Returns how it stands, if it is known here.
    pub fn settled(
        &self,
        name: &CredentialName,
        report: &Report,
        next_look: Option<Timestamp>,
    ) -> Option<Condition> {
        let now = self.source.now();
        let mut inner = self.inner();
        let Inner { entries, history, strays, deadlines, accounts, .. } = &mut *inner;
        if let Some(listing) = &report.seen.listing
            && let Some(entry) = entries.get(name)
        {
            let account = entry.member.username.clone();
            let here = account.lower();
            let is_here = |name: &CredentialName| accounts.get(name) == Some(&here);
            strays.listed(&self.owner, &account, listing, &report.revoked, is_here);
        }
        let entry = entries.get_mut(name)?;
        let origin = entry.settled(report, next_look, now, &self.counts);
        entry.miss(now, &self.counts);
        deadlines.set(name, entry.deadline());
        history.note(name, origin, report, now);
        let condition = entry.condition(self.source.time());
        self.changed.notify_one();
        Some(condition)
    }

    /// A run of `name` ended by a fault in pintail itself.
    pub fn panicked(&self, name: &CredentialName, next_look: Option<Timestamp>) {
        let now = self.source.now();
        let Inner { entries, deadlines, .. } = &mut *self.inner();
        if let Some(entry) = entries.get_mut(name) {
            entry.panicked(next_look, now, &self.counts);
            deadlines.set(name, entry.deadline());
        }
        self.changed.notify_one();
    }

    /// Waits until a run has ended since this was last waited for. One may wait at a time.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The counters.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How long ago the planner's loop turned.
    pub fn silence(&self) -> Duration {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(beat)
    }

    /// How far the planner has come.
    pub fn planner(&self) -> PlannerState {
        match self.planner.load(Ordering::Relaxed) {
            0 => PlannerState::Starting,
            1 => PlannerState::Running,
            _ => PlannerState::Stopping,
        }
    }

    /// The fleet as it stands now.
    pub fn snapshot(&self) -> Snapshot {
        let time = self.source.time();
        let at = time.now;
        let contacts = self.source.contacts();
        let (planner, silence) = (self.planner(), self.silence());
        let inner = self.inner();
        let known = inner.entries.values().flat_map(|entry| entry.tokens()).collect();
        // Whose tokens are whose is known once every credential of an account was looked at.
        let looked_at =
            |name| inner.entries.get(name).is_some_and(|one| one.member.looked_at.is_some());
        let pending = inner.accounts.iter().filter(|(name, _)| !looked_at(*name));
        let pending = pending.map(|(_, account)| account.as_str()).collect();
        let unmanaged = inner.strays.count(&known, &pending);
        let members = inner.entries.values().map(|entry| {
            let account = entry.member.username.canonical();
            entry.shown(time, unmanaged.get(&account).copied())
        });
        Snapshot {
            at,
            owner: self.owner.clone(),
            members: members.collect(),
            rotations: inner.history.to_vec(),
            unmanaged,
            contacts,
            configuration: inner.configuration.clone(),
            waiting: inner.waiting.clone(),
            fleets: inner.rules.clone(),
            planner,
            silence,
            workers: workers(),
            log_lines_dropped: log::dropped(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// (tests) A fleet without credentials.
#[cfg(test)]
pub(crate) fn nobody() -> Arc<Registry> {
    struct Nowhere;

    impl StatusSource for Nowhere {
        fn time(&self) -> Time {
            Timestamp::now().into()
        }

        fn contacts(&self) -> Contacts {
            Contacts::default()
        }
    }

    Arc::new(Registry::new("test".parse().unwrap(), Some(true), [], |_| true, Arc::new(Nowhere)))
}
