//! MotherDuck's client, as one credential uses it: its requests wait for others, or go before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::motherduck::Client;

/// A client whose requests become urgent, and stay so until somebody says otherwise. Clones agree on that.
#[derive(Clone)]
pub(super) struct Requests {
    ordinary: Arc<Client>,
    urgent: Arc<Client>,
    is_urgent: Arc<AtomicBool>,
}

impl Requests {
    /// Requests that can wait.
    pub(super) fn new(ordinary: Arc<Client>, urgent: Arc<Client>) -> Self {
        Self { ordinary, urgent, is_urgent: Arc::default() }
    }

    /// The same clients for another credential.
    pub(super) fn anew(&self) -> Self {
        Self::new(self.ordinary.clone(), self.urgent.clone())
    }

    /// From now on they go before those that can wait, or no longer.
    pub(super) fn hurry(&self, is_urgent: bool) {
        self.is_urgent.store(is_urgent, Ordering::Relaxed);
    }

    /// Whom to ask.
    pub(super) fn client(&self) -> &Client {
        if self.is_urgent.load(Ordering::Relaxed) { &self.urgent } else { &self.ordinary }
    }

    /// Whom to ask for what can wait.
    pub(super) fn ordinary(&self) -> &Client {
        &self.ordinary
    }
}
