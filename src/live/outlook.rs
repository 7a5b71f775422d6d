//! How the outside looks to whoever watches the fleet.

use jiff::Timestamp;

use super::Outside;
use crate::fleet::{Contacts, Outlook};

impl Outlook for Outside {
    fn now(&self) -> Timestamp {
        Outside::now(self)
    }

    fn contacts(&self) -> Contacts {
        Contacts {
            motherduck: self.motherduck.contact(),
            clock_skew: self.motherduck.clock_skew(),
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
