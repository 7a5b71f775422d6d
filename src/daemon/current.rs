//! The outside that is in force: a reload puts another in its place.

use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::Engine;
use crate::rotation::time::Time;
use crate::status::{Contacts, StatusSource};

/// The outside of the configuration that is in force.
pub(super) struct Current(RwLock<Arc<Engine>>);

impl Current {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self(RwLock::new(engine))
    }

    pub(super) fn get(&self) -> Arc<Engine> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, engine: Arc<Engine>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = engine;
    }
}

impl StatusSource for Current {
    fn time(&self) -> Time {
        self.get().time()
    }

    fn contacts(&self) -> Contacts {
        self.get().contacts()
    }
}
