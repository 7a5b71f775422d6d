//! Where in the secrets of all credentials a token stands, by the digest of its text.

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::Unseen;
use crate::config::Credential;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::names::{CredentialName, TokenId};
use crate::record::{Record, SecretContent};
use crate::rotation::world::{Site, World};
use crate::secret::Token;

/// What a secret makes of the token. What comes first says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Served,
    Predecessor,
    Unmanaged,
    /// A mirror holds it, which the store does not serve.
    InMirror,
}

/// Where it was found.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) credential: CredentialName,
    pub(super) part: Part,
    pub(super) token_id: Option<TokenId>,
    pub(super) place: String,
}

/// Looks through all secrets and mirrors; the place that says most, and what could not be looked at.
pub(super) async fn find(engine: &Engine, token: &Token) -> (Option<Match>, Vec<Unseen>) {
    let digest = token.sha256();
    let looked: Vec<_> = futures::stream::iter(engine.config.credentials.values())
        .map(|credential| observe(engine, credential, &digest))
        .buffered(engine.config.daemon.concurrency)
        .collect()
        .await;
    let (mut all, mut errors) = (vec![], vec![]);
    for (found, unseen) in looked {
        all.extend(found);
        errors.extend(unseen);
    }
    (all.into_iter().min_by_key(|found| found.part), errors)
}

async fn observe(
    engine: &Engine,
    credential: &Credential,
    digest: &str,
) -> (Vec<Match>, Vec<Unseen>) {
    let (mut found, mut errors) = (vec![], vec![]);
    let Some(world) = engine.world(&credential.name, CancellationToken::new()) else {
        return (found, errors);
    };
    let unseen = |subject: String, fault: Fault| Unseen::new(subject, fault);
    let at = |part, token_id, place: String| Match {
        credential: credential.name.clone(),
        part,
        token_id,
        place,
    };
    let place = format!("{} in store {}", credential.path, credential.store);
    match world.read(Site::Store).await {
        Ok(reading) => match &reading.content {
            SecretContent::Managed { record, token } if token.sha256() == digest => {
                found.push(at(Part::Served, Some(record.token_id), place));
            }
            SecretContent::Managed { record, .. } => {
                match predecessor(&world, record, digest).await {
                    Ok(id) => found.extend(id.map(|id| at(Part::Predecessor, Some(id), place))),
                    Err(fault) => errors.push(unseen(credential.name.to_string(), fault)),
                }
            }
            // A person put another one over it.
            SecretContent::Edited { record, .. } if record.token_sha256 == digest => {
                found.push(at(Part::Predecessor, Some(record.token_id), place));
            }
            SecretContent::Edited { token: Some(token), .. }
            | SecretContent::Unmanaged { token }
                if token.sha256() == digest =>
            {
                found.push(at(Part::Unmanaged, None, place));
            }
            SecretContent::Edited { .. }
            | SecretContent::Unmanaged { .. }
            | SecretContent::Vacant => {}
        },
        Err(fault) => errors.push(unseen(credential.name.to_string(), fault)),
    }
    for (number, mirror) in credential.mirrors.iter().enumerate() {
        let place = format!("mirror {}", mirror.place());
        match world.read(Site::Mirror(number)).await {
            Ok(reading) => match &reading.content {
                SecretContent::Managed { token, .. }
                | SecretContent::Edited { token: Some(token), .. }
                | SecretContent::Unmanaged { token }
                    if token.sha256() == digest =>
                {
                    found.push(at(Part::InMirror, None, place));
                }
                SecretContent::Managed { .. }
                | SecretContent::Edited { .. }
                | SecretContent::Unmanaged { .. }
                | SecretContent::Vacant => {}
            },
            Err(fault) => errors.push(unseen(format!("{}: {place}", credential.name), fault)),
        }
    }
    (found, errors)
}

/// The predecessor of that digest, among those whose text the store still has.
async fn predecessor(
    world: &impl World,
    record: &Record,
    digest: &str,
) -> Result<Option<TokenId>, Fault> {
    for id in &record.previous_token_ids {
        let recalled = world.recall(*id).await?;
        if recalled.is_some_and(|(_, token)| token.sha256() == digest) {
            return Ok(Some(*id));
        }
    }
    Ok(None)
}
