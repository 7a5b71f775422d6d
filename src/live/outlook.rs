//! How the outside looks to whoever watches the fleet.

use std::sync::Arc;

use super::Outside;
use crate::config::{Config, Credential};
use crate::fleet::{Configured, Contacts, Fleet, Outlook};
use crate::names::CredentialName;
use crate::rotation::time::Time;

impl Outlook for Outside {
    fn time(&self) -> Time {
        Outside::time(self)
    }

    fn contacts(&self) -> Contacts {
        Contacts {
            motherduck: self.motherduck.contact(),
            clock_skew: self.motherduck.clock_skew(),
            time: Some(self.time()),
            stores: self
                .tallies
                .iter()
                .map(|(name, tally)| (name.clone(), tally.contact()))
                .collect(),
            workloads: self.workloads.contact(),
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
    outlook: Arc<dyn Outlook>,
) -> Fleet {
    let credentials = config.credentials.values().map(Configured::from);
    let tells_apart = config.server.as_ref().is_none_or(|server| server.credential_label);
    Fleet::new(config.owner.clone(), tells_apart, credentials, is_member, outlook)
}
