//! How the outside looks to whoever watches the fleet.

use super::Outside;
use crate::fleet::{Contacts, Outlook};
use crate::rotation::clock::Time;

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
