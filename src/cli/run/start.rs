//! The start of the daemon: what may pass by itself is waited for, and only what cannot ends it.
//!
//! A file on a mount that hangs holds up a thread of its own and nothing else: the signal to stop is always heard.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::signal::unix::Signal;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::listening::cli_error;
use crate::cli::error::CliError;
use crate::cli::{ExitCode, check, selection};
use crate::config::{Config, Files, Fingerprint};
use crate::daemon::{Daemon, Supervisor};
use crate::engine;
use crate::fault::{Diagnostic, FaultKind};
use crate::motherduck::settings::AdminToken;
use crate::rotation::time::Time;
use crate::server::{Door, Server};
use crate::status::{Contacts, Registry, StatusSource};
use crate::workers::Panicked;

/// The pause after the first try, which doubles, and the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(4);
/// So long a try may take before it is told of: a mount that hangs gives no error.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is still waited for is told again after this time.
const REMIND: Duration = Duration::from_mins(5);

/// What the daemon begins with.
pub(super) struct Ready {
    pub(super) config: Arc<Config>,
    pub(super) as_of: Fingerprint,
    pub(super) daemon: Daemon,
    /// Where it is listened, if it was while the start waited.
    pub(super) door: Option<Door>,
}

/// A start, as far as it has come.
pub(super) struct Start {
    files: Files,
    supervisor: Supervisor,
    front: Option<Front>,
    told: Option<(String, Instant)>,
}

/// The server of a daemon that is not there yet.
struct Front {
    as_of: Fingerprint,
    fleet: Arc<Registry>,
    door: Door,
    server: Server,
}

struct Prepared {
    config: Arc<Config>,
    as_of: Fingerprint,
    daemon: Daemon,
}

/// Why a try came to nothing.
struct DeliveryError {
    kind: FaultKind,
    error: CliError,
    /// The configuration, where it could be read.
    config: Option<(Arc<Config>, Fingerprint)>,
}

impl Start {
    pub(super) fn new(files: Files, supervisor: Supervisor) -> Self {
        Self { files, supervisor, front: None, told: None }
    }

