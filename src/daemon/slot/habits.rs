//! Whether those whom a credential's runs wait for were slow the last time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Whom a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Kind {
    /// Its store, or a mirror.
    Store,
    /// Its consumers: the gate and the deploy hook.
    Consumers,
    /// Whoever proves its tokens.
    Proof,
}

/// What was learned of one credential; kept between its runs.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Habits {
    store: AtomicBool,
    consumers: AtomicBool,
    proof: AtomicBool,
}

impl Habits {
    /// Whether the last answer took long. Whoever was never asked is not slow.
    pub(super) fn is_slow(&self, kind: Kind) -> bool {
        self.flag(kind).load(Ordering::Relaxed)
    }

    /// Waits for an answer and remembers whether it took longer than `patience`.
    pub(super) async fn timed<T>(
        &self,
        kind: Kind,
        patience: Duration,
        call: impl Future<Output = T>,
    ) -> T {
        let began = Instant::now();
        let answer = call.await;
        self.flag(kind).store(began.elapsed() >= patience, Ordering::Relaxed);
        answer
    }

    fn flag(&self, kind: Kind) -> &AtomicBool {
        match kind {
            Kind::Store => &self.store,
            Kind::Consumers => &self.consumers,
            Kind::Proof => &self.proof,
        }
    }
}
