//! `pintail adopt`: makes a hand-made token and its secret managed, without rotating it.

use std::io::Write;
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::complaint::Complaint;
use super::deed::Deed;
use super::look::{Found, account_key};
use super::selection::{self, configured};
use super::table::quoted;
use super::{Adopt, ExitCode, Output};
use crate::audit::{self, Cause, Entry, Event};
use crate::config::{Config, Credential};
use crate::live::{Live, Outside, subject};
use crate::names::{CredentialName, TokenId};
use crate::record::Record;
use crate::rotation::adopt::{AdoptRefusal, Adoption, TakeOver};
use crate::rotation::world::{Fault, Identity, PublishError, Verdict, World};

/// Makes the token that the secret holds managed, under the ID that the operator gives.
pub async fn adopt(
    config: Arc<Config>,
    arguments: &Adopt,
    output: Output,
) -> anyhow::Result<ExitCode> {
    configured(&config, std::slice::from_ref(&arguments.name))?;
    let outside = selection::open(config).await?;
    let adopted = take_in(&outside, arguments).await?;
    answer::give(&adopted, output)?;
    Ok(ExitCode::Settled)
}

/// What was adopted.
#[derive(Debug, Serialize)]
pub(super) struct Adopted {
    name: CredentialName,
    token_id: TokenId,
    token_name: String,
    store: String,
    path: String,
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
        writeln!(
            out,
            "  the text connects; that it is the text of this ID cannot be proved, since tokens are opaque:\n  \
             compare once more, for the next rotation revokes the token with this ID"
        )
    }
}

fn refused(refusal: &AdoptRefusal, credential: &CredentialName) -> Complaint {
    Complaint {
        code: ExitCode::Failed,
        message: format!("{credential}: {refusal}"),
        hint: refusal.hint(credential),
    }
}

fn failed(fault: Fault, credential: &CredentialName) -> Complaint {
    let message = format!("{credential}: {}", fault.message);
    Complaint { code: ExitCode::Failed, message, hint: fault.hint }
}

pub(super) async fn take_in(outside: &Outside, arguments: &Adopt) -> Result<Adopted, Complaint> {
    let name = &arguments.name;
    let config = &outside.config;
    let cause = Cause::from(audit::Trigger::Adopt);
    let world = outside.world(name, CancellationToken::new());
    let world = world.map(|world| world.because(cause.clone()));
    let (Some(credential), Some(world)) = (config.credentials.get(name), world) else {
        return Err(Complaint::usage(format!("there is no credential `{name}`"), None));
    };
    let subject = subject(config, credential);
    let take_over = if arguments.take_over { TakeOver::Yes } else { TakeOver::No };
    let adoption = Adoption { subject: &subject, token_id: arguments.token_id, take_over };

    let reading = world.read().await.map_err(|fault| failed(fault, name))?;
    let claim = adoption.claim(&reading.slot).map_err(|refusal| refused(&refusal, name))?;
    let others = others(outside, credential).await?;
    let listing = world.list().await.map_err(|fault| failed(fault, name))?;
    let others = others.iter().map(|(name, record)| (name, record));
    let record = adoption
        .record(&claim, &listing, others, world.now())
        .map_err(|refusal| refused(&refusal, name))?;
    match world.connect(claim.token, &Identity::served(&record)).await {
        Ok(Verdict::Works) => {}
        Ok(Verdict::Refused(how)) => {
            return Err(Complaint {
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
    Deed::begin(config, "adopt", about).await?;
    let written = world.publish(&reading, &record, claim.token).await;
    written.map_err(|error| unwritten(error, name))?;
    tracing::info!(credential = %name, token_id = %record.token_id, rotation_id = %record.rotation_id, "token adopted");
    Ok(Adopted {
        name: name.clone(),
        token_id: record.token_id,
        token_name: record.token_name,
        store: credential.store.clone(),
        path: credential.path.clone(),
        previous_token_ids: record.previous_token_ids,
    })
}

fn unwritten(error: PublishError, credential: &CredentialName) -> Complaint {
    match error {
        PublishError::Conflict => Complaint {
            code: ExitCode::Failed,
            message: format!("{credential}: somebody else wrote the secret meanwhile"),
            hint: Some("nothing was changed; run it again".to_owned()),
        },
        PublishError::Refused(fault) => failed(fault, credential),
        PublishError::Unknown(fault) => Complaint {
            hint: Some(format!(
                "it may have been written all the same: pintail status {credential}"
            )),
            ..failed(fault, credential)
        },
    }
}

/// The records of the account's other credentials. Each must be read: whichever serves the token would revoke it.
async fn others(
    outside: &Outside,
    credential: &Credential,
) -> Result<Vec<(CredentialName, Record)>, Complaint> {
    let account = account_key(&credential.username);
    let siblings: Vec<(&CredentialName, Live)> = outside
        .config
        .credentials
        .values()
        .filter(|other| other.name != credential.name && account_key(&other.username) == account)
        .filter_map(|other| {
            Some((&other.name, outside.world(&other.name, CancellationToken::new())?))
        })
        .collect();
    let found: Vec<_> = futures::stream::iter(&siblings)
        .map(|(name, world)| async move { (*name, world.read().await.map(Found::from)) })
        .buffered(outside.config.daemon.concurrency)
        .collect()
        .await;
    let mut records = Vec::new();
    for (name, found) in found {
        let found = found.map_err(|fault| {
            let Complaint { code, message, .. } = failed(fault, &credential.name);
            let hint = format!(
                "{name} has the same account: whether it serves the token must be known first"
            );
            Complaint { code, message, hint: Some(hint) }
        })?;
        if let Some(record) = found.record().filter(|record| record.owner == outside.config.owner) {
            records.push((name.clone(), record.clone()));
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
