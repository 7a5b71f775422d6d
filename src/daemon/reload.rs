//! Following the configuration: a changed one is read and checked first, then taken over, or refused without effect.
//!
//! Files are compared by their content every few seconds. That works on every mount, whether an editor replaces a file
//! or Kubernetes swaps the link to a whole directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::driver::{LiveDriver, drivers};
use super::muster::{Called, Muster};
use super::pending::{Changes, Pending};
use super::planner::Rules;
use super::supervisor::Supervisor;
use super::wakes::Wakes;
use crate::config::{Config, Files, Fingerprint};
use crate::engine::Engine;
use crate::fault::{Fault, chain};
use crate::motherduck::settings::AdminToken;
use crate::notifications::settings::Sink;
use crate::server::settings::Server;
use crate::status::Registry;
use crate::workers::Panicked;

/// How long after a refusal the same files are tried again: a certificate that they name may be there by then.
const AGAIN: Duration = Duration::from_mins(1);
/// So long files may take to be read before that is told: a mount that hangs gives no error.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is followed.
pub(super) struct Followed {
    pub(super) files: Files,
    /// What stood in them when they were last read.
    pub(super) as_of: Fingerprint,
    /// SIGHUP.
    pub(super) hangup: Signal,
}

/// What the daemon was started with and keeps.
pub(super) struct Started {
    pub(super) server: Option<Server>,
    pub(super) notifications: BTreeMap<String, Sink>,
    pub(super) dumpable: bool,
}

/// Keeps the daemon by its configuration.
pub(super) struct Reloader {
    pub(super) followed: Followed,
    /// For what only a start brings into force.
    pub(super) started: Started,
    pub(super) current: Arc<Current>,
    pub(super) fleet: Arc<Registry>,
    pub(super) planner: mpsc::Sender<Pending<LiveDriver>>,
    pub(super) wakes: Wakes,
    pub(super) muster: Muster,
    pub(super) supervisor: Supervisor,
    pub(super) shutdown: CancellationToken,
}

/// Why a configuration is not taken over.
#[derive(PartialEq, Eq)]
struct Refusal {
    message: String,
    hint: Option<String>,
}

impl Refusal {
    /// Whether nothing is wrong with the configuration: this process has too many files open to read it.
    fn is_of_this_process(&self) -> bool {
        // EMFILE and ENFILE, as the standard library shows them at the end of a chain of errors.
        ["(os error 24)", "(os error 23)"].iter().any(|error| self.message.contains(error))
    }
}

/// The latest attempt that was refused.
struct Refused {
    refusal: Refusal,
    at: Instant,
}

