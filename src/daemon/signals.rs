//! SIGTERM and SIGINT: the first asks for an orderly stop, the second ends at once. SIGHUP asks for a reload.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::DaemonError;

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process with the exit code that a
/// shell expects of a killed one; like any crash, that loses nothing.
pub fn shutdown_on_signals() -> Result<CancellationToken, DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        let asked = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = asked.name, "shutdown began");
        token.cancel();
        let asked = either(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = asked.name, "ended at once");
        end(&asked);
    });
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
