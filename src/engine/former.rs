//! A credential that stays in its former place while another one is configured.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::ProductionWorld;

impl ProductionWorld {
    /// The world that `before` was, reached by what this one is reached by: the same places, gates and hooks, with the
    /// client, the account and the audit log of the configuration that is in force.
    #[must_use]
    pub fn in_the_place_of(&self, before: &Self) -> Self {
        let is_same_account =
            self.credential.username.folded() == before.credential.username.folded();
        let keeper = if is_same_account { &self.keeper } else { &before.keeper };
        Self {
            owner: self.owner.clone(),
            credential: before.credential.clone(),
            primary: before.primary.clone(),
            mirrors: before.mirrors.clone(),
            directory: self.directory.clone(),
            ordinary: self.ordinary.clone(),
            urgent: self.urgent.clone(),
            is_urgent: AtomicBool::new(false),
            adapters: before.adapters.clone(),
            keeper: keeper.clone(),
            acts: self.acts,
            infancy: Mutex::default(),
            clocks: self.clocks.clone(),
            stop: self.stop.clone(),
            until: self.until,
            witness: self.witness.anew(),
        }
    }
}