impl Reloader {
    /// Follows until the shutdown.
    pub(super) async fn run(&mut self) {
        // A file that is being written changes again. Only what has held still from one look to the next is read.
        let mut moving = None;
        let mut refused: Option<Refused> = None;
        // What happens meanwhile must not put the next look off.
        let mut looked = Instant::now();
        loop {
            let watch = self.current.get().config.daemon.watch;
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                Some(()) = self.followed.hangup.recv() => {
                    tracing::info!(signal = "SIGHUP", "reload began");
                    refused = self.reload(None).await;
                }
                called = self.muster.called(&self.current) => self.take_in(called).await,
                () = tokio::time::sleep(watch.saturating_sub(looked.elapsed())) => {
                    looked = Instant::now();
                    self.muster.look_at_files().await;
                    let Some(now) = self.look().await else { continue };
                    let is_new = now != self.followed.as_of;
                    let is_still = moving.as_ref() == Some(&now);
                    moving = is_new.then_some(now);
                    let is_time = refused.as_ref().is_some_and(|refused| refused.at.elapsed() >= AGAIN);
                    if is_new && is_still {
                        refused = self.reload(None).await;
                    } else if !is_new && is_time {
                        refused = self.reload(refused.take()).await;
                    }
                }
            }
        }
    }

    async fn look(&self) -> Option<Fingerprint> {
        let files = self.followed.files.clone();
        self.patiently(spawn_blocking(move || files.look())).await?.ok().flatten()
    }

    /// What a thread comes to that may wait for files; `None` if the daemon was told to stop before.
    async fn patiently<T>(&self, mut work: JoinHandle<T>) -> Option<Result<T, Panicked>> {
        let mut is_late = false;
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return None,
                done = &mut work => return Some(done.map_err(|_| Panicked)),
                () = tokio::time::sleep(PATIENCE), if !is_late => {
                    is_late = true;
                    let named = self.followed.files.named().iter();
                    let files: Vec<_> = named.map(|path| path.display().to_string()).collect();
                    tracing::warn!(
                        files = files.join(", "),
                        hint = "look at its mount; until then the configuration stays as it is",
                        "configuration does not answer"
                    );
                }
            }
        }
    }

    /// Reads and takes over what stands in the files, or refuses it; `before` is known to people already.
    async fn reload(&mut self, before: Option<Refused>) -> Option<Refused> {
        if before.is_none() {
            self.supervisor.reloading(&self.fleet);
            for pipe in self.followed.files.pipes() {
                tracing::warn!(
                    file = %pipe.display(),
                    hint = "restart pintail for what it would hold now, or name a file instead",
                    "pipe not read again: what it held at the start stays in force"
                );
            }
        }
        // First, so that what changes meanwhile is seen as a change.
        if let Some(now) = self.look().await {
            self.followed.as_of = now;
        }
        let read = self.read().await;
        let refused = match read {
            // It was told to stop.
            None => return None,
            Some(Ok((base, engine))) => {
                self.take_over(base, engine).await;
                None
            }
            Some(Err(refusal)) => {
                if before.as_ref().is_none_or(|before| before.refusal != refusal) {
                    self.refuse(&refusal);
                }
                Some(Refused { refusal, at: Instant::now() })
            }
        };
        if before.is_none() || refused.is_none() {
            self.supervisor.ready(&self.fleet);
        }
        refused
    }

    /// The outside as the files ask for it, with the same checks as at a start. Contacts nobody.
    async fn read(&self) -> Option<Result<(Arc<Config>, Engine), Refusal>> {
        let (files, before) = (self.followed.files.clone(), self.current.get());
        let panicked = |error| Refusal { message: chain(&error), hint: None };
        let read = {
            let before = before.clone();
            spawn_blocking(move || reread(&files, &before))
        };
        let base = match self.patiently(read).await?.map_err(panicked).flatten() {
            Ok(base) => base,
            Err(refusal) => return Some(Err(refusal)),
        };
        let config = self.muster.enlist(&base);
        let runtime = Handle::current();
        let opened = spawn_blocking(move || runtime.block_on(before.reopen(config)));
        let opened = self.patiently(opened).await?.map_err(panicked);
        let refuse = |fault: Fault| Refusal { message: fault.message, hint: fault.hint };
        Some(opened.and_then(|opened| Ok((base, opened.map_err(refuse)?))))
    }

    async fn take_over(&mut self, base: Arc<Config>, engine: Engine) {
        let config = engine.config.clone();
        for warning in &config.warnings {
            tracing::warn!(warning = %warning, "configuration is unwise");
        }
        self.muster.follow(base);
        let Some(changes) = self.hand_over(engine).await else { return };
        let needs_restart = self.started.needs_restart(&config);
        if !needs_restart.is_empty() {
            let keys = needs_restart.join(", ");
            tracing::warn!(
                keys,
                hint = "restart pintail",
                "configuration in force but for what needs a restart"
            );
        }
        self.fleet.reconfigured(needs_restart);
        tracing::info!(
            credentials = config.credentials.len(),
            added = changes.added,
            changed = changes.changed,
            removed = changes.removed,
            "configuration reloaded"
        );
    }

    /// Hands the credentials to the planner; `None` where it stops and takes nothing over.
    async fn hand_over(&mut self, engine: Engine) -> Option<Changes> {
        let engine = Arc::new(engine);
        let config = engine.config.clone();
        let (taken, changes) = oneshot::channel();
        let drivers = drivers(&engine, &self.fleet, &self.shutdown);
        self.current.set(engine);
        let lineup = Pending { rules: Rules::of(&config), drivers, taken };
        self.planner.send(lineup).await.ok()?;
        let changes = changes.await.ok()?;
        self.wakes.restart(&config, self.fleet.now()).await;
        Some(changes)
    }

    /// Takes in what a roll call came to.
    async fn take_in(&mut self, called: Called) {
        let Called { standings, config } = called;
        self.fleet.called(standings);
        let Some(config) = config else { return };
        let engine = match self.current.get().reopen(config).await {
            Ok(engine) => engine,
            Err(fault) => {
                let Fault { message, hint, .. } = fault;
                tracing::error!(error = message, hint, "members of fleets not taken over");
                self.muster.again();
                return;
            }
        };
        self.muster.is_in_force();
        let Some(changes) = self.hand_over(engine).await else { return };
        tracing::info!(added = changes.added, removed = changes.removed, "fleets changed");
    }

    fn refuse(&self, refusal: &Refusal) {
        let Refusal { message, hint } = refusal;
        if refusal.is_of_this_process() {
            let retry_in_ms = u64::try_from(AGAIN.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(error = message, retry_in_ms, "configuration not read");
            return;
        }
        tracing::error!(error = message, hint, "configuration refused");
        self.fleet.refused(message.clone(), hint.clone());
    }
}

