//! `pintail check`: the configuration and what it names, then, read-only, everything that a rotation will need.

mod account;
mod certificate;
mod connection;
mod endpoint;
mod finding;
mod offline;
mod online;
mod rights;
mod servers;
mod thing;
mod trail;

use std::sync::Arc;

use super::answer;
use super::{Check, CheckDepth, ExitCode, Output};
use crate::config::Config;
use crate::live::Outside;
use finding::{Finding, Findings};
use online::Connections;

/// Checks as far as `arguments` say.
pub async fn check(
    config: Arc<Config>,
    arguments: &Check,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (findings, code) = examine(config, arguments.depth()).await;
    answer::give(&findings, output)?;
    Ok(code)
}

/// Whatever is wrong on this machine ends the check before anybody is contacted.
async fn examine(config: Arc<Config>, depth: CheckDepth) -> (Findings, ExitCode) {
    let mut findings = offline::examine(&config);
    trail::examine(&config, &mut findings);
    if findings.has_error() {
        return (findings, ExitCode::Usage);
    }
    let outside = match Outside::open(config).await {
        Ok(outside) => outside,
        Err(fault) => {
            findings.add(Finding::fault("configuration", fault));
            return (findings, ExitCode::Usage);
        }
    };
    match depth {
        CheckDepth::ConfigurationAlone => {}
        CheckDepth::Everything => {
            online::examine(&outside, Connections::None, &mut findings).await;
        }
        CheckDepth::Connections => {
            online::examine(&outside, Connections::Each, &mut findings).await;
        }
    }
    let code = if findings.has_error() { ExitCode::Failed } else { ExitCode::Settled };
    (findings, code)
}

#[cfg(test)]
mod tests;
