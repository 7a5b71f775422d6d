//! The daemon: looks at every credential when its time comes, a few at once, until it is told to stop.

mod backoff;
mod driver;
mod planner;
mod signals;
mod slot;
mod standing;
#[cfg(test)]
mod tests;
mod wakes;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::driver::LiveDriver;
use self::planner::{Planner, Rules};
pub use self::signals::shutdown_on_signals;
use self::wakes::Wakes;
use crate::config::Config;
use crate::fleet::Fleet;
use crate::live::Outside;
use crate::rotation::reminder::Reminder;
use crate::rotation::schedule::{Calendar, CronLine};
use crate::rotation::world::{Fault, FaultKind};

/// Why the daemon does not start. Once it runs, whatever fails is tried again.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// What the credentials need cannot be made ready.
    #[error("cannot prepare the stores, gates and verifiers")]
    Open(#[source] Fault),
    /// The operating system gives no signals.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

impl DaemonError {
    /// Whether trying again may help.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Open(fault) => fault.kind,
            Self::Signals(_) => FaultKind::Permanent,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open(fault) => fault.hint.clone(),
            Self::Signals(_) => None,
        }
    }
}

/// A daemon that has what it needs and rotates nothing yet.
pub struct Daemon {
    config: Arc<Config>,
    outside: Arc<Outside>,
    fleet: Arc<Fleet>,
}

impl Daemon {
    /// Makes everything ready that the credentials need; contacts nobody.
    pub async fn open(config: Arc<Config>) -> Result<Self, DaemonError> {
        let outside = Outside::open(config.clone()).await.map_err(DaemonError::Open)?;
        let outside = Arc::new(outside);
        let fleet = Arc::new(Fleet::new(&config, outside.clone()));
        Ok(Self { config, outside, fleet })
    }

    /// How the credentials stand, for whoever shows it.
    pub fn fleet(&self) -> Arc<Fleet> {
        self.fleet.clone()
    }

    /// Keeps every configured credential rotated until `shutdown` is cancelled. Then it begins nothing, lets the steps
    /// in hand finish for at most `daemon.shutdown_grace`, and says which rotations it leaves for the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { config, outside, fleet } = self;
        let rules = Rules {
            concurrency: config.daemon.concurrency,
            sweep: config.daemon.sweep,
            shutdown_grace: config.daemon.shutdown_grace,
        };
        let mut planner = Planner::new(rules, fleet.clone(), shutdown.clone());
        for (name, credential) in &config.credentials {
            if let Some(world) = outside.world(name, shutdown.clone()) {
                let subject = crate::live::subject(&config, credential);
                planner.add(
                    name.clone(),
                    LiveDriver {
                        world,
                        subject,
                        fleet: fleet.clone(),
                        reminder: Reminder::default(),
                    },
                );
            }
        }
        let wakes = Wakes::start(cron_lines(&config), outside.now(), planner.waker()).await;
        tracing::info!(
            credentials = config.credentials.len(),
            schedules = schedules(&config),
            "daemon ready"
        );
        let unfinished = planner.run(&|| outside.now()).await;
        wakes.stop().await;
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

fn cron_lines(config: &Config) -> impl Iterator<Item = &CronLine> {
    calendars(config).filter_map(|calendar| match calendar {
        Calendar::Cron(line) => Some(&**line),
        Calendar::Every(_) | Calendar::ExpiryOnly => None,
    })
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
