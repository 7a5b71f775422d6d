//! From the arguments to the exit code.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode as Status;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use super::error::{self, CliError};
use super::{
    Account, Arguments, CheckDepth, Command, ExitCode, demo, log, muster, roll_back, rotate_now,
    sandbox,
};
use crate::config::{self, Config, Files};
use crate::daemon::shutdown_on_signals;
use crate::engine::Purpose;
use crate::process;
use crate::stores;

/// The exit code of a program that panicked, as Rust has it.
const PANICKED: u8 = 101;
/// So long the end of the program waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Runs the program.
pub fn main() -> Status {
    let arguments = Arguments::parse();
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| run(&arguments)));
    let status = match result {
        Ok(Ok(code)) => code.into(),
        Ok(Err(error)) => error::print(&error).into(),
        // What it was is in the log.
        Err(_) => Status::from(PANICKED),
    };
    crate::log::flush(LAST_LINES);
    status
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    config::refuse_dangerous_environment(|name| std::env::var_os(name))
        .map_err(|error| CliError::of(&error, ExitCode::Usage, error.hint()))?;
    log::start(arguments)?;
    process::raise_descriptor_limit();
    process::keep_memory_private();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(Box::pin(async {
        let result = Box::pin(dispatch(arguments)).await;
        stores::logged_out().await;
        result
    }));
    // A blocking call that hangs, on a dead network file system say, must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

async fn dispatch(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.output;
    match &arguments.command {
        Command::Init(wanted) => {
            Box::pin(super::init::init(wanted, &arguments.config, output)).await
        }
        Command::Sandbox(wanted) => sandbox::sandbox(wanted, shutdown_on_signals()?).await,
        Command::Completions(wanted) => super::completions::completions(wanted),
        Command::Man(wanted) => super::man::man(wanted),
        Command::Schema => super::schema::schema(),
        Command::Demo => demo::demo(shutdown_on_signals()?).await,
        Command::RotateNow(rotation) => {
            let mustered = muster::for_rotation(load(arguments)?, rotation).await?;
            let config = mustered.config.clone();
            let code = rotate_now::rotate_now(config, rotation, output).await?;
            Ok(mustered.end(code))
        }
        Command::RollBack(wanted) => {
            let names = std::slice::from_ref(&wanted.name);
            let mustered = muster::for_names(load(arguments)?, names, Purpose::Look).await?;
            roll_back::roll_back(mustered.config, wanted, output).await
        }
        Command::Run => super::run::run(files(arguments)).await,
        Command::Plan(wanted) => {
            let mustered = muster::for_choice(load(arguments)?, wanted, Purpose::Rotate).await?;
            let code = super::plan::plan(mustered.config.clone(), wanted, output).await?;
            Ok(mustered.end(code))
        }
        Command::Schedule(wanted) => super::schedule::schedule(&*load(arguments)?, wanted, output),
        Command::Status(wanted) => {
            let mustered = muster::for_choice(load(arguments)?, wanted, Purpose::Look).await?;
            let code = super::status::status(mustered.config.clone(), wanted, output).await?;
            Ok(mustered.end(code))
        }
        Command::Audit(audit) => {
            let which = &audit.names;
            let mustered = muster::for_choice(load(arguments)?, which, Purpose::Look).await?;
            let code = super::audit::audit(mustered.config.clone(), audit, output).await?;
            Ok(mustered.end(code))
        }
        Command::Check(wanted) => {
            let files = files(arguments);
            let base = load_from(&files)?;
            if wanted.depth() == CheckDepth::ConfigurationAlone {
                return super::check::check(base, &files, wanted, output).await;
            }
            let mustered = muster::for_names(base, &[], Purpose::Look).await?;
            let code = super::check::check(mustered.config.clone(), &files, wanted, output).await?;
            Ok(mustered.end(code))
        }
        Command::Import(wanted) => {
            let mustered = muster::for_names(read(arguments)?, &[], Purpose::Look).await?;
            let work = super::import::import(mustered.config.clone(), wanted, output);
            Ok(mustered.end(Box::pin(work).await?))
        }
        Command::Identify => {
            let mustered = muster::for_names(read(arguments)?, &[], Purpose::Look).await?;
            Ok(mustered.end(super::identify::identify(mustered.config.clone(), output).await?))
        }
        Command::Pause(wanted) => {
            let which = &wanted.names;
            let mustered = muster::for_choice(load(arguments)?, which, Purpose::Look).await?;
            let code = super::pause::pause(mustered.config.clone(), wanted, output).await?;
            Ok(mustered.end(code))
        }
        Command::Resume(wanted) => {
            let which = &wanted.names;
            let mustered = muster::for_choice(load(arguments)?, which, Purpose::Look).await?;
            let code = super::pause::resume(mustered.config.clone(), wanted, output).await?;
            Ok(mustered.end(code))
        }
        Command::Fleet(wanted) => super::fleet::fleet(load(arguments)?, wanted, output).await,
        Command::Account(operation @ Account::List(_)) => {
            // Whether an account is covered shows only with the rules' members.
            let mustered = muster::for_names(read(arguments)?, &[], Purpose::Look).await?;
            super::account::account(mustered.config, operation, output).await
        }
        Command::Account(operation) => {
            super::account::account(read(arguments)?, operation, output).await
        }
        Command::Token(operation) => {
            Box::pin(super::token::token(read(arguments)?, operation, output)).await
        }
        Command::Duckling(operation) => {
            super::duckling::duckling(read(arguments)?, operation, output).await
        }
        Command::Notify(operation) => {
            super::notify::notify(read(arguments)?, operation, output).await
        }
        Command::Dive(operation) => super::dive::dive(read(arguments)?, operation, output).await,
        Command::AuditLog(operation) => {
            let configured = || read(arguments).map(|config| config.audit_log.clone());
            super::audit_log::audit_log(configured, operation, output)
        }
        Command::Adopt(adoption) => {
            let names = adoption.names();
            let mustered = muster::for_names(load(arguments)?, &names, Purpose::Look).await?;
            Box::pin(super::adopt::adopt(mustered.config, adoption, output)).await
        }
    }
}

fn load(arguments: &Arguments) -> Result<Arc<Config>, CliError> {
    load_from(&files(arguments))
}

fn load_from(files: &Files) -> Result<Arc<Config>, CliError> {
    let config = read_from(files)?;
    for warning in &config.warnings {
        tracing::warn!(warning = %warning, "configuration is unwise");
    }
    Ok(config)
}

/// Without warnings, for commands that have no use for credentials.
fn read(arguments: &Arguments) -> Result<Arc<Config>, CliError> {
    read_from(&files(arguments))
}

fn read_from(files: &Files) -> Result<Arc<Config>, CliError> {
    files.load().map(Arc::new).map_err(|error| CliError::of(&error, ExitCode::Usage, error.hint()))
}

fn files(arguments: &Arguments) -> Files {
    let paths = arguments.config_files(std::env::var_os("PINTAIL_CONFIG"));
    Files::new(paths, config::environment())
}
