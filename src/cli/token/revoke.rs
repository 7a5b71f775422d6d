//! `pintail token revoke`: one token, by its ID, that no secret is known to serve.

use serde::Serialize;

use super::claim::claim;
use crate::audit_log::{Entry, Event, Outcome};
use crate::cli::by_hand::{self, failed, instant, refused, sanitise};
use crate::cli::confirm::Confirmation;
use crate::cli::operation;
use crate::cli::{ExitCode, Output, RevokeToken};
use crate::config::Config;
use crate::motherduck::TokenDetails;
use crate::names::{AccountName, TokenId};
use crate::rotation::world::Revocation;

#[derive(Serialize)]
struct Document<'a> {
    username: &'a AccountName,
    token_id: TokenId,
    name: Option<&'a str>,
    outcome: &'static str,
}

/// Revokes it.
pub(super) async fn revoke(
    config: &Config,
    request: &RevokeToken,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (username, id) = (&request.username, request.token_id);
    let confirmation = Confirmation::settle(request.yes, &format!("revoking token {id}"))?;
    let client = by_hand::client(config).await?;
    let tokens = client.list_token_details(username).await.map_err(|error| failed(&error))?;
    let token = tokens.iter().find(|token| token.listed.id == id);
    let name = token.and_then(|token| token.listed.name.as_deref());
    let with_rules = Box::pin(crate::engine::assume(config, username)).await;
    let claim = if request.managed { None } else { claim(&with_rules, username, id, name).await };
    if let Some(claim) = claim {
        let hint = "its consumers would lose access; `pintail rotate-now` replaces it first. Add --managed to revoke it all the same";
        return Err(refused(claim, Some(hint.to_owned())).into());
    }
    confirmation.yes(&format!("Token {id} of account {username} ({}) will be revoked for good; everybody who uses it loses access.", about(token)))?;
    let about = Entry {
        username: Some(username.clone()),
        token_id: Some(id),
        subject: name.map(str::to_owned),
        ..Entry::of(Event::Began)
    };
    let operation = operation::begin(config, "token revoke", about).await?;
    let revocation = match client.revoke_token(username, id).await {
        Ok(revocation) => revocation,
        Err(error) => {
            operation.failed(Event::Revoked, error.may_have_effect()).await;
            return Err(failed(&error).into());
        }
    };
    let (outcome, text, already) = match revocation {
        Revocation::Revoked => ("revoked", "was revoked", None),
        Revocation::AlreadyGone => ("already_gone", "was gone already", Some(Outcome::Already)),
    };
    operation.came_to(Event::Revoked, already, |_| {}).await;
    by_hand::tell(output, &Document { username, token_id: id, name, outcome }, || {
        format!("token {id} of account {username} {text}")
    });
    Ok(ExitCode::Settled)
}

fn about(token: Option<&TokenDetails>) -> String {
    // A list may lag behind: it is no reason not to revoke.
    let Some(token) = token else { return "not in the account's list".to_owned() };
    let name = token.listed.name.as_deref().map_or_else(|| "no name".to_owned(), sanitise);
    let (created, expires) = (Some(token.listed.created_at), token.listed.expires_at);
    format!("{name}, created {}, expires {}", instant(created), instant(expires))
}
