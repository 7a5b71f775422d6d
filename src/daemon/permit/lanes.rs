//! The bound on what runs wait for at once. Those who were slow before cannot use it up.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::habits::{Kind, Pace};

/// For each place of work so many calls to others may be open, of each kind.
const CALLS: usize = 16;
/// There may always be so many: connections and children, of which a machine bears that many without being asked.
const LEAST_CALLS: usize = 256;

/// The calls to others that may be open at once, by whom they wait for.
#[derive(Clone)]
pub(super) struct Lanes {
    store: Lane,
    consumers: Lane,
    proof: Lane,
    motherduck: Lane,
}

/// Three bounds, one inside the other: those who are known to answer soon find room when all others hang.
#[derive(Clone)]
struct Lane {
    all: Arc<Semaphore>,
    unproved: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// Room for one call, given back when dropped.
#[derive(Default)]
pub(super) struct Room(Vec<OwnedSemaphorePermit>);

impl Lanes {
    pub(super) fn new(places: usize) -> Self {
        let calls = places.saturating_mul(CALLS).clamp(LEAST_CALLS, Semaphore::MAX_PERMITS);
        let bound = |count| Arc::new(Semaphore::new(count));
        let lane = || Lane {
            all: bound(calls),
            unproved: bound(calls - calls / 8),
            slow: bound(calls - calls / 4),
        };
        Self { store: lane(), consumers: lane(), proof: lane(), motherduck: lane() }
    }

    /// Waits for room.
    pub(super) async fn room(&self, kind: Kind, pace: Pace) -> Room {
        let mut room = Room::default();
        for bound in self.bounds(kind, pace) {
            room.0.extend(bound.acquire_owned().await.ok());
        }
        room
    }

    /// As much room as there is at once.
    pub(super) fn some_room(&self, kind: Kind, pace: Pace) -> Room {
        let permits = self.bounds(kind, pace).into_iter().map(Semaphore::try_acquire_owned);
        Room(permits.filter_map(Result::ok).collect())
    }

    /// Room for a call that has turned out to be slow, if there is any.
    pub(super) fn room_after_all(&self, kind: Kind) -> Option<Room> {
        let permits = self.bounds(kind, Pace::Slow).into_iter().map(Semaphore::try_acquire_owned);
        permits.collect::<Result<_, _>>().ok().map(Room)
    }

    fn bounds(&self, kind: Kind, pace: Pace) -> Vec<Arc<Semaphore>> {
        let Lane { all, unproved, slow } = match kind {
            Kind::Store => &self.store,
            Kind::Consumers => &self.consumers,
            Kind::Proof => &self.proof,
            Kind::MotherDuck => &self.motherduck,
        };
        let bounds = match pace {
            Pace::Quick => vec![all],
            Pace::Unknown => vec![unproved, all],
            Pace::Slow => vec![slow, unproved, all],
        };
        bounds.into_iter().cloned().collect()
    }
}
