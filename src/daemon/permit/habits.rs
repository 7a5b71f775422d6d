//! Whether those whom a credential's runs wait for were slow the last time.

use std::sync::atomic::{AtomicU8, Ordering};
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
    /// MotherDuck's REST API.
    MotherDuck,
}

/// How soon somebody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// The last answer came soon.
    Quick,
    /// There was none yet.
    Unknown,
    /// The last answer, or the limit that stood in its place, took long.
    Slow,
}

/// What was learned of one credential; kept between its runs.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Habits {
    store: AtomicU8,
    consumers: AtomicU8,
    proof: AtomicU8,
    motherduck: AtomicU8,
}

impl Habits {
    /// How soon they answer.
    pub(super) fn pace(&self, kind: Kind) -> Pace {
        match self.of(kind).load(Ordering::Relaxed) {
            QUICK => Pace::Quick,
            SLOW => Pace::Slow,
            _ => Pace::Unknown,
        }
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
        self.note(kind, patience, began.elapsed());
        answer
    }

    /// Remembers that an answer came after so long.
    pub(super) fn note(&self, kind: Kind, patience: Duration, after: Duration) {
        let pace = if after < patience { QUICK } else { SLOW };
        self.of(kind).store(pace, Ordering::Relaxed);
    }

    fn of(&self, kind: Kind) -> &AtomicU8 {
        match kind {
            Kind::Store => &self.store,
            Kind::Consumers => &self.consumers,
            Kind::Proof => &self.proof,
            Kind::MotherDuck => &self.motherduck,
        }
    }
}

const QUICK: u8 = 1;
const SLOW: u8 = 2;
