//! What waits to be written: so many bytes and no more, the latest is dropped first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Anybody puts lines into it, one thread takes them.
pub(super) struct Queue {
    most_bytes: usize,
    inner: Mutex<Inner>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// One was taken, and another was not asked for yet.
    in_hand: bool,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            inner: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Puts a line at the end, or drops it.
    pub(super) fn push(&self, line: &[u8]) {
        let mut inner = self.inner();
        let bytes = inner.bytes.saturating_add(line.len());
        if inner.is_closed || bytes > self.most_bytes {
            self.lost();
            return;
        }
        inner.bytes = bytes;
        inner.waiting.push_back(line.into());
        self.changed.notify_all();
    }

    /// The next line, once there is one; the one before is written, or lost. `None` once it is closed.
    pub(super) fn next(&self) -> Option<Box<[u8]>> {
        let mut inner = self.inner();
        inner.in_hand = false;
        self.changed.notify_all();
        let is_idle = |inner: &mut Inner| inner.waiting.is_empty() && !inner.is_closed;
        let mut inner =
            self.changed.wait_while(inner, is_idle).unwrap_or_else(PoisonError::into_inner);
        let line = inner.waiting.pop_front()?;
        inner.bytes = inner.bytes.saturating_sub(line.len());
        inner.in_hand = true;
        Some(line)
    }

    /// A line came to nothing.
    pub(super) fn lost(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until nothing waits, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let is_busy =
            |inner: &mut Inner| (inner.in_hand || !inner.waiting.is_empty()) && !inner.is_closed;
        drop(self.changed.wait_timeout_while(self.inner(), limit, is_busy));
    }

    /// Nobody takes lines any more.
    pub(super) fn close(&self) {
        self.inner().is_closed = true;
        self.changed.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
