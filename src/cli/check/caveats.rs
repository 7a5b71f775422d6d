//! What takes away the way back, or the secret itself, though every rotation works: the settings of the store, and what
//! became of versions.

use std::time::Duration;

use super::finding::Finding;
use crate::config::Credential;
use crate::engine::{Engine, ProductionWorld};
use crate::record::{Phase, SecretContent};
use crate::rotation::world::{Reading, World};
use crate::stores::settings::StoreSettings;
use crate::stores::{SecretRef, Severity};

/// What there is to say of a credential's own secret.
pub(super) async fn examine(
    engine: &Engine,
    world: &ProductionWorld,
    credential: &Credential,
    reading: &Reading,
) -> Vec<Finding> {
    let name = &credential.name;
    let Some(store) = engine.stores.get(&credential.store) else { return vec![] };
    // Without a schedule it is written when its token nears its end.
    let every = credential.policy.schedule.longest_gap().or(credential.ttl);
    let caveats = store.caveats(&SecretRef::from(credential), every.unwrap_or(Duration::MAX)).await;
    let mut findings: Vec<_> = caveats
        .into_iter()
        .map(|caveat| match caveat.severity {
            Severity::Warning => Finding::warning(name, caveat.message, Some(caveat.hint)),
            Severity::Error => Finding::error(name, caveat.message, Some(caveat.hint)),
        })
        .collect();
    findings.extend(deleted(engine, credential, reading));
    findings.extend(no_way_back(world, credential, reading).await);
    findings
}

/// A secret whose newest version somebody deleted: Vault still knows it by its number.
fn deleted(engine: &Engine, credential: &Credential, reading: &Reading) -> Option<Finding> {
    let Some(StoreSettings::Vault(vault)) = engine.config.stores.get(&credential.store) else {
        return None;
    };
    if !matches!(reading.content, SecretContent::Vacant) || reading.version.is_absent() {
        return None;
    }
    // A secret without a token has a version, too; only one without anything is deleted.
    if reading.others.size() > 0 {
        return None;
    }
    let (version, mount, path) = (reading.version.as_str(), &vault.mount, &credential.path);
    Some(Finding::warning(
        &credential.name,
        format!("the newest version of its secret, {version}, was deleted"),
        Some(format!(
            "`vault kv undelete -mount={mount} -versions={version} {path}` brings it back, unless it was destroyed"
        )),
    ))
}

/// A rotation that is under way, and whose predecessor nobody could serve again.
async fn no_way_back(
    world: &ProductionWorld,
    credential: &Credential,
    reading: &Reading,
) -> Option<Finding> {
    let SecretContent::Managed { record, .. } = &reading.content else { return None };
    let before = *record.previous_token_ids.first()?;
    if record.phase != Phase::Published || !matches!(world.recall(before).await, Ok(None)) {
        return None;
    }
    Some(Finding::warning(
        &credential.name,
        format!("token {before}, which was replaced, is not in the store any more: it cannot be served again"),
        Some(
            "both tokens live until the rotation is done; if the new one is no good, put the old one's text there by \
             hand and adopt it"
                .to_owned(),
        ),
    ))
}
