//! `pintail token create`: a token whose text reaches somebody, or which is revoked again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit_log::{Entry, Event, Operation, Outcome};
use crate::cli::by_hand::{self, failed, instant, note, refused};
use crate::cli::error::CliError;
use crate::cli::show_secret::{Destination, Undelivered};
use crate::cli::{CreateToken, ExitCode, Output, operation};
use crate::config::Config;
use crate::daemon::shutdown_on_signals;
use crate::fault::chain;
use crate::motherduck::{Client, CreateTokenError, NewToken};
use crate::names::{AccountName, TokenId};
use crate::record::TokenType;
use crate::rotation::world::CreatedToken;

#[derive(Serialize)]
struct Document<'a> {
    username: &'a AccountName,
    token_id: TokenId,
    name: &'a str,
    token_type: TokenType,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// The secret; absent where it went into a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_file: Option<PathBuf>,
}

/// Creates it and delivers its text.
pub(super) async fn create(
    config: &Config,
    request: &CreateToken,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let username = &request.username;
    let destination = Destination::open(output, request.secret_file.as_deref())?;
    let client = by_hand::client(config).await?;
    // Names may be shared: what was there before tells a lost token of ours from others of the same name.
    let before = named(&client, request).await.map_err(|error| failed(&error))?;
    if !before.is_empty() {
        note(&format!("note: account {username} has a token named {:?} already", request.name));
    }
    if request.ttl.is_none() {
        note("note: without --ttl, this token never expires");
    }
    let new = NewToken {
        name: &request.name,
        ttl: request.ttl,
        token_type: request.token_type,
        description: request.description.as_deref(),
    };
    // From here on there may be a secret that nobody else will ever have: it is waited for.
    shutdown_on_signals()?;
    let about = Entry {
        username: Some(username.clone()),
        subject: Some(request.name.clone()),
        ..Entry::of(Event::Began)
    };
    let operation = operation::begin(config, "token create", about).await?;
    let created = match client.create_token(username, &new).await {
        Ok(created) => created,
        Err(CreateTokenError::Refused(error)) => {
            operation.failed(Event::Created, false).await;
            return Err(failed(&error).into());
        }
        // It was there before: the answer is about that one.
        Err(error) if error.is_conflict() && !before.is_empty() => {
            operation.failed(Event::Created, false).await;
            let hint = "choose another name, or revoke the token that has it".to_owned();
            return Err(CliError::of(error.cause(), ExitCode::Failed, Some(hint)).into());
        }
        Err(CreateTokenError::Unknown(error)) => {
            operation.failed(Event::Created, true).await;
            let hint = aftermath(&client, request, &before).await;
            return Err(CliError::of(&error, ExitCode::Failed, Some(hint)).into());
        }
    };
    operation.came_to(Event::Created, None, |entry| entry.token_id = Some(created.id)).await;
    let delivered = deliver(destination, request, &created, output);
    match delivered {
        Ok(()) => Ok(ExitCode::Settled),
        Err(Undelivered::Lost(error)) => {
            Err(take_back(&client, &operation, username, &created, &error).await.into())
        }
        Err(Undelivered::Unsaid(error)) => {
            let message = format!(
                "token {} was created and is in its file, which cannot be said: {}",
                created.id,
                chain(error.as_ref())
            );
            Err(refused(message, None).into())
        }
    }
}

fn deliver(
    destination: Destination,
    request: &CreateToken,
    created: &CreatedToken,
    output: Output,
) -> Result<(), Undelivered> {
    let secret_file = destination.path();
    destination.deliver(&created.token, |token| {
        let document = Document {
            username: &request.username,
            token_id: created.id,
            name: &request.name,
            token_type: request.token_type,
            created_at: created.created_at,
            expires_at: created.expires_at,
            token,
            secret_file: secret_file.clone(),
        };
        by_hand::write(output, &document, || {
            let about = format!(
                "token {} of account {}, {}, expires {}",
                created.id,
                request.username,
                request.token_type.as_str(),
                instant(created.expires_at)
            );
            match (token, &secret_file) {
                (Some(text), _) => format!("{about}\nIts text, shown this once:\n{text}"),
                (None, Some(path)) => format!("{about}\nIts text is in file {}", path.display()),
                (None, None) => about,
            }
        })
    })
}

/// Revokes a token whose text reached nobody.
async fn take_back(
    client: &Client,
    operation: &Operation,
    username: &AccountName,
    created: &CreatedToken,
    error: &anyhow::Error,
) -> CliError {
    let lost = format!("the token's text cannot be delivered: {}", chain(error.as_ref()));
    let id = created.id;
    match client.revoke_token(username, id).await {
        Ok(_) => {
            operation.came_to(Event::Discarded, None, |entry| entry.token_id = Some(id)).await;
            refused(format!("{lost}; token {id} was revoked again"), None)
        }
        Err(revocation) => {
            if revocation.may_have_effect() {
                let unknown = Some(Outcome::Unknown);
                operation
                    .came_to(Event::Discarded, unknown, |entry| entry.token_id = Some(id))
                    .await;
            }
            refused(
                format!("{lost}; token {id} lives, and nobody has it: {}", chain(&revocation)),
                Some(format!("revoke it: pintail token revoke {username} {id}")),
            )
        }
    }
}

/// What is known after a creation whose outcome is not, and what to do. Nothing is revoked: a token of this name may
/// be somebody else's.
async fn aftermath(client: &Client, request: &CreateToken, before: &BTreeSet<TokenId>) -> String {
    let CreateToken { username, name, .. } = request;
    let Ok(now) = named(client, request).await else {
        let now = instant(Some(Timestamp::now()));
        return format!(
            "it may have been created: when MotherDuck answers again, look with `pintail token list {username}` for a token named {name:?} that was created about {now}, and revoke it before you try again"
        );
    };
    let new: Vec<_> = now.difference(before).collect();
    if new.is_empty() {
        return format!(
            "it may have been created, or may yet be: no new token named {name:?} is listed so far. Look again with `pintail token list {username}` in some minutes, revoke it if it is there, and use another name until then"
        );
    }
    let commands: Vec<_> =
        new.iter().map(|id| format!("pintail token revoke {username} {id}")).collect();
    format!(
        "it was probably created: a token named {name:?} appeared, and its text is lost. Unless somebody else created it at this moment, revoke it and try again: {}",
        commands.join("; ")
    )
}

/// The tokens of the wanted name.
async fn named(
    client: &Client,
    request: &CreateToken,
) -> Result<BTreeSet<TokenId>, crate::motherduck::Error> {
    let tokens = client.list_tokens(&request.username).await?;
    let named = tokens.into_iter().filter(|token| token.name.as_deref() == Some(&request.name));
    Ok(named.map(|token| token.id).collect())
}
