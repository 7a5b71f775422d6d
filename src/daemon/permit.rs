//! The places to work in. A run that waits for others gives its place away, so that no tenant can stop the rest.

mod habits;
mod lanes;
mod world;

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::habits::Pace;
pub(super) use self::habits::{Habits, Kind};
use self::lanes::{Lanes, Room};
pub(super) use self::world::WithPermit;
use crate::occupancy::{self, Occupied, PATIENCE, within};

/// A credential whose last call to MotherDuck took longer, or found no answer at all, has its next one apart from the
/// others.
const HANGS: Duration = Duration::from_secs(10);

/// The places to work in.
///
/// # Guarantees
///
/// - At most `count` runs work at once, and as many urgent ones besides: what is urgent waits for nobody who is not.
/// - Gates, hooks and proofs occupy no place, a slow store none for longer than [`PATIENCE`]. They have a larger bound
///   of their own, which those that were slow before cannot use up.
/// - A call to MotherDuck occupies no place between its repeats, nor while an answer is late. Credentials whose last
///   call hung have places apart, half as many, until one of their calls is answered.
/// - Whoever waits for a place within its run gets one before a new run begins.
#[derive(Clone)]
pub(super) struct Slots {
    places: Arc<Semaphore>,
    urgent: Arc<Semaphore>,
    /// For those whose last call to MotherDuck hung.
    hanging: Arc<Semaphore>,
    hanging_urgent: Arc<Semaphore>,
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
            hanging: Arc::new(Semaphore::new((count / 2).max(1))),
            hanging_urgent: Arc::new(Semaphore::new((count / 2).max(1))),
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
            place: Arc::new(Mutex::new(Some(Place { _permit: place, ward: Ward::Ordinary }))),
            is_urgent: Arc::new(AtomicBool::new(is_urgent)),
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

/// Which places a run may work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ward {
    Ordinary,
    Hanging,
}

struct Place {
    _permit: OwnedSemaphorePermit,
    ward: Ward,
}

/// The place of one run, given back when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Permit {
    slots: Slots,
    place: Arc<Mutex<Option<Place>>>,
    is_urgent: Arc<AtomicBool>,
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

    /// Has MotherDuck do something, in a place while it answers. Nothing where the daemon stops before there is one.
    pub(super) async fn at_work<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.occupy(self.ward()).await.is_break() {
            return None;
        }
        Some(within(Arc::new(self.clone()), work).await)
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
        // What was begun is written down: when the daemon stops no place is waited for.
        let _ = self.occupy(Ward::Ordinary).await;
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

    /// Where the next call to MotherDuck is made.
    fn ward(&self) -> Ward {
        if self.habits.pace(Kind::MotherDuck) == Pace::Slow {
            Ward::Hanging
        } else {
            Ward::Ordinary
        }
    }

    /// Waits for a place, but not while the daemon stops.
    async fn occupy(&self, ward: Ward) -> ControlFlow<()> {
        if self.place().as_ref().is_some_and(|place| place.ward == ward) {
            return ControlFlow::Continue(());
        }
        // Nobody holds one place while waiting for another.
        self.leave();
        let Slots { places, urgent, hanging, hanging_urgent, stop, .. } = &self.slots;
        let (places, urgent) = match ward {
            Ward::Ordinary => (places, urgent),
            Ward::Hanging => (hanging, hanging_urgent),
        };
        let permit = async {
            if self.is_urgent() {
                tokio::select! {
                    biased;
                    permit = urgent.clone().acquire_owned() => permit.ok(),
                    permit = places.clone().acquire_owned() => permit.ok(),
                }
            } else {
                places.clone().acquire_owned().await.ok()
            }
        };
        let permit = tokio::select! {
            biased;
            permit = permit => permit,
            () = stop.cancelled() => None,
        };
        let place = permit.map(|permit| Place { _permit: permit, ward });
        let has_place = place.is_some();
        *self.place() = place;
        if has_place { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn leave(&self) {
        if self.place().take().is_some() {
            self.slots.freed.notify_one();
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupied for Permit {
    fn enter(&self) -> BoxFuture<'_, ControlFlow<()>> {
        self.occupy(self.ward()).boxed()
    }

    fn leave(&self) {
        Self::leave(self);
    }

    fn step_aside(&self) -> Option<occupancy::Room> {
        // Of those that hung before only so many may wait, wherever they do.
        if self.place().as_ref().is_none_or(|place| place.ward == Ward::Hanging) {
            return None;
        }
        let room = self.slots.lanes.room_after_all(Kind::MotherDuck);
        if room.is_some() || self.is_urgent() {
            Self::leave(self);
        }
        room.map(|room| Box::new(room) as occupancy::Room)
    }

    fn answered(&self, after: Duration) {
        self.habits.note(Kind::MotherDuck, HANGS, after);
    }
}
