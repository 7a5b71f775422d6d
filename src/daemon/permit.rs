//! The places to work in. A run that waits for others gives its place away, so that no tenant can stop the rest.

mod habits;
mod lanes;
mod world;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::habits::Pace;
pub(super) use self::habits::{Habits, Kind};
use self::lanes::{Lanes, Room};
pub(super) use self::world::WithPermit;

/// A store that takes longer for one answer does so outside of the places of work.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places to work in.
///
/// # Guarantees
///
/// - At most `count` runs work at once, and as many urgent ones besides: what is urgent waits for nobody who is not.
/// - Gates, hooks and proofs occupy no place, a slow store none for longer than [`PATIENCE`]. They have a larger bound
///   of their own, which those that were slow before cannot use up.
/// - Whoever waits for a place within its run gets one before a new run begins.
#[derive(Clone)]
pub(super) struct Slots {
    places: Arc<Semaphore>,
    urgent: Arc<Semaphore>,
    lanes: Lanes,
    freed: Arc<Notify>,
    stop: CancellationToken,
}

impl Slots {
    /// `count` places; `freed` is told when one may be free, and waits for one end with `stop`.
    pub(super) fn new(count: usize, freed: Arc<Notify>, stop: CancellationToken) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count)),
            urgent: Arc::new(Semaphore::new(count)),
            lanes: Lanes::new(count),
            freed,
            stop,
        }
    }

    /// A place for a run with these habits, if one is free that nobody waits for.
    pub(super) fn take(&self, is_urgent: bool, habits: &Arc<Habits>) -> Option<Permit> {
        let place = if is_urgent { self.try_urgent() } else { self.try_ordinary() }?;
        Some(Permit {
            slots: self.clone(),
            place: Mutex::new(Some(place)),
            is_urgent: AtomicBool::new(is_urgent),
            habits: habits.clone(),
        })
    }

    fn try_ordinary(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    fn try_urgent(&self) -> Option<OwnedSemaphorePermit> {
        self.urgent.clone().try_acquire_owned().ok().or_else(|| self.try_ordinary())
    }
}

/// The place of one run, given back when dropped.
pub(super) struct Permit {
    slots: Slots,
    place: Mutex<Option<OwnedSemaphorePermit>>,
    is_urgent: AtomicBool,
    habits: Arc<Habits>,
}

impl Permit {
    /// From here on the run waits for nobody who can wait.
    pub(super) fn hurry(&self) {
        self.is_urgent.store(true, Ordering::Relaxed);
    }

    /// Whether it does.
    pub(super) fn is_urgent(&self) -> bool {
        self.is_urgent.load(Ordering::Relaxed)
    }

    /// Does `work` in a place. When the daemon stops no place is waited for: nothing more is begun.
    pub(super) async fn at_work<T>(&self, work: impl Future<Output = T>) -> T {
        self.occupy().await;
        work.await
    }

    /// Waits for nothing but time, without a place.
    pub(super) async fn aside(&self, nap: impl Future<Output = ()>) {
        self.leave();
        nap.await;
    }

    /// Has others do something, without a place: a gate, a hook, a proof. Nothing where the daemon stops before there
    /// is room for it.
    pub(super) async fn with_others<T>(
        &self,
        kind: Kind,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        self.leave();
        let _room = tokio::select! {
            biased;
            room = self.room(kind) => room,
            () = self.slots.stop.cancelled() => return None,
        };
        Some(self.habits.timed(kind, PATIENCE, call).await)
    }

    /// Asks a store: in a place where it answers soon, and without one where it does not.
    pub(super) async fn at_store<T>(&self, call: impl Future<Output = T>) -> T {
        let kind = Kind::Store;
        if self.habits.pace(kind) == Pace::Slow {
            self.leave();
            // What was begun is written down, even in the little time that a stop leaves.
            let _room = tokio::select! {
                biased;
                room = self.room(kind) => room,
                () = self.slots.stop.cancelled() => Room::default(),
            };
            return self.habits.timed(kind, PATIENCE, call).await;
        }
        self.occupy().await;
        let call = pin!(self.habits.timed(kind, PATIENCE, call));
        match select(call, pin!(tokio::time::sleep(PATIENCE))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), call)) => {
                let room = self.slots.lanes.room_after_all(kind);
                if room.is_some() || self.is_urgent() {
                    self.leave();
                }
                let answer = call.await;
                drop(room);
                answer
            }
        }
    }

    /// Room for a call. What is urgent does not wait for it: there is little of it, and all of it has passed
    /// MotherDuck's rate.
    async fn room(&self, kind: Kind) -> Room {
        let pace = self.habits.pace(kind);
        if self.is_urgent() {
            return self.slots.lanes.some_room(kind, pace);
        }
        self.slots.lanes.room(kind, pace).await
    }

    async fn occupy(&self) {
        if self.place().is_some() {
            return;
        }
        let Slots { places, urgent, stop, .. } = &self.slots;
        let ordinary = async {
            if self.is_urgent() {
                tokio::select! {
                    biased;
                    place = urgent.clone().acquire_owned() => place.ok(),
                    place = places.clone().acquire_owned() => place.ok(),
                }
            } else {
                places.clone().acquire_owned().await.ok()
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            place = ordinary => *self.place() = place,
        }
    }

    fn leave(&self) {
        if self.place().take().is_some() {
            self.slots.freed.notify_one();
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
