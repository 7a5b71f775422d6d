//! The bound on what runs wait for at once. Those who were slow before cannot use it up.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::habits::{Habits, Kind};

/// For each place of work so many calls to others may be open, of each kind.
const CALLS: usize = 8;
/// There may always be so many: connections and children, of which a machine bears that many without being asked.
const LEAST_CALLS: usize = 128;

/// The calls to others that may be open at once, by whom they wait for.
#[derive(Clone)]
pub(super) struct Lanes {
    store: Lane,
    consumers: Lane,
    proof: Lane,
}

#[derive(Clone)]
struct Lane {
    all: Arc<Semaphore>,
    /// Fewer: a call to somebody who was slow the last time needs room among these as well.
    slow: Arc<Semaphore>,
}

/// Room for one call, given back when dropped.
pub(super) struct Room {
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Lanes {
    pub(super) fn new(places: usize) -> Self {
        let calls = places.saturating_mul(CALLS).clamp(LEAST_CALLS, Semaphore::MAX_PERMITS);
        let lane = || Lane {
            all: Arc::new(Semaphore::new(calls)),
            slow: Arc::new(Semaphore::new(calls - calls / 4)),
        };
        Self { store: lane(), consumers: lane(), proof: lane() }
    }

    /// Waits for room. What is urgent does not wait: there is little of it, and all of it passed MotherDuck's rate.
    pub(super) async fn room(&self, kind: Kind, habits: &Habits, is_urgent: bool) -> Room {
        let Lane { all, slow } = self.lane(kind);
        if is_urgent {
            return Room { _permits: [all.clone().try_acquire_owned().ok(), None] };
        }
        let slow = if habits.is_slow(kind) {
            slow.clone().acquire_owned().await.ok()
        } else {
            None
        };
        Room { _permits: [all.clone().acquire_owned().await.ok(), slow] }
    }

    /// Room for a call that turned out to be slow, if there is any.
    pub(super) fn room_now(&self, kind: Kind) -> Option<Room> {
        let Lane { all, slow } = self.lane(kind);
        let slow = slow.clone().try_acquire_owned().ok()?;
        let all = all.clone().try_acquire_owned().ok()?;
        Some(Room { _permits: [Some(all), Some(slow)] })
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Store => &self.store,
            Kind::Consumers => &self.consumers,
            Kind::Proof => &self.proof,
        }
    }
}
