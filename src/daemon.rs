//! The daemon: looks at every credential when its time comes, a few at once, until it is told to stop.

mod backoff;
mod current;
mod driver;
mod list_clock;
mod muster;
mod notice;
mod pending;
mod permit;
mod planner;
mod queue;
mod reload;
mod signals;
mod supervisor;
#[cfg(test)]
mod tests;
mod wakes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use self::current::Current;
use self::driver::drivers;
use self::muster::Muster;
use self::planner::{Planner, Rules};
use self::reload::{Followed, Reloader, Started};
pub use self::signals::{reload_signal, shutdown_on_signals};
pub use self::supervisor::Supervisor;
use self::wakes::Wakes;
use crate::config::{Config, Files, Fingerprint};
use crate::engine::{self, Engine};
use crate::fault::{Diagnostic, Fault, FaultKind};
use crate::notifications::{self, Notifier, Sinks};
use crate::rotation::schedule::Calendar;
use crate::status::Registry;
use crate::workers;

/// So long a stop waits for notifications to be delivered, once the steps in hand have ended.
const NOTIFYING: Duration = Duration::from_secs(3);

/// Why the daemon does not start. Once it runs, whatever fails is tried again.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// What the credentials need cannot be made ready.
    #[error("cannot prepare the stores, gates and verifiers")]
    Open(#[source] Fault),
    /// A sink cannot be made ready.
    #[error("cannot prepare the notifications")]
    Notifications(#[source] notifications::SetupError),
    /// The operating system gives no signals.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

impl Diagnostic for DaemonError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Open(fault) => fault.kind,
            Self::Notifications(error) => error.kind(),
            Self::Signals(_) => FaultKind::Permanent,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Open(fault) => fault.hint.clone(),
            Self::Notifications(_) | Self::Signals(_) => None,
        }
    }
}

/// A daemon that has what it needs and rotates nothing yet.
pub struct Daemon {
    current: Arc<Current>,
    fleet: Arc<Registry>,
    sinks: Sinks,
    followed: Option<Followed>,
    supervisor: Supervisor,
}

impl Daemon {
    /// Makes everything ready that the credentials need; contacts nobody.
    pub async fn open(config: Arc<Config>) -> Result<Self, DaemonError> {
        let sinks = Sinks::open(&config.notifications).map_err(DaemonError::Notifications)?;
        let engine = Engine::open(config.clone()).await.map_err(DaemonError::Open)?;
        let current = Arc::new(Current::new(Arc::new(engine)));
        let fleet = Arc::new(engine::fleet(&config, |_| true, current.clone()));
        Ok(Self { current, fleet, sinks, followed: None, supervisor: Supervisor::default() })
    }

    /// Makes the daemon read its configuration again at each `hangup`, and when `files` no longer hold what they held
    /// `as_of` the reading that it was opened with.
    #[must_use]
    pub fn following(mut self, files: Files, as_of: Fingerprint, hangup: Signal) -> Self {
        self.followed = Some(Followed { files, as_of, hangup });
        self
    }

    /// Makes the daemon tell `supervisor` how it stands.
    #[must_use]
    pub fn supervised_by(mut self, supervisor: Supervisor) -> Self {
        self.supervisor = supervisor;
        self
    }

    /// How the credentials stand, for whoever shows it.
    pub fn fleet(&self) -> Arc<Registry> {
        self.fleet.clone()
    }

    /// Keeps every configured credential rotated until `shutdown` is cancelled. Then it begins nothing, lets the steps
    /// in hand finish for at most `daemon.shutdown_grace`, and says which rotations it leaves for the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { current, fleet, sinks, followed, supervisor } = self;
        let engine = current.get();
        let config = engine.config.clone();
        let mut planner = Planner::new(Rules::of(&config), fleet.clone(), shutdown.clone())
            .supervised_by(supervisor.clone());
        for (name, driver) in drivers(&engine, &fleet, &shutdown) {
            planner.add(name, driver);
        }
        let notifier = Notifier::start(sinks, fleet.clone());
        let wakes = Wakes::start(&config, engine.now(), planner.waker()).await;
        // A reload lets go of what it replaces.
        drop(engine);
        tracing::info!(
            credentials = config.credentials.len(),
            schedules = schedules(&config),
            "daemon ready"
        );
        supervisor.ready(&fleet);
        let lineups = planner.lineups();
        let follow = async {
            match followed {
                Some(followed) => {
                    let reloader = Reloader {
                        followed,
                        started: Started {
                            server: config.server.clone(),
                            notifications: config.notifications.clone(),
                            dumpable: config.daemon.dumpable,
                        },
                        current: current.clone(),
                        fleet: fleet.clone(),
                        planner: lineups,
                        wakes,
                        muster: Muster::new(config.clone()),
                        supervisor: supervisor.clone(),
                        shutdown,
                    };
                    let reloader = Mutex::new(reloader);
                    let following = tokio::spawn(async move {
                        let follow = || async { reloader.lock().await.run().await };
                        workers::keep("reload", follow).await;
                        reloader.into_inner().wakes
                    });
                    following.await.ok()
                }
                None => Some(wakes),
            }
        };
        let clock = || current.get().now();
        let (unfinished, wakes) = tokio::join!(planner.run(&clock), follow);
        if let Some(wakes) = wakes {
            wakes.stop().await;
        }
        // Side by side: whoever is told that this program ends waits for all of it together.
        let engine = current.get();
        tokio::join!(engine.telemetry.flush(), notifier.close(NOTIFYING));
        drop(engine);
        supervisor.stopped(unfinished.len());
        tracing::info!(unfinished = unfinished.len(), "daemon stopped");
    }
}

/// Opens a daemon and runs it, without anybody who shows how it stands.
pub async fn run(config: Arc<Config>, shutdown: CancellationToken) -> Result<(), DaemonError> {
    Daemon::open(config).await?.run(shutdown).await;
    Ok(())
}

fn calendars(config: &Config) -> impl Iterator<Item = &Calendar> {
    config.credentials.values().map(|credential| credential.policy.schedule.calendar())
}

/// How many different schedules there are.
fn schedules(config: &Config) -> usize {
    let distinct: BTreeSet<_> = calendars(config)
        .filter_map(|calendar| match calendar {
            Calendar::Cron(line) => {
                let zone = line.zone().iana_name().unwrap_or_default();
                Some((line.as_str().to_owned(), zone.to_owned()))
            }
            Calendar::Every(period) => Some((period.as_secs().to_string(), String::new())),
            Calendar::ExpiryOnly => None,
        })
        .collect();
    distinct.len()
}
