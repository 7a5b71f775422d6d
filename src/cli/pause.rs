//! `pintail pause` and `pintail resume`: credentials are set at rest by hand, in their records, and let go on.

mod answer;

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use self::answer::{Outcome, Row, Rows};
use super::arguments::{Pause as PauseArguments, Resume};
use super::error::CliError;
use super::{ExitCode, Output, answer as answers, operation, selection};
use crate::audit_log::{Cause, Entry, Event, Trigger};
use crate::config::Config;
use crate::daemon::shutdown_on_signals;
use crate::engine::{Engine, subject};
use crate::names::CredentialName;
use crate::process;
use crate::record::Pause;
use crate::redact::presentable;
use crate::rotation::condition::PauseShown;
use crate::rotation::pause::{PauseError, Settled, settle};

/// The longest name of a person and their machine that is written down.
const MOST_CHARACTERS: usize = 100;

/// Pauses the credentials that are meant.
pub(super) async fn pause(
    config: Arc<Config>,
    arguments: &PauseArguments,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::chosen(&config, &arguments.names).await?;
    let engine = open(config).await?;
    let since = engine.now();
    let until = arguments.until.map(|until| until.from(since).ok_or_else(beyond)).transpose()?;
    if let Some(until) = until.filter(|until| *until <= since) {
        let message = format!("it is {since:.0} by now: a pause until {until:.0} would be over");
        return Err(CliError::usage(message, None).into());
    }
    let pause = Pause {
        since: to_the_second(since),
        until,
        by: Some(who()),
        reason: arguments.reason.clone(),
        unknown: Map::new(),
    };
    let cause = Cause { trigger: Trigger::Pause, note: arguments.reason.clone() };
    settle_all(&engine, &names, Some(&pause), &cause, output).await
}

/// Ends the pauses of the credentials that are meant.
pub(super) async fn resume(
    config: Arc<Config>,
    arguments: &Resume,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::chosen(&config, &arguments.names).await?;
    let engine = open(config).await?;
    let cause = Cause { trigger: Trigger::Resume, note: arguments.reason.clone() };
    settle_all(&engine, &names, None, &cause, output).await
}

async fn open(config: Arc<Config>) -> Result<Engine, CliError> {
    Engine::open(config).await.map_err(|fault| CliError::fault(fault, ExitCode::Usage))
}

fn beyond() -> CliError {
    CliError::usage("the pause would end after the end of time", None)
}

/// Fractions of seconds help nobody who reads them.
fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Who runs this, and where.
fn who() -> String {
    let known = process::user().unwrap_or_else(|| "somebody".to_owned());
    presentable(&format!("{known}@{}", process::host()), MOST_CHARACTERS)
}

/// Sets `pause` for all of them, or ends theirs; one that fails does not keep the others.
async fn settle_all(
    engine: &Engine,
    names: &[CredentialName],
    pause: Option<&Pause>,
    cause: &Cause,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let stop = shutdown_on_signals()?;
    let rows = futures::stream::iter(names)
        .map(|name| one(engine, name, pause, cause, stop.clone()))
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    let rows = Rows { credentials: rows, now: engine.now() };
    answers::tell(&rows, output);
    Ok(rows.code())
}

async fn one(
    engine: &Engine,
    name: &CredentialName,
    pause: Option<&Pause>,
    cause: &Cause,
    stop: CancellationToken,
) -> Row {
    let row = Row::new(engine, name);
    match Box::pin(settled(engine, name, pause, cause, stop)).await {
        Ok(Settled::Written { record, before }) => Row {
            outcome: if pause.is_some() { Outcome::Paused } else { Outcome::Resumed },
            pause: record.pause.as_deref().map(PauseShown::from),
            before: before.as_deref().map(PauseShown::from),
            is_unfinished: record.is_unfinished(),
            ..row
        },
        Ok(Settled::Already(record)) => Row {
            outcome: if pause.is_some() { Outcome::Paused } else { Outcome::NotPaused },
            pause: record.pause.as_deref().map(PauseShown::from),
            is_unfinished: record.is_unfinished(),
            ..row
        },
        Err(CliError { message, hint, .. }) => Row { error: Some(message), hint, ..row },
    }
}

async fn settled(
    engine: &Engine,
    name: &CredentialName,
    pause: Option<&Pause>,
    cause: &Cause,
    stop: CancellationToken,
) -> Result<Settled, CliError> {
    let world = engine.world(name, stop).map(|world| world.because(cause.clone()));
    let (Some(credential), Some(world)) = (engine.config.credentials.get(name), world) else {
        return Err(CliError::usage("it is not configured", None));
    };
    let about = Entry {
        credential: Some(name.clone()),
        username: Some(credential.username.clone()),
        cause: Some(cause.clone()),
        subject: pause.map(|pause| PauseShown::from(pause).words()),
        ..Entry::of(Event::Began)
    };
    // Its outcome is told where the secret is written.
    operation::begin(&engine.config, if pause.is_some() { "pause" } else { "resume" }, about)
        .await?;
    let subject = subject(&engine.config, credential);
    Box::pin(settle(&world.audited(), &subject, pause)).await.map_err(|error: PauseError| {
        let hint = error.hint(name);
        CliError::of(&error, ExitCode::Failed, hint)
    })
}
