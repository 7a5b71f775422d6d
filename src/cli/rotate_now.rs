//! `pintail rotate-now`: rotates credentials through every step, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::output::{CredentialResult, Results};
use super::progress::Screen;
use super::{ExitCode, Output, RotateNow, Scope, Urgency, answer, plan, selection};
use crate::config::Config;
use crate::live::{Outside, subject};
use crate::names::CredentialName;
use crate::rotation::decide::Trigger;
use crate::rotation::drive::{Outcome, Persistence, drive};
use crate::rotation::evidence::Evidence;
use crate::rotation::journal::Progress;

/// A one-shot run has nobody who comes back later: it tries for about a quarter of a minute.
const PERSISTENCE: Persistence = Persistence { failures: 4, pause: Duration::from_secs(1) };

/// Rotates what `rotation` names.
pub(super) async fn rotate_now(
    config: Arc<Config>,
    rotation: &RotateNow,
    output: Output,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let names = match rotation.scope() {
        Scope::All => config.credentials.keys().cloned().collect(),
        Scope::Named(names) => selection::configured(&config, names)?,
    };
    let trigger = match rotation.urgency() {
        Urgency::IfDue => Trigger::Schedule,
        Urgency::Forced => Trigger::Forced,
        Urgency::Compromised { reason } => {
            tracing::warn!(
                reason,
                "compromised tokens are replaced without waiting for the consumers"
            );
            Trigger::Compromised
        }
    };
    if rotation.dry_run {
        return plan::preview(config, names, trigger, output).await;
    }
    run(config, names, trigger, rotation.timeout, output, stop).await
}

/// Runs `names` side by side, shows their progress, and writes their results.
pub(super) async fn run(
    config: Arc<Config>,
    names: Vec<CredentialName>,
    trigger: Trigger,
    timeout: Option<Duration>,
    output: Output,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let outside = selection::open(config).await?;
    let screen = Screen::new(output);
    let concurrency = outside.config.daemon.concurrency;
    let mut results = futures::stream::iter(names.iter().cloned().map(|name| {
        let place = screen.place(name.as_str());
        let (outside, stop) = (&outside, stop.clone());
        async move {
            let result =
                rotate(outside, &name, trigger, timeout, stop, &|progress| place.show(progress))
                    .await;
            place.finish();
            result.map(|result| (name, result))
        }
    }))
    .buffer_unordered(concurrency)
    .filter_map(std::future::ready)
    .collect::<BTreeMap<_, _>>()
    .await;
    let credentials: Vec<_> = names.iter().filter_map(|name| results.remove(name)).collect();
    let code = credentials.iter().map(|result| code_of(result.outcome, trigger)).max();
    answer::give(&Results { credentials }, output)?;
    Ok(code.unwrap_or(ExitCode::Settled))
}

/// Rotates one credential; `None` if it is not configured.
pub(super) async fn rotate(
    outside: &Outside,
    name: &CredentialName,
    trigger: Trigger,
    timeout: Option<Duration>,
    stop: CancellationToken,
    watcher: &(dyn Fn(Progress) + Send + Sync),
) -> Option<CredentialResult> {
    let world = outside.world(name, stop)?.for_at_most(timeout);
    let subject = subject(&outside.config, outside.config.credentials.get(name)?);
    let mut evidence = Evidence::default();
    let span =
        // Of the highest level, so that no log level takes the names away from the events.
        tracing::error_span!("rotation", credential = %name, rotation_id = tracing::field::Empty);
    let report = Box::pin(drive(&world, &subject, trigger, &mut evidence, PERSISTENCE, watcher))
        .instrument(span)
        .await;
    Some(CredentialResult::new(name, report))
}

fn code_of(outcome: Outcome, trigger: Trigger) -> ExitCode {
    match outcome {
        Outcome::Rotated | Outcome::NotDue => ExitCode::Settled,
        Outcome::RolledBack if trigger == Trigger::RollBack => ExitCode::Settled,
        Outcome::Failed => ExitCode::Failed,
        Outcome::Held | Outcome::RolledBack => ExitCode::Held,
    }
}
