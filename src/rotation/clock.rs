//! The time that a rotation goes by.

use std::time::Duration;

use jiff::Timestamp;

use super::time::Time;

/// A clock, and who waits by it.
pub trait Clock {
    /// What the clocks say.
    fn time(&self) -> Time;

    /// The clock that is gone by.
    fn now(&self) -> Timestamp {
        self.time().now
    }

    /// Whether the process was asked to stop: the step in hand is finished, no further one is begun.
    fn stopping(&self) -> bool;

    /// Waits for `duration`, or shorter when the process is asked to stop.
    fn nap(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
