//! `pintail import`: what hand-made secrets there are, and which accounts their tokens open, as tables and a list of
//! adoptions. It changes nothing in the stores and at MotherDuck.

mod account;
mod files;
mod paths;
mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;

use self::account::{Accounts, Opened};
use self::paths::{Target, targets};
use self::row::{Outcome, Row, Rows};
use super::arguments::Import;
use super::error::CliError;
use super::{ExitCode, Output, answer, by_hand};
use crate::config::Config;
use crate::consumers::verify::identify;
use crate::engine::Engine;
use crate::fault::Diagnostic;
use crate::motherduck::Client;
use crate::names::{AccountName, CredentialName};
use crate::record::SecretContent;
use crate::rotation::world::Verdict;
use crate::secret::Token;

/// Looks at the secrets that are meant, and writes what follows from them.
pub(super) async fn import(
    config: Arc<Config>,
    arguments: &Import,
    output: Output,
) -> anyhow::Result<ExitCode> {
    for file in arguments.tables.iter().chain(&arguments.adoptions) {
        ensure_new(file)?;
    }
    let client = by_hand::client(&config).await?;
    let outside =
        Engine::open(config).await.map_err(|fault| CliError::fault(fault, ExitCode::Usage))?;
    let targets = targets(&outside, arguments).await?;
    let accounts = Accounts::list(&client).await?;
    let width = outside.config.daemon.concurrency;
    let mut rows: Vec<Row> = futures::stream::iter(&targets)
        .map(|target| Box::pin(look(&outside, &accounts, target)))
        .buffered(width)
        .filter_map(std::future::ready)
        .collect()
        .await;
    refuse_copies(&mut rows);
    find_ids(&client, &mut rows, width, outside.now()).await;
    name(&outside.config, &mut rows);
    if arguments.adoptions.is_some() {
        leave_out_what_has_no_id(&mut rows);
    }
    let tables = files::tables(&rows);
    let adoptions = files::adoptions(&rows);
    let written = |file: &Option<std::path::PathBuf>, text: Option<String>| match (file, text) {
        (Some(file), Some(text)) => files::write(file, &text).map(|()| Some(file.clone())),
        (_, _) => Ok(None),
    };
    let rows = Rows {
        tables: written(&arguments.tables, tables)?,
        adoptions: written(&arguments.adoptions, adoptions)?,
        secrets: rows,
    };
    answer::give(&rows, output)?;
    Ok(rows.code())
}

/// Before anything is contacted: a file that is there already is somebody's work.
fn ensure_new(file: &Path) -> Result<(), CliError> {
    match file.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(CliError::usage(
            format!("{} is there already", file.display()),
            Some("nothing is overwritten: name a new file".to_owned()),
        )),
        Err(error) => {
            Err(CliError::usage(format!("cannot look for {}: {error}", file.display()), None))
        }
    }
}

/// What one secret holds, and whose its token is; `None` for what a pattern met that is no secret with a token.
async fn look(outside: &Engine, accounts: &Accounts, target: &Target) -> Option<Row> {
    let row = Row::new(target);
    let reading = match outside.read_at(&target.store, &target.location).await {
        Ok(reading) => reading,
        Err(fault) => return Some(row.left_out(fault.message, fault.hint)),
    };
    let ours = &outside.config.owner;
    let token = match reading.content {
        SecretContent::Vacant if target.is_guessed => return None,
        SecretContent::Vacant => {
            let hint = "the key of the token's text: --token-field KEY".to_owned();
            return Some(row.left_out("it holds no token", Some(hint)));
        }
        SecretContent::Managed { record, .. } | SecretContent::Edited { record, .. }
            if record.owner != *ours =>
        {
            let why = format!("another pintail manages it: owner {}", record.owner);
            return Some(row.left_out(why, None));
        }
        SecretContent::Managed { record, .. } => {
            return Some(Row {
                outcome: Outcome::AlreadyManaged,
                username: Some(record.username.clone()),
                token_id: Some(record.token_id),
                token_type: Some(record.token_type.as_str().to_owned()),
                ..row
            });
        }
        SecretContent::Edited { token: None, .. } => {
            return Some(row.left_out("its text is no token", None));
        }
        SecretContent::Edited { token: Some(token), .. } | SecretContent::Unmanaged { token } => {
            token
        }
    };
    Some(match opened(outside, accounts, &token).await {
        Ok(account) => match refusal(outside, target, &account) {
            Some(why) => row.left_out(why, None),
            None => Row { username: Some(account), digest: Some(token.sha256()), ..row },
        },
        Err((why, hint)) => row.left_out(why, hint),
    })
}

