//! What the stores' policies withhold, by the stores' own word.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::finding::Finding;
use crate::config::Credential;
use crate::engine::Engine;
use crate::rotation::world::Reading;
use crate::stores::{Capability, MissingCapability};

/// What is withheld, by store and path. Empty where a store does not tell: the probes of each credential remain.
pub(super) struct Rights(BTreeMap<String, BTreeMap<String, MissingCapability>>);

impl Rights {
    /// Asks every store once for all of its credentials.
    pub(super) async fn ask(engine: &Engine) -> Self {
        let asked = engine.stores.iter().map(|(name, store)| async move {
            let credentials = engine.config.credentials.values();
            let paths: Vec<_> =
                credentials.filter(|one| one.store == *name).map(|one| one.path.as_str()).collect();
            Some((name.clone(), store.lacking(&paths).await?))
        });
        let width = engine.config.daemon.concurrency;
        let told: Vec<_> = futures::stream::iter(asked).buffered(width).collect().await;
        Self(told.into_iter().flatten().collect())
    }

    /// The stores that do not take back what pintail logs in with.
    pub(super) async fn left_behind(engine: &Engine) -> Vec<Finding> {
        let asked = engine.stores.iter().map(|(name, store)| async move {
            (store.may_log_out().await == Some(false)).then(|| logout(name))
        });
        let width = engine.config.daemon.concurrency;
        let told: Vec<_> = futures::stream::iter(asked).buffered(width).collect().await;
        told.into_iter().flatten().collect()
    }

    /// What is withheld of what every rotation needs.
    pub(super) fn always_needed(&self, credential: &Credential) -> Option<Finding> {
        let lack = self.of(credential)?;
        lack.capabilities
            .iter()
            .any(|one| *one != Capability::Create)
            .then(|| error(credential, lack))
    }

    /// Whether the right to write the first version is withheld. Where a secret is there, it is needed again only if
    /// somebody removes it.
    pub(super) fn needed_at_first(
        &self,
        credential: &Credential,
        reading: &Reading,
    ) -> Option<Finding> {
        let lack = self.of(credential)?;
        let error = error(credential, lack);
        Some(if reading.version.is_absent() {
            error
        } else {
            let message = format!("{}; it is needed again if the secret is removed", error.message);
            Finding::warning(&credential.name, message, error.hint)
        })
    }

    fn of(&self, credential: &Credential) -> Option<&MissingCapability> {
        self.0.get(&credential.store)?.get(&credential.path)
    }
}

fn logout(store: &str) -> Finding {
    let message = "the policy lacks the capability `update` on auth/token/revoke-self: what pintail logs in with lives \
                   on until it expires, once for each run";
    let hint = "add it in the policy of pintail's role, or keep the role's `token_ttl` short";
    Finding::warning(&format!("store {store}"), message.to_owned(), Some(hint.to_owned()))
}

fn error(credential: &Credential, lack: &MissingCapability) -> Finding {
    let words: Vec<_> =
        lack.capabilities.iter().map(|capability| format!("`{}`", capability.as_str())).collect();
    let path = &lack.policy_path;
    let message = match words.as_slice() {
        [one] => format!("the policy lacks the capability {one} on {path}"),
        several => format!("the policy lacks the capabilities {} on {path}", several.join(", ")),
    };
    let hint =
        format!("add it in the policy of pintail's role, to the path {path} or one that covers it");
    Finding::error(&credential.name, message, Some(hint))
}