    /// Tries until the daemon has all that it begins with; `None` if it was told to stop before. A `hangup` asks for
    /// another try at once.
    pub(super) async fn ready(
        mut self,
        hangup: &mut Signal,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<Option<Ready>> {
        let began = Instant::now();
        let mut pause = FIRST;
        loop {
            let files = self.files.clone();
            let runtime = Handle::current();
            let trying = spawn_blocking(move || prepare(&files, &runtime));
            let tried = self.patiently(trying, shutdown).await?;
            match tried {
                None => return Ok(None),
                Some(Ok(prepared)) => {
                    if self.told.is_some() {
                        let waited_ms = u64::try_from(began.elapsed().as_millis());
                        tracing::info!(waited_ms = waited_ms.unwrap_or(u64::MAX), "start goes on");
                    }
                    return Ok(Some(self.hand_over(prepared)));
                }
                Some(Err(failure)) if failure.kind == FaultKind::Permanent => {
                    return Err(failure.error.into());
                }
                Some(Err(failure)) => {
                    let CliError { message, hint, .. } = failure.error;
                    if let Some((config, as_of)) = &failure.config {
                        self.show(config, as_of, (&message, hint.as_deref())).await?;
                    }
                    self.tell(&message, hint.as_deref());
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                Some(()) = hangup.recv() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }

    /// What a try came to, however long it takes; `None` if the daemon was told to stop before.
    async fn patiently<T>(
        &mut self,
        mut trying: JoinHandle<T>,
        shutdown: &CancellationToken,
    ) -> Result<Option<T>, Panicked> {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                tried = &mut trying => return tried.map(Some).map_err(|_| Panicked),
                () = tokio::time::sleep(PATIENCE) => {
                    let named: Vec<_> =
                        self.files.named().iter().map(|path| path.display().to_string()).collect();
                    let message = format!("{}, or a file named there, does not answer", named.join(", "));
                    self.tell(&message, Some("look at its mount, or at who writes into the pipe"));
                }
            }
        }
    }

    /// Says what is waited for, everywhere where somebody may look.
    fn tell(&mut self, message: &str, hint: Option<&str>) {
        if let Some(front) = &self.front {
            front.fleet.waits(message, hint);
        }
        self.supervisor.waiting(message);
        let is_known =
            |(before, at): &(String, Instant)| before == message && at.elapsed() < REMIND;
        if !self.told.as_ref().is_some_and(is_known) {
            tracing::warn!(error = message, hint, "start waits for what may pass by itself");
            self.told = Some((message.to_owned(), Instant::now()));
        }
    }

    /// Answers where `config` says, as far as that is possible already, that something is waited for.
    async fn show(
        &mut self,
        config: &Arc<Config>,
        as_of: &Fingerprint,
        (message, hint): (&str, Option<&str>),
    ) -> Result<(), CliError> {
        let before = self.front.take();
        let Some(settings) = &config.server else { return Ok(()) };
        let door = match before {
            Some(front) if front.as_of == *as_of => {
                self.front = Some(front);
                return Ok(());
            }
            Some(front) => {
                let door = front.door.clone();
                drop(tokio::spawn(front.server.stop()));
                Some(door)
            }
            None => None,
        };
        let door = match door.filter(|door| door.settings() == settings) {
            Some(door) => door,
            None => match Door::open(settings).await {
                Ok(door) => door,
                Err(error) if error.kind() == FaultKind::Permanent && settings.is_asked_for => {
                    return Err(cli_error(&error));
                }
                // One thing after the other: what the daemon itself needs is waited for first.
                Err(_) => return Ok(()),
            },
        };
        let fleet = Arc::new(engine::fleet(config, |_| true, Arc::new(NotYet)));
        fleet.waits(message, hint);
        let server = door.serve(fleet.clone());
        self.front = Some(Front { as_of: as_of.clone(), fleet, door, server });
        Ok(())
    }

    fn hand_over(&mut self, prepared: Prepared) -> Ready {
        let Prepared { config, as_of, daemon } = prepared;
        let door = self.front.take().map(|front| {
            drop(tokio::spawn(front.server.stop()));
            front.door
        });
        let door = door.filter(|door| config.server.as_ref() == Some(door.settings()));
        Ready { config, as_of, daemon, door }
    }
}

/// One try, on a thread that may wait for files. Contacts nobody.
fn prepare(files: &Files, runtime: &Handle) -> Result<Prepared, DeliveryError> {
    let as_of = files.fingerprint();
    let config = files.load().map_err(|error| DeliveryError {
        kind: error.kind(),
        error: CliError::of(&error, ExitCode::Usage, error.hint()),
        config: None,
    })?;
    let config = Arc::new(config);
    let failure = |kind, error| {
        let config = Some((config.clone(), as_of.clone()));
        DeliveryError { kind, error, config }
    };
    if let AdminToken::Secret(source) = &config.motherduck.admin_token {
        source.read_token().map_err(|error| {
            let hint = Some(selection::admin_token_hint(source));
            let kind = FaultKind::passing_if(error.may_pass());
            failure(kind, CliError::of(&error, ExitCode::Usage, hint))
        })?;
    }
    let daemon = runtime
        .block_on(Daemon::open(config.clone()))
        .map_err(|error| failure(error.kind(), CliError::told(&error, ExitCode::Usage)))?;
    for warning in &config.warnings {
        tracing::warn!(warning = %warning, "configuration is unwise");
    }
    check::warn_of_modes(&config, files);
    Ok(Prepared { config, as_of, daemon })
}

/// What there is to see outside before anything was opened.
struct NotYet;

impl StatusSource for NotYet {
    fn time(&self) -> Time {
        Timestamp::now().into()
    }

    fn contacts(&self) -> Contacts {
        Contacts::default()
    }
}
