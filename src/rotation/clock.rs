//! The time that a rotation goes by.

use std::time::Duration;

use jiff::Timestamp;

/// A clock, and who waits by it.
pub trait Clock {
    /// The wall clock, corrected where MotherDuck's clock is known to differ much.
    fn now(&self) -> Timestamp;

    /// Whether the process was asked to stop: the step in hand is finished, no further one is begun.
    fn stopping(&self) -> bool;

    /// Waits for `duration`, or shorter when the process is asked to stop.
    fn nap(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
