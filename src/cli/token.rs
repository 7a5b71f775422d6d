//! `pintail token`: an account's tokens by hand.

mod claim;
mod create;
mod revoke;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::by_hand::{self, columns, failed, instant, sanitise};
use super::{ExitCode, Output, Token};
use crate::config::Config;
use crate::motherduck::TokenDetails;
use crate::names::{AccountName, TokenId, TokenName};

/// Does it.
pub(super) async fn token(
    config: Arc<Config>,
    arguments: &Token,
    output: Output,
) -> anyhow::Result<ExitCode> {
    match arguments {
        Token::Create(request) => create::create(&config, request, output).await,
        Token::List { username } => list(&config, username, output).await,
        Token::Revoke(request) => Box::pin(revoke::revoke(&config, request, output)).await,
    }
}

#[derive(Serialize)]
struct Document<'a> {
    username: &'a AccountName,
    tokens: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: TokenId,
    name: Option<&'a str>,
    token_type: Option<&'a str>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// Whether its name is one that pintail gives.
    managed: bool,
}

async fn list(config: &Config, username: &AccountName, output: Output) -> anyhow::Result<ExitCode> {
    let client = by_hand::client(config).await?;
    let mut tokens = client.list_token_details(username).await.map_err(|error| failed(&error))?;
    tokens.sort_by_key(|token| token.listed.created_at);
    let document = Document { username, tokens: tokens.iter().map(row).collect() };
    by_hand::write(output, &document, || {
        let rows = document.tokens.iter().map(|row| {
            vec![
                row.id.to_string(),
                row.name.map(sanitise).unwrap_or_default(),
                row.token_type.map(sanitise).unwrap_or_default(),
                instant(Some(row.created_at)),
                instant(row.expires_at),
            ]
        });
        columns(&["id", "name", "type", "created", "expires"], rows)
    })?;
    Ok(ExitCode::Settled)
}

fn row(token: &TokenDetails) -> Row<'_> {
    let name = token.listed.name.as_deref();
    Row {
        id: token.listed.id,
        name,
        token_type: token.token_type.as_deref(),
        created_at: token.listed.created_at,
        expires_at: token.listed.expires_at,
        managed: name.is_some_and(|name| TokenName::parse(name).is_some()),
    }
}
