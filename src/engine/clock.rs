//! What the clocks of the outside say.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::motherduck::Client;
use crate::rotation::time::Time;
use crate::stores::Store;

/// This machine's clock, MotherDuck's and those of the stores.
#[derive(Clone)]
pub(super) struct Clocks {
    motherduck: Arc<Client>,
    stores: Arc<[Arc<Store>]>,
}

impl Clocks {
    pub(super) fn new(motherduck: &Arc<Client>, stores: &BTreeMap<String, Arc<Store>>) -> Self {
        Self { motherduck: motherduck.clone(), stores: stores.values().cloned().collect() }
    }

    /// What they say now, as of the last answers.
    pub(super) fn time(&self) -> Time {
        let stores = self.stores.iter().filter_map(|store| store.clock_skew());
        Time::judge(Timestamp::now(), self.motherduck.clock_skew(), stores)
    }
}
