//! SIGTERM and SIGINT: the first asks for an orderly stop, the second ends at once. SIGHUP asks for a reload.

use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use crate::consumers::command;
use crate::log;

/// What was logged before a second signal is written for so long.
const LAST_LINES: Duration = Duration::from_millis(100);

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process with the exit code that a
/// shell expects of a killed one; like any crash, that loses nothing.
///
/// They are listened for by a thread of its own: whatever holds the others up, a second signal ends the process.
pub fn shutdown_on_signals() -> Result<CancellationToken, DaemonError> {
    let runtime =
        Builder::new_current_thread().enable_io().build().map_err(DaemonError::Signals)?;
    let (mut terminate, mut interrupt) = {
        let _within = runtime.enter();
        let listen = |kind| signal(kind).map_err(DaemonError::Signals);
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?)
    };
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let follow = async move {
        let asked = either(&mut terminate, &mut interrupt).await;
        // First: what is logged may never be read.
        token.cancel();
        tracing::info!(signal = asked.name, "shutdown began");
        let asked = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = asked.name, "ended at once");
        log::flush(LAST_LINES);
        command::kill_all();
        end(&asked);
    };
    let listener = thread::Builder::new().name("signals".to_owned());
    listener.spawn(move || runtime.block_on(follow)).map_err(DaemonError::Signals)?;
    Ok(shutdown)
}

/// SIGHUP, which from now on ends nothing and asks for the configuration to be read again.
pub fn reload_signal() -> Result<Signal, DaemonError> {
    signal(SignalKind::hangup()).map_err(DaemonError::Signals)
}

struct Asked {
    name: &'static str,
    exit_code: i32,
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> Asked {
    tokio::select! {
        _ = terminate.recv() => Asked { name: "SIGTERM", exit_code: 128 + 15 },
        _ = interrupt.recv() => Asked { name: "SIGINT", exit_code: 128 + 2 },
    }
}

#[expect(clippy::exit, reason = "whoever signals twice does not want to wait for anything")]
fn end(asked: &Asked) {
    std::process::exit(asked.exit_code)
}
