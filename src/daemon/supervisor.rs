//! What the service manager is told, in the protocol of `sd_notify(3)`: that the daemon is ready, how it stands, that
//! its loop turns. Without a service manager nothing is said.

use std::env;
use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::{NotifyState, watchdog_enabled};

use crate::status::{Registry, Snapshot};

/// Between two texts for people.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// So much longer than usual a start may take that waits for something; it says so again and again.
const MORE_TIME: Duration = Duration::from_mins(1);
/// What a stop needs at most beyond `daemon.shutdown_grace`: traces and notifications (3 s), the answers in hand of the
/// status page and the Vault tokens that are given back (3 s), calls that hang (2 s), and the last lines of the log (1 s).
const STOP_ALLOWANCE: Duration = Duration::from_secs(10);

/// The service manager that started this process, if one did that wants to know.
#[derive(Clone, Default)]
pub struct Supervisor(Option<Arc<Line>>);

struct Line {
    socket: UnixDatagram,
    /// How long it waits for a sign of life.
    watchdog: Option<Duration>,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    alive: Option<Instant>,
    status: Option<(Instant, String)>,
}

impl Supervisor {
    /// As the environment names it.
    pub fn of_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let watchdog = watchdog_enabled().filter(|limit| !limit.is_zero());
        match connect(&name) {
            Ok(socket) => Self(Some(Arc::new(Line { socket, watchdog, said: Mutex::default() }))),
            Err(error) => {
                tracing::warn!(%error, "service manager not reached");
                Self::default()
            }
        }
    }

    /// The longest that it is to be left without a sign of life.
    pub(super) fn patience(&self) -> Option<Duration> {
        let line = self.0.as_ref()?;
        Some(line.watchdog.map_or(STATUS_EVERY, |limit| limit / 3).min(STATUS_EVERY))
    }

    /// The planner's loop turns.
    pub(super) fn beat(&self, fleet: &Registry) {
        let Some(line) = &self.0 else { return };
        let (is_silent, is_stale) = {
            let mut said = line.said.lock().unwrap_or_else(PoisonError::into_inner);
            let patience = self.patience().unwrap_or(STATUS_EVERY);
            let is_silent =
                line.watchdog.is_some() && said.alive.is_none_or(|at| at.elapsed() >= patience / 2);
            if is_silent {
                said.alive = Some(Instant::now());
            }
            let is_old = |(at, _): &(Instant, String)| at.elapsed() >= STATUS_EVERY;
            (is_silent, said.status.as_ref().is_none_or(is_old))
        };
        if is_silent {
            self.say(&[NotifyState::Watchdog]);
        }
        if is_stale {
            let snapshot = fleet.snapshot();
            if snapshot.waiting.is_some() {
                self.ask_for_time();
            }
            self.tell(&summary(&snapshot));
        }
    }

    /// The daemon works by a configuration, the first or another one.
    pub fn ready(&self, fleet: &Registry) {
        if self.0.is_some() {
            let snapshot = fleet.snapshot();
            // Whoever waits for the start waits for all of it.
            if snapshot.waiting.is_some() {
                self.ask_for_time();
            } else {
                self.say(&[NotifyState::Ready]);
            }
            self.tell(&summary(&snapshot));
        }
    }

    /// The start waits for something that may pass by itself.
    pub fn waiting(&self, message: &str) {
        self.ask_for_time();
        self.tell(&format!("waiting: {}", one_line(message)));
    }

    fn ask_for_time(&self) {
        self.say(&[more_time(MORE_TIME)]);
    }

    /// The daemon reads its configuration again.
    pub(super) fn reloading(&self, fleet: &Registry) {
        if fleet.waiting().is_some() {
            return;
        }
        // systemd tells by the time whether this is the reload that it asked for.
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        self.say(&[NotifyState::Reloading, now]);
    }

    /// The daemon was told to stop, and waits for the steps in hand for as long as `grace`.
    pub(super) fn stopping(&self, grace: Duration) {
        self.say(&[NotifyState::Stopping, more_time(grace.saturating_add(STOP_ALLOWANCE))]);
        self.tell("stopping: waiting for the steps in hand");
    }

    /// The daemon stops for good, and leaves so many rotations to the next start.
    pub(super) fn stopped(&self, unfinished: usize) {
        self.tell(&match unfinished {
            0 => "stopped, with nothing unfinished".to_owned(),
            1 => "stopped: the next start goes on with 1 rotation".to_owned(),
            more => format!("stopped: the next start goes on with {more} rotations"),
        });
    }

    /// A text for people, unless it is the one that they have.
    fn tell(&self, status: &str) {
        let Some(line) = &self.0 else { return };
        let before = {
            let mut said = line.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.status.replace((Instant::now(), status.to_owned()))
        };
        if before.is_none_or(|(_, before)| before != status) {
            self.say(&[NotifyState::Status(status)]);
        }
    }

    /// A service manager that does not listen is no reason to stop, or to wait: `sd_notify::notify` would, and it knows
    /// no names that stand in no file system.
    fn say(&self, states: &[NotifyState<'_>]) {
        let Some(line) = &self.0 else { return };
        let message = states.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if let Err(error) = line.socket.send(message.as_bytes()) {
            tracing::debug!(%error, "service manager not told");
        }
    }
}

/// That a start or a stop may take so much longer.
fn more_time(time: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn connect(name: &OsStr) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address(name)?)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A path, or a name behind an `@` that stands in no file system.
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let [b'@', name @ ..] = name.as_encoded_bytes() {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

/// How the fleet stands, in one line.
fn summary(snapshot: &Snapshot) -> String {
    let states = snapshot.states().into_iter().rev().filter(|(_, count)| *count > 0);
    let states: Vec<_> =
        states.map(|(state, count)| format!("{count} {}", state.label())).collect();
    let credentials = match snapshot.members.len() {
        0 => "no credentials".to_owned(),
        1 => format!("1 credential: {}", states.join(", ")),
        more => format!("{more} credentials: {}", states.join(", ")),
    };
    let refused = snapshot.configuration.refused.is_some();
    let refused = if refused { "; the changed configuration was refused, see the log" } else { "" };
    let waiting = snapshot.waiting.as_ref();
    let waiting = waiting.map(|one| format!("; the start waits: {}", one_line(&one.message)));
    format!("{credentials}{refused}{}", waiting.unwrap_or_default())
}
