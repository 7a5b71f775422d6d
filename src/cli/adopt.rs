//! `pintail adopt`: makes hand-made tokens and their secrets managed, without rotating them.

mod account;
mod context;
mod list;
mod many;

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::account::{disproved, ensure_own};
use self::context::{AdoptionContext, Prepared, failed};
use self::many::{Mode, adopt_all};
use super::answer::{self, Answer};
use super::arguments::AdoptSource;
use super::error::CliError;
use super::operation;
use super::selection::{self, configured};
use super::table::quoted;
use super::{Adopt, ExitCode, Output};
use crate::audit_log::{self, Cause, Entry, Event};
use crate::config::Config;
use crate::engine::Engine;
use crate::names::{CredentialName, TokenId};
use crate::rotation::adopt::TakeOver;
use crate::rotation::world::{Identity, PublishError, PublishRequest, Purpose, Verdict, World};

/// One token to be adopted: the one that the credential's secret holds, under the ID that the operator gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AdoptRequest {
    /// Where it stands in the list.
    pub(super) line: Option<usize>,
    pub(super) name: CredentialName,
    pub(super) token_id: TokenId,
    /// What the endpoint may name in place of the account.
    pub(super) accepted: Option<String>,
}

/// Adopts one token, or all that a file lists.
pub async fn adopt(
    config: Arc<Config>,
    arguments: &Adopt,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let take_over = if arguments.take_over { TakeOver::Yes } else { TakeOver::No };
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Adopt };
    let requests = match arguments.source() {
        Some(AdoptSource::File(file)) => {
            let accepted = arguments.accept_account.clone();
            let listed = list::read(file, &config)?;
            let chosen = if arguments.is_choosy() {
                Some(selection::chosen(&config, &arguments.names).await?)
            } else {
                None
            };
            let is_meant = |request: &AdoptRequest| {
                chosen.as_ref().is_none_or(|chosen| chosen.contains(&request.name))
            };
            let meant = listed.into_iter().filter(is_meant);
            let requests: Vec<_> = meant
                .map(|request| AdoptRequest { accepted: accepted.clone(), ..request })
                .collect();
            if requests.is_empty() {
                let message =
                    format!("no line of {} is of a credential that is meant", file.display());
                return Err(CliError::usage(message, None).into());
            }
            requests
        }
        Some(AdoptSource::One(name, token_id)) => {
            configured(&config, std::slice::from_ref(name))?;
            let accepted = arguments.accept_account.clone();
            let request = AdoptRequest { line: None, name: name.clone(), token_id, accepted };
            if mode == Mode::Adopt {
                let engine = selection::open(config).await?;
                answer::tell(&Box::pin(take_in(&engine, &request, take_over)).await?, output);
                return Ok(ExitCode::Settled);
            }
            vec![request]
        }
        None => {
            let hint = "each token is one credential's: adopt many with --from FILE".to_owned();
            return Err(CliError::usage("name one credential, by its name", Some(hint)).into());
        }
    };
    let engine = selection::open(config).await?;
    let adoptions = Box::pin(adopt_all(&engine, &requests, take_over, mode)).await;
    match mode {
        Mode::Adopt => answer::tell(&adoptions, output),
        Mode::DryRun => answer::give(&adoptions, output)?,
    }
    Ok(adoptions.code())
}

/// What was adopted.
#[derive(Debug, Serialize)]
pub(super) struct Adopted {
    name: CredentialName,
    token_id: TokenId,
    token_name: String,
    store: String,
    path: String,
    /// Which account the text opens, as the endpoint says; null if it does not say.
    opens: Option<String>,
    /// What consumers were served before; revoked once they are healthy with the adopted token.
    previous_token_ids: Vec<TokenId>,
}

impl Answer for Adopted {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let name = Some(self.token_name.as_str()).filter(|name| !name.is_empty());
        writeln!(
            out,
            "{}: adopted token {} {} in {} of store {}; nothing was revoked",
            self.name,
            self.token_id,
            quoted(name),
            self.path,
            self.store
        )?;
        for id in &self.previous_token_ids {
            writeln!(out, "  {id} was served before, and is revoked after the next gate")?;
        }
        let opens = self.opens.as_ref().map(|account| format!(", and opens account {account}"));
        writeln!(
            out,
            "  the text connects{}; that it is the text of this ID cannot be proved, since tokens are opaque:\n  \
             compare once more, for the next rotation revokes the token with this ID",
            opens.unwrap_or_default()
        )
    }
}

pub(super) async fn take_in(
    engine: &Engine,
    request: &AdoptRequest,
    take_over: TakeOver,
) -> Result<Adopted, CliError> {
    let name = &request.name;
    let config = &engine.config;
    let cause = Cause::from(audit_log::Trigger::Adopt);
    let world = engine.world(name, CancellationToken::new());
    let world = world.map(|world| world.because(cause.clone()));
    let (Some(credential), Some(world)) = (config.credentials.get(name), world) else {
        return Err(CliError::usage(format!("there is no credential `{name}`"), None));
    };
    let context = Box::pin(AdoptionContext::observe(engine, std::slice::from_ref(name))).await;
    let disproved = Box::pin(disproved(&world, credential, context.content(name))).await;
    let prepared = context.prepare(config, request, take_over, disproved);
    let Prepared { reading, claim, record } = prepared.map_err(|error| error.into_error(name))?;
    let opens;
    match Box::pin(world.connect(claim.token, &Identity::unserved(&record))).await {
        Ok(Verdict::Works(answer)) => {
            let accepted = request.accepted.as_deref();
            Box::pin(ensure_own(&world, credential, accepted, answer.as_ref())).await?;
            opens = answer.map(|answer| answer.account);
        }
        Ok(Verdict::Refused(how)) => {
            return Err(CliError {
                code: ExitCode::Failed,
                message: format!("{name}: the token in the secret does not connect: {how}"),
                hint: Some("put a token there that works, then adopt it".to_owned()),
            });
        }
        Err(fault) => return Err(failed(fault, name)),
    }
    let about = Entry {
        credential: Some(name.clone()),
        username: Some(credential.username.clone()),
        token_id: Some(record.token_id),
        rotation_id: Some(record.rotation_id),
        cause: Some(cause),
        ..Entry::of(Event::Began)
    };
    // Its outcome is told where the secret is written.
    operation::begin(config, "adopt", about).await?;
    let write = PublishRequest::to_store(Purpose::Adopt, reading, &record, claim.token);
    let written = Box::pin(world.audited().publish(write)).await;
    written.map_err(|error| unwritten(error, name))?;
    tracing::info!(credential = %name, token_id = %record.token_id, rotation_id = %record.rotation_id, "token adopted");
    Ok(Adopted {
        name: name.clone(),
        token_id: record.token_id,
        token_name: record.token_name,
        store: credential.store.clone(),
        path: credential.path.clone(),
        opens,
        previous_token_ids: record.previous_token_ids,
    })
}

fn unwritten(error: PublishError, credential: &CredentialName) -> CliError {
    match error {
        PublishError::Conflict => CliError {
            code: ExitCode::Failed,
            message: format!("{credential}: somebody else wrote the secret meanwhile"),
            hint: Some("nothing was changed; run it again".to_owned()),
        },
        PublishError::Refused(fault) => failed(fault, credential),
        PublishError::Unknown(fault) => CliError {
            hint: Some(format!(
                "it may have been written all the same: pintail status {credential}"
            )),
            ..failed(fault, credential)
        },
    }
}

#[cfg(test)]
mod tests;
