//! `pintail notify`: whether notifications arrive.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use super::answer::{self, Answer};
use super::error::CliError;
use super::{ExitCode, Notify, Output, TestSinks};
use crate::config::Config;
use crate::fault::{Diagnostic, chain};
use crate::notifications::{DeliveryError, Sinks};

#[derive(Serialize)]
struct Tests {
    sinks: Vec<Tested>,
}

#[derive(Serialize)]
struct Tested {
    name: String,
    /// One word of a fixed list.
    outcome: &'static str,
    error: Option<String>,
    hint: Option<String>,
}

impl Tested {
    fn new(name: String, result: &Result<(), DeliveryError>) -> Self {
        let (outcome, error, hint) = match result {
            Ok(()) => ("delivered", None, None),
            Err(failure) => ("failed", Some(chain(failure)), failure.hint()),
        };
        Self { name, outcome, error, hint }
    }
}

impl Answer for Tests {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for Tested { name, outcome, error, hint } in &self.sinks {
            match error {
                None => writeln!(out, "{name}: {outcome}")?,
                Some(error) => writeln!(out, "{name}: {outcome}: {error}")?,
            }
            if let Some(hint) = hint {
                writeln!(out, "  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

/// Does it.
pub(super) async fn notify(
    config: Arc<Config>,
    arguments: &Notify,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let Notify::Test(TestSinks { names }) = arguments;
    let config = chosen(&config, names)?;
    let sinks = Sinks::open(&config.notifications)
        .map_err(|error| CliError::of(&error, ExitCode::Usage, None))?;
    let results = crate::notifications::test(sinks, &config.owner).await;
    let all_took_it = results.iter().all(|(_, result)| result.is_ok());
    let code = if all_took_it { ExitCode::Settled } else { ExitCode::Failed };
    let sinks = results.into_iter().map(|(name, result)| Tested::new(name, &result)).collect();
    answer::give(&Tests { sinks }, output)?;
    Ok(code)
}

/// The configuration with the named sinks alone; all of them if none is named.
fn chosen(config: &Config, names: &[String]) -> Result<Config, CliError> {
    let known: Vec<_> = config.notifications.keys().map(|name| format!("`{name}`")).collect();
    let unknown = names.iter().find(|name| !config.notifications.contains_key(*name));
    if known.is_empty() {
        let hint = "a section [notifications.NAME] configures one".to_owned();
        return Err(CliError::usage("no notifications are configured", Some(hint)));
    }
    if let Some(name) = unknown {
        let hint = format!("configured are {}", known.join(", "));
        let message = format!("there is no sink `{name}` in the configuration");
        return Err(CliError::usage(message, Some(hint)));
    }
    let mut config = config.clone();
    if !names.is_empty() {
        config.notifications.retain(|name, _| names.contains(name));
    }
    Ok(config)
}
