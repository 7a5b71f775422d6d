//! `pintail run`: the daemon, from its start to its end.

mod listening;
mod start;

use tokio_util::sync::CancellationToken;

use self::listening::Listening;
use self::start::{Ready, Start};
use super::ExitCode;
use crate::config::{Config, Files};
use crate::consumers::command::orphans;
use crate::daemon::{Supervisor, reload_signal, shutdown_on_signals};
use crate::process;

/// Runs the daemon until it is told to stop.
pub(super) async fn run(files: Files) -> anyhow::Result<ExitCode> {
    // Before anything else: without them, whoever asks for a reload too early ends the process, and nobody could end one
    // that waits.
    let mut hangup = reload_signal()?;
    let shutdown = shutdown_on_signals()?;
    let supervisor = Supervisor::of_environment();
    let start = Start::new(files.clone(), supervisor.clone());
    let Some(ready) = start.ready(&mut hangup, &shutdown).await? else {
        tracing::info!("daemon stopped before it had begun");
        return Ok(ExitCode::Settled);
    };
    let Ready { config, as_of, daemon, door } = ready;
    tell_pipes(&files);
    open_memory_if_asked(&config);
    let daemon = daemon.following(files, as_of, hangup).supervised_by(supervisor.clone());
    let listening =
        Listening::begin(door, config.server.as_ref(), daemon.fleet(), &supervisor, &shutdown)
            .await?;
    tokio::spawn(orphans::reap(CancellationToken::clone(&shutdown)));
    daemon.run(shutdown).await;
    // Last, so that whoever watches sees the daemon stop.
    listening.stop().await;
    Ok(ExitCode::Settled)
}

fn tell_pipes(files: &Files) {
    for pipe in files.pipes() {
        tracing::warn!(
            file = %pipe.display(),
            hint = "what it held stays in force until pintail is restarted; name a file where a reload is to see changes",
            "configuration read from a pipe, which can be read once only"
        );
    }
}

fn open_memory_if_asked(config: &Config) {
    if config.daemon.dumpable {
        let opened = process::open_memory();
        tracing::warn!(
            is_open = opened.is_ok(),
            hint = "set daemon.dumpable = false when you have what you wanted to know",
            "memory open to the same user's profilers, debuggers and hooks"
        );
    }
}
