//! `pintail sandbox`: the stand-in for MotherDuck, until it is stopped.

use std::io::Write;

use tokio_util::sync::CancellationToken;

use super::ExitCode;
use super::error::CliError;
use crate::sandbox::{self, Options};

/// Starts it, prints one JSON line when it is ready, and waits.
pub(super) async fn sandbox(options: Options, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let sandbox =
        sandbox::start(options).await.map_err(|error| CliError::told(&error, ExitCode::Usage))?;
    {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, sandbox.ready())?;
        writeln!(out)?;
        out.flush()?;
    }
    stop.cancelled().await;
    sandbox.stop().await;
    Ok(ExitCode::Settled)
}
