//! `pintail rotate-now`: rotates credentials through every step, once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use url::Url;

use super::error::CliError;
use super::log::REASON;
use super::output::{CredentialResult, Results};
use super::progress::Screen;
use super::{ExitCode, Mode, OldPlace, Output, RotateNow, Scope, Urgency, answer, plan, selection};
use crate::audit_log::{self, Cause};
use crate::config::Config;
use crate::daemon::shutdown_on_signals;
use crate::engine::{self, Engine, subject};
use crate::fault::{Diagnostic, chain};
use crate::http::settings::Proxy;
use crate::metrics::{self, Format};
use crate::names::CredentialName;
use crate::notifications::{self, Sinks};
use crate::retry::STEP_ONCE;
use crate::rotation::condition::{Condition, Reason, Severity};
use crate::rotation::decide::Request;
use crate::rotation::evidence::Evidence;
use crate::rotation::run::{Outcome, Report, run};
use crate::rotation::step_log::Progress;
use crate::status::Registry;
use crate::workers;

/// So long a run waits for its notifications to be delivered.
const NOTIFYING: Duration = Duration::from_secs(10);

/// Rotates what `rotation` names.
pub(super) async fn rotate_now(
    config: Arc<Config>,
    rotation: &RotateNow,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = chosen(&config, &rotation.scope, rotation.urgency)?;
    let names = selection::filtered(&config, names, &rotation.filters)?;
    let names = selection::in_states(&config, names, &rotation.filters).await?;
    let (request, told) = match rotation.urgency {
        Urgency::IfDue => (Request::SCHEDULE, audit_log::Trigger::Schedule),
        Urgency::Forced => (Request::ROTATION, audit_log::Trigger::Manual),
        Urgency::Compromised => (Request::COMPROMISED, audit_log::Trigger::Compromised),
    };
    let request = match rotation.old_place {
        OldPlace::Kept => request,
        OldPlace::GivenUp => request.giving_up_old_place(),
    };
    let asked = Asked { request, unnamed: unnamed(&names, &rotation.scope) };
    match rotation.mode {
        Mode::DryRun => preview(config, names, asked, rotation.timeout, output).await,
        Mode::Act => {
            announce(rotation);
            let cause = Cause { trigger: told, note: rotation.reason.clone() };
            let run = Run { names, asked, cause, timeout: rotation.timeout, output };
            let metrics = Destinations {
                file: rotation.metrics_file.clone(),
                gateway: rotation.metrics_push.clone(),
                proxy: rotation.metrics_push_proxy.clone(),
            };
            run.carry_out(config, &metrics).await
        }
    }
}

/// What a person has said about the run, for the log: before it begins, and at any log level.
fn announce(rotation: &RotateNow) {
    if let Some(reason) = &rotation.reason {
        // A target of its own, which `log` lets through: somebody wrote it to be read there.
        tracing::info!(target: REASON, reason, "rotation asked for");
    }
    if rotation.urgency == Urgency::Compromised {
        tracing::warn!("compromised tokens are replaced without waiting for the consumers");
    }
    if rotation.old_place == OldPlace::GivenUp {
        tracing::warn!("tokens that a former place may still serve are given up");
    }
}

/// Shows what would be done, for as long as the run might have taken.
async fn preview(
    config: Arc<Config>,
    names: Vec<CredentialName>,
    asked: Asked,
    timeout: Option<Duration>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let shown = plan::preview(config, names, |name| asked.of(name), output);
    let Some(limit) = timeout else { return shown.await };
    tokio::time::timeout(limit, shown).await.unwrap_or_else(|_| {
        let message = format!("the look took longer than {}", humantime::format_duration(limit));
        Err(CliError { code: ExitCode::Failed, message, hint: None }.into())
    })
}

/// Where the metrics of a run go.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    file: Option<PathBuf>,
    gateway: Option<Url>,
    /// The way to the gateway.
    proxy: Proxy,
}

/// The credentials that are meant, in the order of the configuration. Those that are paused are left out where neither
/// their names were named nor a leak is no time to pause.
fn chosen(
    config: &Config,
    scope: &Scope,
    urgency: Urgency,
) -> Result<Vec<CredentialName>, CliError> {
    let names = match scope {
        Scope::Named(names) => return selection::configured(config, names),
        Scope::All => selection::configured(config, &[])?,
        Scope::Matching(patterns) => selection::matching(config, patterns)?,
    };
    let is_meant = |name: &CredentialName| {
        let is_paused = config.credentials.get(name).is_some_and(|one| one.policy.paused);
        let left_out = is_paused && urgency == Urgency::Forced && !is_named(name, scope);
        if left_out {
            tracing::warn!(credential = %name, "paused credential left out");
        }
        !left_out
    };
    Ok(names.into_iter().filter(is_meant).collect())
}

/// Whether its very name was given, and not only something that means it.
fn is_named(name: &CredentialName, scope: &Scope) -> bool {
    match scope {
        Scope::Matching(patterns) => patterns.iter().any(|pattern| pattern.name() == Some(name)),
        Scope::Named(names) => names.contains(name),
        Scope::All => false,
    }
}

fn unnamed(names: &[CredentialName], scope: &Scope) -> BTreeSet<CredentialName> {
    names.iter().filter(|name| !is_named(name, scope)).cloned().collect()
}

/// What is asked of the credentials.
pub(super) struct Asked {
    pub(super) request: Request,
    /// Those whose names nobody gave: a pause that stands in their records is heeded.
    pub(super) unnamed: BTreeSet<CredentialName>,
}

