//! Whose the served tokens are, by a connection with each: only where that is asked for, since each wakes a Duckling.

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::super::arguments::FindingKind;
use super::super::whose::{Connected, connect};
use super::Unseen;
use super::findings::Finding;
use crate::config::Credential;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::names::CredentialName;
use crate::record::{Record, SecretContent};
use crate::rotation::decide::Refusal;
use crate::rotation::whose::Whose;
use crate::rotation::world::{Site, World};

/// What there is to remark on the served tokens, and what could not be found out.
pub(super) async fn examine(
    engine: &Engine,
    names: &[CredentialName],
) -> (Vec<Finding>, Vec<Unseen>) {
    let credentials = names.iter().filter_map(|name| engine.config.credentials.get(name));
    let seen: Vec<_> = futures::stream::iter(credentials)
        .map(|credential| async move { (credential, observe(engine, credential).await) })
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    let (mut findings, mut errors) = (vec![], vec![]);
    for (credential, seen) in seen {
        match seen {
            Ok(found) => findings.extend(found),
            Err(fault) => errors.push(Unseen {
                subject: credential.name.to_string(),
                message: fault.message,
                hint: fault.hint,
            }),
        }
    }
    (findings, errors)
}

async fn observe(engine: &Engine, credential: &Credential) -> Result<Option<Finding>, Fault> {
    let Some(world) = engine.world(&credential.name, CancellationToken::new()) else {
        return Ok(None);
    };
    // That it cannot be read is told already.
    let Ok(reading) = world.read(Site::Store).await else { return Ok(None) };
    let SecretContent::Managed { record, token } = &reading.content else { return Ok(None) };
    if record.owner != engine.config.owner {
        return Ok(None);
    }
    match connect(&world, credential, record, token).await {
        Some(Ok(connected)) => Ok(kind(credential, record, connected)),
        Some(Err(fault)) => Err(fault),
        None => Ok(None),
    }
}

fn kind(credential: &Credential, record: &Record, connected: Connected) -> Option<Finding> {
    let (name, account) = (&credential.name, &credential.username);
    let (kind, message, hint) = match connected {
        Connected::Works(Whose::Own | Whose::Unanswered) => return None,
        Connected::Works(Whose::Another(named)) => {
            let refusal = Refusal::WrongAccount { account: account.clone(), named };
            (FindingKind::WrongAccount, refusal.to_string(), refusal.hint(name))
        }
        Connected::Works(Whose::Unclear(named)) => (
            FindingKind::IdentityUnclear,
            format!("the endpoint names {named:?} for the served token, and not account {account}"),
            "whose a token is cannot be told there; is motherduck.postgres.host MotherDuck's own host?"
                .to_owned(),
        ),
        Connected::Refused(how) => (
            FindingKind::Stuck,
            format!("the served token does not connect: {how}"),
            format!("pintail rotate-now {name}"),
        ),
    };
    Some(Finding {
        kind,
        username: account.to_string(),
        credential: Some(name.clone()),
        token_id: Some(record.token_id),
        message,
        hint,
        allowed: false,
    })
}
