//! `pintail status`: each credential's token, its age and expiry, and what stands in the way; changes nothing.

pub(super) mod daemon;
pub(super) mod row;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::inventory::Inventory;
use super::observe::{Observed, observe, observe_mirrors, with_siblings};
use super::selection;
use super::table::{quoted, table};
use super::{ExitCode, Names, Output, error};
use crate::config::Config;
use crate::consumers::gate::settings::Gate;
use crate::engine::Engine;
use crate::names::CredentialName;
use crate::rotation::condition::State;
use crate::rotation::world::{Health, World};
use crate::text::instant;
use daemon::Daemon;
use row::Row;

/// Shows the state of the named credentials, or of all.
pub async fn status(
    config: Arc<Config>,
    arguments: &Names,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let names = selection::static_choice(&config, arguments)?;
    let engine = selection::open(config).await?;
    let mut statuses = survey(&engine, &names).await;
    let states = &arguments.filters.states;
    statuses.credentials.retain(|row| states.is_empty() || states.contains(&row.condition.state));
    answer::give(&statuses, output)?;
    if output == Output::Text {
        // There is nobody left to tell when standard error is closed.
        let _ = statuses.complain(&mut std::io::stderr().lock());
    }
    let seen = statuses.credentials.iter().all(|row| row.error.is_none());
    Ok(if seen { ExitCode::Settled } else { ExitCode::Failed })
}

/// Those of `names` that are in one of `states`.
pub(super) async fn in_states(
    engine: &Engine,
    names: &[CredentialName],
    states: &[State],
) -> Vec<CredentialName> {
    let rows = survey(engine, names).await.credentials.into_iter();
    rows.filter(|row| states.contains(&row.condition.state)).map(|row| row.name).collect()
}

/// How the credentials stand.
#[derive(Debug, Serialize)]
struct Statuses {
    credentials: Vec<Row>,
}

async fn survey(engine: &Engine, names: &[CredentialName]) -> Statuses {
    let config = &engine.config;
    let mut observations = observe(engine, &with_siblings(config, names), |_, _, _| true).await;
    observe_mirrors(engine, &mut observations).await;
    let inventory = Inventory::new(config, &observations);
    let daemon = Daemon::ask(config).await;
    let mut credentials = vec![];
    for observed in observations.iter().filter(|observed| names.contains(&observed.credential.name))
    {
        let mut row = Row::new(config, observed, &inventory, &daemon);
        row.awaits = awaits(engine, observed).await;
        credentials.push(row);
    }
    Statuses { credentials }
}

/// What the gate of a rotation in progress waits for. Only of Kubernetes it is known that asking changes nothing.
async fn awaits(engine: &Engine, observed: &Observed<'_>) -> Option<String> {
    let record = observed.secret.as_ref().ok()?.record().filter(|record| record.is_unfinished())?;
    let Gate::Kubernetes(_) = &*observed.credential.gate else { return None };
    let world = engine.world(&observed.credential.name, CancellationToken::new())?;
    match world.poll_gate(record).await {
        Health::Healthy => None,
        Health::Unhealthy(what) => Some(what),
    }
}

impl Answer for Statuses {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut state = table(&[
            "credential",
            "account",
            "type",
            "store",
            "token ID",
            "age",
            "expiry",
            "next rotation",
            "state",
            "predecessor",
            "orphans",
            "unmanaged",
        ]);
        for row in &self.credentials {
            state.add_row(row.cells());
        }
        writeln!(out, "{}", state.trim_fmt())?;
        let strays = self.strays();
        if strays.is_empty() {
            return Ok(());
        }
        let mut listed = table(&["unmanaged token", "account", "name", "created", "expires"]);
        for (username, stray) in strays {
            listed.add_row([
                stray.id.to_string(),
                username.to_owned(),
                quoted(stray.name.as_deref()),
                instant(stray.created_at),
                stray.expires_at.map_or_else(|| "never".to_owned(), instant),
            ]);
        }
        writeln!(out, "\n{}", listed.trim_fmt())
    }
}

impl Statuses {
    /// The accounts' unmanaged tokens, each once however many credentials share its account.
    fn strays(&self) -> Vec<(&str, &row::UnmanagedToken)> {
        let mut seen = BTreeSet::new();
        self.credentials
            .iter()
            .flat_map(|row| {
                let username = row.username.as_str();
                row.unmanaged_tokens.iter().flatten().map(move |stray| (username, stray))
            })
            .filter(|(_, stray)| seen.insert(stray.id))
            .collect()
    }

    /// What could not be seen, and what a person must do.
    fn complain(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for row in &self.credentials {
            let hint = row.condition.hint.as_deref();
            if let Some(awaits) = &row.awaits {
                writeln!(out, "note: {}: the gate waits: {awaits}", row.name)?;
            }
            match (&row.error, row.note()) {
                (Some(error), _) => {
                    error::write_lines(out, &format!("{}: {error}", row.name), hint)?;
                }
                (None, Some(note)) => {
                    writeln!(out, "note: {note}")?;
                    writeln!(out, "next: {}", row.condition.next())?;
                    if let Some(hint) = hint {
                        writeln!(out, "hint: {hint}")?;
                    }
                }
                (None, None) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
