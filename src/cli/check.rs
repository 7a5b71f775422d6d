//! `pintail check`: the configuration and what it names, then, read-only, everything that a rotation will need.

mod account;
mod caveats;
mod certificate;
mod connection;
mod endpoint;
mod finding;
mod offline;
mod online;
mod resource;
mod rights;
mod servers;
mod trail;

use std::sync::Arc;

use super::answer;
use super::{Check, CheckDepth, ExitCode, Output};
use crate::config::{Config, Files};
use crate::engine::Engine;
use finding::Finding;
pub(super) use finding::Findings;
use online::Connections;

/// So many unwise modes are told at a start.
const MOST_WARNINGS: usize = 10;

/// Checks as far as `arguments` say.
pub async fn check(
    config: Arc<Config>,
    files: &Files,
    arguments: &Check,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (findings, code) = examine(config, files, arguments.depth()).await;
    answer::give(&findings, output)?;
    Ok(code)
}

/// Whatever is wrong on this machine ends the check before anybody is contacted.
pub(super) async fn examine(
    config: Arc<Config>,
    files: &Files,
    depth: CheckDepth,
) -> (Findings, ExitCode) {
    let mut findings = offline::examine(&config, files);
    trail::examine(&config, &mut findings);
    if findings.has_error() {
        return (findings, ExitCode::Usage);
    }
    let engine = match Engine::open(config).await {
        Ok(engine) => engine,
        Err(fault) => {
            findings.add(Finding::fault("configuration", fault));
            return (findings, ExitCode::Usage);
        }
    };
    match depth {
        CheckDepth::ConfigurationAlone => {}
        CheckDepth::Everything => {
            online::examine(&engine, Connections::None, &mut findings).await;
        }
        CheckDepth::Connections => {
            online::examine(&engine, Connections::Each, &mut findings).await;
        }
    }
    let code = if findings.has_error() { ExitCode::Failed } else { ExitCode::Settled };
    (findings, code)
}

/// That the configuration loads, and what is unwise in it: for one that is meant for another machine.
pub(super) fn soundness(config: &Config) -> Findings {
    let mut findings = Findings::default();
    offline::soundness(config, &mut findings);
    findings
}

/// Tells at the start of the daemon who else can read or change what it relies on.
pub(super) fn warn_of_modes(config: &Config, files: &Files) {
    let exposures = offline::exposures(config, files);
    for (users, one) in exposures.iter().take(MOST_WARNINGS) {
        tracing::warn!(about = users, warning = one.message, hint = one.fix, "file mode is unwise");
    }
    if let Some(more) = exposures.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
        tracing::warn!(
            more,
            hint = "pintail check --offline tells them all",
            "file modes are unwise"
        );
    }
}

#[cfg(test)]
mod tests;
