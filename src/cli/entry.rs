//! From the arguments to the exit code.

use std::process::ExitCode as Status;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::complaint::{self, Complaint};
use super::{Arguments, Command, ExitCode, demo, log, roll_back, rotate_now, sandbox};
use crate::config::{self, Config};

/// Runs the program.
pub fn main() -> Status {
    let arguments = Arguments::parse();
    let result = run(&arguments);
    result.unwrap_or_else(|error| complaint::print(&error)).into()
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    config::refuse_dangerous_environment(|name| std::env::var_os(name))
        .map_err(|error| Complaint::of(&error, ExitCode::Usage, error.hint()))?;
    log::start(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(Box::pin(dispatch(arguments)));
    // A blocking call that hangs, on a dead network file system say, must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

async fn dispatch(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.output;
    match &arguments.command {
        Command::Sandbox(options) => sandbox::sandbox(options.clone(), stop_on_signal()?).await,
        Command::Demo => demo::demo(stop_on_signal()?).await,
        Command::RotateNow(rotation) => {
            rotate_now::rotate_now(load(arguments)?, rotation, output, stop_on_signal()?).await
        }
        Command::RollBack(names) => {
            roll_back::roll_back(load(arguments)?, names, output, stop_on_signal()?).await
        }
        Command::Run => daemon(load(arguments)?).await,
        Command::Plan(names) => super::plan::plan(load(arguments)?, names, output).await,
        Command::Status(names) => super::status::status(load(arguments)?, names, output).await,
        Command::Check(depth) => super::check::check(load(arguments)?, depth, output).await,
        Command::Account(deed) => super::account::account(read(arguments)?, deed, output).await,
        Command::Token(deed) => super::token::token(read(arguments)?, deed, output).await,
        Command::Duckling(deed) => super::duckling::duckling(read(arguments)?, deed, output).await,
        Command::Dive(deed) => super::dive::dive(read(arguments)?, deed, output).await,
        Command::Adopt(adoption) => super::adopt::adopt(load(arguments)?, adoption, output).await,
    }
}

fn load(arguments: &Arguments) -> Result<Arc<Config>, Complaint> {
    let config = read(arguments)?;
    for warning in &config.warnings {
        tracing::warn!(warning = %warning, "configuration is unwise");
    }
    Ok(config)
}

/// Without warnings, for commands that have no use for credentials.
fn read(arguments: &Arguments) -> Result<Arc<Config>, Complaint> {
    let files = arguments.config_files(std::env::var_os("PINTAIL_CONFIG"));
    Config::load(&files, config::environment())
        .map(Arc::new)
        .map_err(|error| Complaint::of(&error, ExitCode::Usage, error.hint()))
}

async fn daemon(config: Arc<Config>) -> anyhow::Result<ExitCode> {
    rotate_now::ensure_admin_token(&config)?;
    crate::daemon::run(config, stop_on_signal()?)
        .await
        .map_err(|error| Complaint::of(&error, ExitCode::Usage, error.hint()))?;
    Ok(ExitCode::Settled)
}

/// A token that is cancelled by SIGTERM or SIGINT: the step in hand is finished, and no further one is begun.
pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutdown requested");
        stopped.cancel();
    });
    Ok(stop)
}
