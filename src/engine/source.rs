//! How the outside looks to whoever watches the fleet.

use std::sync::Arc;

use super::Engine;
use crate::config::{Config, Credential};
use crate::names::CredentialName;
use crate::rotation::time::Time;
use crate::status::{Configured, Contacts, Registry, StatusSource};

impl StatusSource for Engine {
    fn time(&self) -> Time {
        Engine::time(self)
    }

    fn contacts(&self) -> Contacts {
        Contacts {
            motherduck: self.motherduck.reachability(),
            clock_skew: self.motherduck.clock_skew(),
            time: Some(self.time()),
            stores: self
                .stats
                .iter()
                .map(|(name, stats)| (name.clone(), stats.reachability()))
                .collect(),
            workloads: self.workloads.reachability(),
            audit_failures: self.audit_log.as_ref().map(|log| log.failures()),
        }
    }
}

impl From<&Credential> for Configured {
    fn from(credential: &Credential) -> Self {
        Self {
            name: credential.name.clone(),
            fleet: credential.fleet.clone(),
            username: credential.username.clone(),
            token_type: credential.token_type,
            store: credential.store.clone(),
            path: credential.path.clone(),
            policy: credential.policy.clone(),
        }
    }
}

/// The fleet of those credentials of `config` that are members.
pub fn fleet(
    config: &Config,
    is_member: impl Fn(&CredentialName) -> bool,
    source: Arc<dyn StatusSource>,
) -> Registry {
    let credentials = config.credentials.values().map(Configured::from);
    let asked = config.server.as_ref().and_then(|server| server.credential_label);
    Registry::new(config.owner.clone(), asked, credentials, is_member, source)
}
