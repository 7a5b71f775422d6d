//! What waits to be delivered to one sink: so much at most, the oldest is dropped first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Event;

/// A sink that is out of reach for longer than this many events was told enough by the first of them.
const MOST: usize = 256;

/// The queue of one sink: anybody puts events into it, one worker takes them.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Event>,
    is_closed: bool,
    in_hand: bool,
}

impl Queue {
    /// Puts an event at the end. Whether the oldest was dropped for it.
    pub(super) fn push(&self, event: Event) -> bool {
        let mut inner = self.inner();
        let is_full = inner.waiting.len() >= MOST;
        if is_full {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(event);
        drop(inner);
        self.changed.notify_one();
        is_full
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.inner().is_closed = true;
        self.changed.notify_one();
    }

    /// The next event, once there is one; the one before is finished then. `None` after the last one.
    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut inner = self.inner();
                let next = inner.waiting.pop_front();
                inner.in_hand = next.is_some();
                if next.is_some() || inner.is_closed {
                    return next;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Lets go of the one in hand; whether there was one.
    pub(super) fn give_up(&self) -> bool {
        std::mem::take(&mut self.inner().in_hand)
    }

    /// How many are not finished, the one in hand included.
    pub(super) fn unfinished(&self) -> u64 {
        let inner = self.inner();
        u64::try_from(inner.waiting.len() + usize::from(inner.in_hand)).unwrap_or(u64::MAX)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