/// The account that the token opens, by the endpoint's own word and MotherDuck's list; or why none is known.
async fn opened(
    outside: &Engine,
    accounts: &Accounts,
    token: &Token,
) -> Result<AccountName, (String, Option<String>)> {
    match identify(token, &outside.config.postgres).await {
        Ok(Verdict::Works(Some(answer))) => match accounts.judge(&answer.account) {
            Opened::Service(account) => Ok(account),
            Opened::Refused(why) => Err((why, None)),
        },
        Ok(Verdict::Works(None)) => {
            Err(("the endpoint does not say which account its token opens".to_owned(), None))
        }
        Ok(Verdict::Refused(_)) => {
            let why = "its token does not connect: it was revoked, has expired, or is none";
            Err((why.to_owned(), None))
        }
        Err(error) => {
            let why = format!(
                "whether its token connects could not be found out: {}",
                crate::fault::chain(&error)
            );
            Err((why, error.hint()))
        }
    }
}

fn refusal(outside: &Engine, target: &Target, account: &AccountName) -> Option<String> {
    let credential = outside.config.credentials.get(target.credential.as_ref()?)?;
    let is_its = credential.username.canonical() == account.canonical();
    (!is_its).then(|| {
        format!(
            "its token opens account {account}, and credential {} is of account {}",
            credential.name, credential.username
        )
    })
}

/// One token in two secrets is one credential and its mirror: each credential needs a token of its own.
fn refuse_copies(rows: &mut [Row]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        let Some(digest) = row.digest.clone() else { continue };
        match first.get(&digest) {
            None => {
                first.insert(digest, row.place());
            }
            Some(place) => {
                let why = format!("it holds the same token as {place}");
                let hint = "make it a mirror of that credential (docs/how-to/mirrors.md)";
                row.leave_out(why, Some(hint.to_owned()));
            }
        }
    }
}

/// A token's text does not tell its ID. Where its account has one living token, it is that one.
async fn find_ids(client: &Client, rows: &mut [Row], width: usize, now: jiff::Timestamp) {
    let is_open = |row: &&Row| row.outcome == Outcome::Imported && row.token_id.is_none();
    let names: BTreeSet<AccountName> =
        rows.iter().filter(is_open).filter_map(|row| row.username.clone()).collect();
    let lists: BTreeMap<_, _> = futures::stream::iter(names)
        .map(|account| async move {
            let listed = client.list_token_details(&account).await;
            (account, listed)
        })
        .buffered(width)
        .collect()
        .await;
    for row in rows.iter_mut().filter(|row| row.outcome == Outcome::Imported) {
        let Some(listed) = row.username.as_ref().and_then(|account| lists.get(account)) else {
            continue;
        };
        match listed {
            Ok(tokens) => {
                let lives = |at: Option<jiff::Timestamp>| at.is_none_or(|at| now < at);
                let living: Vec<_> =
                    tokens.iter().filter(|token| lives(token.listed.expires_at)).collect();
                row.candidates = living.iter().map(|token| token.listed.id).collect();
                let types: BTreeSet<_> =
                    living.iter().filter_map(|token| token.token_type.clone()).collect();
                row.token_type = types.first().filter(|_| types.len() == 1).cloned();
                if let [only] = living.as_slice() {
                    row.token_id = Some(only.listed.id);
                }
            }
            Err(error) => {
                let why = format!(
                    "its account's tokens cannot be listed: {}",
                    crate::fault::chain(error)
                );
                row.leave_out(why, error.hint());
            }
        }
    }
}

fn leave_out_what_has_no_id(rows: &mut [Row]) {
    for row in rows.iter_mut() {
        if row.outcome != Outcome::Imported || row.token_id.is_some() {
            continue;
        }
        let count = row.candidates.len();
        row.why = Some(format!(
            "its account has {count} living tokens, and which of them this is nobody can tell: not among the adoptions"
        ));
        row.hint = Some(format!(
            "revoke those that nobody uses (pintail token list {}), or adopt it by the ID that you know",
            row.username.as_ref().map(AccountName::as_str).unwrap_or_default()
        ));
        row.lacks_id = true;
    }
}

/// Each new credential is called as its account is, with a number where that name is taken.
fn name(config: &Config, rows: &mut [Row]) {
    let mut taken: BTreeSet<CredentialName> = config.credentials.keys().cloned().collect();
    for row in rows.iter_mut() {
        if row.name.is_some() || row.outcome == Outcome::LeftOut {
            continue;
        }
        let Some(account) = row.username.as_ref() else { continue };
        let account = account.canonical();
        let numbered = (1..).map(|n| match n {
            1 => account.clone(),
            n => format!("{}_{n}", account.get(..56).unwrap_or(&account)),
        });
        let free = numbered
            .take(rows_limit())
            .filter_map(|name| name.get(..64).unwrap_or(&name).parse::<CredentialName>().ok())
            .find(|name| !taken.contains(name));
        if let Some(name) = free {
            taken.insert(name.clone());
            row.name = Some(name);
        }
    }
}

/// No account has more secrets than that.
const fn rows_limit() -> usize {
    100_000
}