/// What `files` ask for now, on a thread that may wait for them.
fn reread(files: &Files, before: &Engine) -> Result<Arc<Config>, Refusal> {
    let config = files
        .load_again()
        .map_err(|error| Refusal { message: one_line(&chain(&error)), hint: error.hint() })?;
    if config.owner != before.config.owner {
        return Err(Refusal {
            message: format!(
                "owner: this is {} where pintail runs as {}, and cannot change while it runs",
                config.owner, before.config.owner
            ),
            hint: Some("restart pintail to run it as another deployment".to_owned()),
        });
    }
    if let AdminToken::Secret(source) = &config.motherduck.admin_token {
        source.read_token().map_err(|error| Refusal { message: chain(&error), hint: None })?;
    }
    Ok(Arc::new(config))
}

/// All problems on one line, for the log and the status page.
fn one_line(message: &str) -> String {
    message.replacen("\n  ", ": ", 1).replace("\n  ", "; ")
}

impl Started {
    /// The keys that are otherwise in `now`.
    fn needs_restart(&self, now: &Config) -> Vec<&'static str> {
        let server = match (&self.server, &now.server) {
            (Some(started), Some(now)) => vec![
                ("server.listen", started.listen != now.listen),
                ("server.hosts", started.hosts != now.hosts),
                ("server.credential_label", started.credential_label != now.credential_label),
                ("server.unreachable_after", started.unreachable_after != now.unreachable_after),
            ],
            (None, None) => vec![],
            (Some(_), None) | (None, Some(_)) => vec![("server.enabled", true)],
        };
        let notifications = ("notifications", self.notifications != now.notifications);
        let dumpable = ("daemon.dumpable", self.dumpable != now.daemon.dumpable);
        let keys = server.into_iter().chain([notifications, dumpable]);
        keys.filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;

    fn refusal(number: i32) -> Refusal {
        let source = std::io::Error::from_raw_os_error(number);
        let error = ConfigError::ReadFile { path: "/etc/pintail/pintail.toml".into(), source };
        Refusal { message: one_line(&chain(&error)), hint: error.hint() }
    }

    #[test]
    fn too_many_open_files_are_no_fault_of_the_configuration() {
        assert!(refusal(nix::libc::EMFILE).is_of_this_process());
        assert!(refusal(nix::libc::ENFILE).is_of_this_process());
        assert!(!refusal(nix::libc::EACCES).is_of_this_process());
    }
}