impl Asked {
    fn of(&self, name: &CredentialName) -> Request {
        if self.unnamed.contains(name) { self.request.heeding_pause() } else { self.request }
    }
}

/// What one run is to do.
pub(super) struct Run {
    pub(super) names: Vec<CredentialName>,
    pub(super) asked: Asked,
    /// The same for the audit log, with what a person said about it.
    pub(super) cause: Cause,
    pub(super) timeout: Option<Duration>,
    pub(super) output: Output,
}

impl Run {
    /// Works on the credentials side by side, shows their progress, and writes their results.
    pub(super) async fn carry_out(
        self,
        config: Arc<Config>,
        metrics: &Destinations,
    ) -> anyhow::Result<ExitCode> {
        let Self { names, asked, cause, timeout, output } = self;
        let request = asked.request;
        let sinks = Sinks::open(&config.notifications)
            .map_err(|error| CliError::of(&error, ExitCode::Usage, None))?;
        let engine = Arc::new(selection::open(config).await?);
        // Not before: so far there was nothing in hand, and a file that hangs would hold a signal up.
        let stop = shutdown_on_signals()?;
        let fleet = engine::fleet(&engine.config, |name| names.contains(name), engine.clone());
        let screen = Screen::new(output);
        let concurrency = engine.config.daemon.concurrency;
        let mut results = futures::stream::iter(names.iter().cloned().map(|name| {
            let place = screen.place(name.as_str());
            let (engine, fleet, stop) = (&engine, &fleet, stop.clone());
            let asked = (asked.of(&name), cause.clone());
            async move {
                let observer = |progress| place.show(progress);
                let run = Box::pin(rotate(engine, &name, asked, timeout, stop, &observer));
                let report = workers::survive(run).await;
                place.finish();
                let result = match report {
                    Ok(report) => {
                        let report = report?;
                        let condition = fleet.settled(&name, &report, None);
                        if let Some(condition) = &condition
                            && report.problem.is_none()
                        {
                            warn_of(&name, condition);
                        }
                        let pause = condition.and_then(|condition| condition.pause);
                        CredentialResult::new(&name, report, pause)
                    }
                    Err(panicked) => {
                        fleet.panicked(&name, None);
                        CredentialResult::panicked(&name, panicked)
                    }
                };
                Some((name, result))
            }
        }))
        .buffer_unordered(concurrency)
        .filter_map(std::future::ready)
        .collect::<BTreeMap<_, _>>()
        .await;
        engine.telemetry.flush().await;
        let credentials: Vec<_> = names.iter().filter_map(|name| results.remove(name)).collect();
        let code = credentials.iter().map(|result| code_of(result.outcome, request)).max();
        // Whether or not anybody reads the answer, those who are to be told are told.
        answer::tell(&Results { credentials }, output);
        notifications::tell_once(sinks, &fleet, NOTIFYING).await;
        metrics.write(&fleet).await;
        Ok(code.unwrap_or(ExitCode::Settled))
    }
}

impl Destinations {
    /// What became of the credentials is told by the exit code, whether or not this comes about.
    async fn write(&self, fleet: &Registry) {
        if self.file.is_none() && self.gateway.is_none() {
            return;
        }
        let text = metrics::render(fleet, Format::Classic);
        if let Some(path) = &self.file
            && let Err(error) = metrics::write_textfile(path, &text)
        {
            tracing::error!(error = chain(&error), hint = error.hint(), "metrics not written");
        }
        if let Some(gateway) = &self.gateway
            && let Err(error) = metrics::push(gateway, &self.proxy, text).await
        {
            tracing::warn!(error = chain(&error), hint = error.hint(), "metrics not pushed");
        }
    }
}

/// Rotates one credential; `None` if it is not configured.
pub(super) async fn rotate(
    engine: &Engine,
    name: &CredentialName,
    (request, cause): (Request, Cause),
    timeout: Option<Duration>,
    stop: CancellationToken,
    observer: &(dyn Fn(Progress) + Send + Sync),
) -> Option<Report> {
    let world = engine.world(name, stop)?.for_at_most(timeout).because(cause).acting();
    let subject = subject(&engine.config, engine.config.credentials.get(name)?);
    let mut evidence = Evidence::default();
    // Of the highest level, so that no log level takes the names away from the events.
    let span =
        tracing::error_span!("rotation", credential = %name, rotation_id = tracing::field::Empty);
    let run = run(&world, &subject, request, &mut evidence, &STEP_ONCE, observer);
    let report = Box::pin(run).instrument(span).await;
    world.tell_if_held(&report).await;
    engine.telemetry.tell(name, &report);
    Some(report)
}

/// What the result says nothing of: all that was asked for is settled, and yet a person should know.
fn warn_of(name: &CredentialName, condition: &Condition) {
    if condition.severity != Severity::Normal {
        let reason = condition.reason.map(Reason::as_str);
        let (error, hint) = (condition.message.as_deref(), condition.hint.as_deref());
        tracing::warn!(credential = %name, reason, error, hint, "credential needs attention");
    }
}

fn code_of(outcome: Outcome, request: Request) -> ExitCode {
    match outcome {
        Outcome::Rotated | Outcome::NotDue => ExitCode::Settled,
        Outcome::RolledBack if request == Request::ROLL_BACK => ExitCode::Settled,
        Outcome::Failed => ExitCode::Failed,
        Outcome::Held | Outcome::RolledBack => ExitCode::Held,
    }
}
