//! What stands in a mirror, a second place where consumers read the secret, judged against the record.

use crate::fault::{Fault, FaultKind};
use crate::names::TokenId;
use crate::record::{Phase, Record, SecretContent};
use crate::rotation::decide::Subject;
use crate::rotation::world::{Site, World};

/// What stands in a mirror, as far as the record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorState {
    /// The served token, and no write that is under way can bring an older one there.
    Serves,
    /// Nothing, or what was served before: it is to be written.
    Behind,
    /// A token of an unknown origin: consumers may need it, and a person must say.
    Foreign,
}

/// What stands in a mirror whose secret was read as `found`, while `record` is what the primary serves. `is_known`
/// tells of a token's digest whether it belongs to one of the record's predecessors.
///
/// A mirror that holds the served text is not enough after a roll-back: the text stood there before, and a late write
/// of the replacement may still be on its way over that very version. Only a version that was written since is proof.
pub fn state(
    record: &Record,
    found: &SecretContent,
    is_known: impl FnOnce(&str) -> bool,
) -> MirrorState {
    let since_then = |mirrored: &Record| {
        mirrored.rotation_id == record.rotation_id && mirrored.published_at == record.published_at
    };
    let returned = record.is_rolled_back() && record.phase == Phase::Published;
    match found {
        SecretContent::Vacant => MirrorState::Behind,
        SecretContent::Managed { record: mirrored, .. }
            if mirrored.token_sha256 == record.token_sha256
                && (since_then(mirrored) || !returned) =>
        {
            MirrorState::Serves
        }
        SecretContent::Managed { record: mirrored, .. }
            if mirrored.owner == record.owner
                && mirrored.username.canonical() == record.username.canonical() =>
        {
            MirrorState::Behind
        }
        SecretContent::Managed { .. } | SecretContent::Edited { token: None, .. } => {
            MirrorState::Foreign
        }
        SecretContent::Unmanaged { token } | SecretContent::Edited { token: Some(token), .. } => {
            let digest = token.sha256();
            if digest == record.token_sha256 {
                if returned { MirrorState::Behind } else { MirrorState::Serves }
            } else if is_known(&digest) {
                MirrorState::Behind
            } else {
                MirrorState::Foreign
            }
        }
    }
}

/// The same, with the texts of the predecessors asked for only where a mirror has no record that tells.
pub async fn judge<W: World>(
    world: &W,
    record: &Record,
    found: &SecretContent,
) -> Result<MirrorState, Fault> {
    let first = state(record, found, |_| false);
    let is_mute = match found {
        SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => true,
        SecretContent::Vacant | SecretContent::Managed { .. } => false,
    };
    if first != MirrorState::Foreign || !is_mute {
        return Ok(first);
    }
    let mut known = vec![];
    for id in &record.previous_token_ids {
        known.extend(world.recall(*id).await?.map(|(_, token)| token.sha256()));
    }
    Ok(state(record, found, |digest| known.iter().any(|one| one == digest)))
}

/// The tokens that the records of `subject`'s deployment in its mirrors name. A mirror that cannot be read, be it for a
/// key of the user's that is in the way there, is an error: before a token is made for it.
pub async fn named_in_mirrors<W: World>(
    world: &W,
    subject: &Subject,
) -> Result<Vec<TokenId>, Fault> {
    let mut named = vec![];
    for (number, mirror) in subject.mirrors.iter().enumerate() {
        let found = world.read(Site::Mirror(number)).await.map_err(|fault| Fault {
            message: format!("mirror {}: {}", mirror.name, fault.message),
            ..fault
        })?;
        if let SecretContent::Managed { record, .. } = found.content
            && record.owner == subject.owner
        {
            named.push(record.token_id);
            named.extend(record.previous_token_ids);
        }
    }
    Ok(named)
}

/// Why `mirror` is not written, and what a person can do.
pub fn foreign(mirror: &str) -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        message: format!("mirror {mirror} holds a token that pintail did not put there"),
        hint: Some(
            "if no consumer needs that token, remove it from the mirror, which is then written anew; else put the served token there"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
