//! `pintail sandbox`: the stand-in for MotherDuck, until it is stopped.

pub(super) mod consumers;

use std::io::Write;

use tokio_util::sync::CancellationToken;

use self::consumers::Consumers;
use super::error::CliError;
use super::{ExitCode, Sandbox};
use crate::sandbox;

/// Starts it, prints one JSON line when it is ready, and waits.
pub(super) async fn sandbox(wanted: &Sandbox, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let sandbox = sandbox::start(wanted.options.clone())
        .await
        .map_err(|error| CliError::told(&error, ExitCode::Usage))?;
    let ready = sandbox.ready();
    let consumers = match &wanted.consumers {
        Some(secrets) => {
            let unhealthy_while = wanted.consumers_unhealthy_while.clone();
            let address = wanted.consumers_listen;
            Some(Consumers::start(secrets, ready, address, unhealthy_while).await?)
        }
        None => None,
    };
    {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, ready)?;
        writeln!(out)?;
        out.flush()?;
    }
    stop.cancelled().await;
    drop(consumers);
    sandbox.stop().await;
    Ok(ExitCode::Settled)
}
