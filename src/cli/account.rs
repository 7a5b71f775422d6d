//! `pintail account`: service accounts by hand.

pub(super) mod list;

use std::sync::Arc;

use serde::Serialize;

use super::by_hand::{self, AccountOutcome, columns, failed, refused, sanitise};
use super::confirm::Confirmation;
use super::duckling;
use super::error::CliError;
use super::operation;
use super::{Account, DeleteAccount, EnsureAccount, ExitCode, Output};
use crate::audit_log::{Entry, Event, Outcome};
use crate::config::Config;
use crate::engine::assume;
use crate::fault::Diagnostic;
use crate::motherduck::{Creation, Deletion, Ducklings, Existence};
use crate::names::AccountName;

/// Does it.
pub(super) async fn account(
    config: Arc<Config>,
    arguments: &Account,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match arguments {
        Account::Create { username } => create(&config, username, output).await,
        Account::List(which) => list::list(&config, which, output).await,
        Account::Active => active(&config, output).await,
        Account::Delete(deletion) => delete(&config, deletion, output).await,
        Account::Ensure(request) => ensure(&config, request, output).await,
    }
}

async fn create(
    config: &Config,
    username: &AccountName,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let client = by_hand::client(config).await?;
    let operation = operation::begin(config, "account create", about(username)).await?;
    if let Err(error) = client.create_account(username).await {
        operation.failed(Event::AccountCreated, error.may_have_effect()).await;
        let unknown = error.may_have_effect().then(|| {
            format!("it may have been created: `pintail account ensure {username}` finds out, and creates it if not")
        });
        let hint = unknown.or_else(|| error.hint());
        return Err(CliError::of(&error, ExitCode::Failed, hint).into());
    }
    operation.came_to(Event::AccountCreated, None, |_| {}).await;
    let document = AccountOutcome { username, outcome: "created" };
    by_hand::tell(output, &document, || format!("account {username} was created"));
    Ok(ExitCode::Settled)
}

async fn active(config: &Config, output: Output) -> anyhow::Result<ExitCode> {
    let client = by_hand::client(config).await?;
    let accounts = client.active_accounts().await.map_err(|error| failed(&error))?;
    let document = serde_json::json!({ "accounts": accounts });
    by_hand::write(output, &document, || {
        let rows = accounts.iter().flat_map(|account| {
            account.ducklings.iter().map(|duckling| {
                [&account.username, &duckling.id, &duckling.kind, &duckling.status]
                    .map(|text| sanitise(text))
                    .to_vec()
            })
        });
        columns(&["username", "duckling", "type", "status"], rows)
    })?;
    Ok(ExitCode::Settled)
}

async fn delete(
    config: &Config,
    deletion: &DeleteAccount,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let username = &deletion.username;
    let with_rules = assume(config, username).await;
    let using = by_hand::credentials_of(&with_rules, username.as_str());
    if !using.is_empty() && !deletion.even_if_configured {
        let message = format!("account {username} is used by {}", using.join(", "));
        let hint = "take them out of the configuration first; or add --even-if-configured, if their consumers may lose access and data at once";
        return Err(CliError::usage(message, Some(hint.to_owned())).into());
    }
    let confirmation = Confirmation::settle(deletion.yes, &format!("deleting account {username}"))?;
    let client = by_hand::client(config).await?;
    // A slip of the pen must not look like a success.
    if client.find_account(username).await.map_err(|error| failed(&error))? == Existence::Absent {
        let hint = Some("`pintail account list` shows those that exist".to_owned());
        return Err(refused(format!("MotherDuck knows no account {username}"), hint).into());
    }
    confirmation.typed(
        &format!(
            "Account {username} will be deleted with all its databases and tokens, for good.\nType its name to go on: "
        ),
        username.as_str(),
    )?;
    let operation = operation::begin(config, "account delete", about(username)).await?;
    let deletion = match client.delete_account(username).await {
        Ok(deletion) => deletion,
        Err(error) => {
            operation.failed(Event::AccountDeleted, error.may_have_effect()).await;
            return Err(failed(&error).into());
        }
    };
    let (outcome, text, already) = match deletion {
        Deletion::Deleted => ("deleted", "was deleted", None),
        Deletion::AlreadyGone => ("already_gone", "is gone", Some(Outcome::Already)),
    };
    operation.came_to(Event::AccountDeleted, already, |_| {}).await;
    by_hand::tell(output, &AccountOutcome { username, outcome }, || {
        format!("account {username} {text}")
    });
    Ok(ExitCode::Settled)
}

fn about(username: &AccountName) -> Entry {
    Entry { username: Some(username.clone()), ..Entry::of(Event::Began) }
}

#[derive(Serialize)]
struct Ensured<'a> {
    #[serde(flatten)]
    account: AccountOutcome<'a>,
    ducklings_changed: bool,
    /// Null where none were asked for.
    ducklings: Option<&'a Ducklings>,
}

async fn ensure(
    config: &Config,
    request: &EnsureAccount,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let username = &request.username;
    let change = request.ducklings.change();
    duckling::check(&change)?;
    let client = by_hand::client(config).await?;
    let operation = operation::begin(config, "account ensure", about(username)).await?;
    let creation = match client.ensure_account(username).await {
        Ok(creation) => creation,
        Err(error) => {
            operation.failed(Event::AccountCreated, error.may_have_effect()).await;
            return Err(failed(&error).into());
        }
    };
    let (outcome, text, already) = match creation {
        Creation::Created => ("created", "was created", None),
        Creation::Exists => ("exists", "exists", Some(Outcome::Already)),
    };
    operation.came_to(Event::AccountCreated, already, |_| {}).await;
    let changed = if change.is_empty() {
        None
    } else {
        Some(duckling::change(config, &client, username, &change).await.map_err(|mut error| {
            error.message = format!("account {username} {text}, but: {}", error.message);
            error
        })?)
    };
    let document = Ensured {
        account: AccountOutcome { username, outcome },
        ducklings_changed: changed.as_ref().is_some_and(duckling::Changed::is_change),
        ducklings: changed.as_ref().map(|changed| &changed.after),
    };
    by_hand::tell(output, &document, || {
        let account = format!("account {username} {text}");
        match &changed {
            Some(changed) => format!("{account}\n{}", changed.text()),
            None => account,
        }
    });
    Ok(ExitCode::Settled)
}
