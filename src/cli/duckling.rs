//! `pintail duckling`: how an account's Ducklings are configured, seen and changed.

use std::sync::Arc;

use serde::Serialize;

use super::by_hand::{self, columns, failed, refused, sanitise};
use super::error::CliError;
use super::operation;
use super::{Duckling, ExitCode, Output, SetDucklings};
use crate::audit_log::{Entry, Event};
use crate::config::Config;
use crate::motherduck::{Change, Client, Ducklings};
use crate::names::AccountName;

/// Does it.
pub(super) async fn duckling(
    config: Arc<Config>,
    arguments: &Duckling,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match arguments {
        Duckling::Get { username } => get(&config, username, output).await,
        Duckling::Set(request) => set(&config, request, output).await,
    }
}

/// A change that was made, or was not needed.
pub(super) struct Changed {
    pub(super) before: Ducklings,
    pub(super) after: Ducklings,
}

impl Changed {
    pub(super) fn is_change(&self) -> bool {
        self.before != self.after
    }

    /// All values, before and after.
    pub(super) fn text(&self) -> String {
        let rows = values(&self.before).into_iter().zip(values(&self.after)).map(
            |((name, before), (_, after))| {
                let mark = if before == after { "" } else { "changed" };
                vec![name.to_owned(), before, after, mark.to_owned()]
            },
        );
        columns(&["value", "before", "after", ""], rows)
    }
}

/// Refuses, before anything is contacted, a change that no account could take.
pub(super) fn check(change: &Change) -> Result<(), CliError> {
    change.check().map_err(|error| CliError::of(&error, ExitCode::Usage, None))
}

/// Reads, changes, writes the whole if anything differs, and reads what came of it.
pub(super) async fn change(
    config: &Config,
    client: &Client,
    username: &AccountName,
    change: &Change,
) -> Result<Changed, CliError> {
    let before = client.ducklings(username).await.map_err(|error| failed(&error))?;
    let wanted =
        change.apply(&before).map_err(|error| CliError::of(&error, ExitCode::Failed, None))?;
    if wanted == before {
        return Ok(Changed { after: wanted, before });
    }
    let about = Entry { username: Some(username.clone()), ..Entry::of(Event::Began) };
    let operation = operation::begin(config, "duckling set", about).await?;
    if let Err(error) = client.set_ducklings(username, &wanted).await {
        operation.failed(Event::DucklingsSet, error.may_have_effect()).await;
        return Err(failed(&error));
    }
    operation.came_to(Event::DucklingsSet, None, |_| {}).await;
    let after = client.ducklings(username).await.map_err(|error| failed(&error))?;
    if values(&after) == values(&wanted) {
        return Ok(Changed { before, after });
    }
    let message =
        format!("MotherDuck accepted the change of account {username} and shows other values");
    let hint = format!(
        "somebody else may have changed them just now; look with `pintail duckling get {username}`"
    );
    Err(refused(message, Some(hint)))
}

#[derive(Serialize)]
struct Shown<'a> {
    username: &'a AccountName,
    #[serde(flatten)]
    ducklings: &'a Ducklings,
}

async fn get(config: &Config, username: &AccountName, output: Output) -> anyhow::Result<ExitCode> {
    let client = by_hand::client(config).await?;
    let ducklings = client.ducklings(username).await.map_err(|error| failed(&error))?;
    by_hand::write(output, &Shown { username, ducklings: &ducklings }, || {
        let rows = values(&ducklings).into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        columns(&["value", "now"], rows)
    })?;
    Ok(ExitCode::Settled)
}

#[derive(Serialize)]
struct Set<'a> {
    username: &'a AccountName,
    changed: bool,
    before: &'a Ducklings,
    after: &'a Ducklings,
}

async fn set(config: &Config, request: &SetDucklings, output: Output) -> anyhow::Result<ExitCode> {
    let username = &request.username;
    let wanted = request.change.change();
    if wanted.is_empty() {
        let hint = "name a value, such as --read-write-size standard; `pintail duckling get` shows them all";
        return Err(CliError::usage("there is nothing to change", Some(hint.to_owned())).into());
    }
    check(&wanted)?;
    let client = by_hand::client(config).await?;
    let changed = change(config, &client, username, &wanted).await?;
    let document = Set {
        username,
        changed: changed.is_change(),
        before: &changed.before,
        after: &changed.after,
    };
    by_hand::tell(output, &document, || changed.text());
    Ok(ExitCode::Settled)
}

/// The values, under the names of their options.
fn values(ducklings: &Ducklings) -> [(&'static str, String); 5] {
    let [write_size, write_cooldown, read_size, read_cooldown, flock_size] = ducklings.values();
    [
        ("read-write-size", sanitise(&write_size)),
        ("read-write-cooldown", write_cooldown),
        ("read-scaling-size", sanitise(&read_size)),
        ("read-scaling-cooldown", read_cooldown),
        ("flock-size", flock_size),
    ]
}
