//! One rate for all requests. Those that cannot wait go before those that can.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, Notify};

/// Whether a request may wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// It waits until no urgent request waits.
    Ordinary,
    /// A token that others know, that expires or that is gone is at stake, or one is to be revoked.
    Urgent,
}

/// The rate limit of one MotherDuck.
pub(super) struct Rate {
    per_second: NonZeroU32,
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// One ordinary request at a time asks for its turn, in the order in which they came.
    ordinary: Mutex<()>,
    urgent: AtomicUsize,
    none_urgent: Notify,
}

impl Rate {
    /// So many requests in a second.
    pub(super) fn per_second(per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        Self {
            per_second,
            limiter: RateLimiter::direct(Quota::per_second(per_second)),
            clock: DefaultClock::default(),
            ordinary: Mutex::default(),
            urgent: AtomicUsize::new(0),
            none_urgent: Notify::new(),
        }
    }

    /// Whether `other` allows as many.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.per_second == other.per_second
    }

    /// Waits for its turn.
    pub(super) async fn turn(&self, lane: Lane) {
        match lane {
            Lane::Urgent => {
                let _waits = Waits::among(self);
                self.limiter.until_ready().await;
            }
            Lane::Ordinary => {
                let _turn = self.ordinary.lock().await;
                loop {
                    self.no_urgent_waits().await;
                    let Err(not_yet) = self.limiter.check() else { return };
                    tokio::time::sleep(not_yet.wait_time_from(self.clock.now())).await;
                }
            }
        }
    }

    async fn no_urgent_waits(&self) {
        let mut told = std::pin::pin!(self.none_urgent.notified());
        loop {
            // Listened first: what is told from here on is not missed.
            told.as_mut().enable();
            if self.urgent.load(Ordering::SeqCst) == 0 {
                return;
            }
            told.as_mut().await;
            told.set(self.none_urgent.notified());
        }
    }
}

/// An urgent request that waits, for as long as this lives.
struct Waits<'a>(&'a Rate);

impl<'a> Waits<'a> {
    fn among(rate: &'a Rate) -> Self {
        rate.urgent.fetch_add(1, Ordering::SeqCst);
        Self(rate)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if self.0.urgent.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.none_urgent.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as Lock};

    use futures::future::join_all;

    use super::*;

    /// The order in which requests in these lanes have their turns, where all of them wait before the first has.
    async fn order(lanes: &[Lane]) -> Vec<usize> {
        let rate = Arc::new(Rate::per_second(20));
        while rate.limiter.check().is_ok() {}
        let order = Arc::new(Lock::new(vec![]));
        let turns = lanes.iter().enumerate().map(|(number, lane)| {
            let (rate, order) = (rate.clone(), order.clone());
            async move {
                rate.turn(*lane).await;
                order.lock().unwrap().push(number);
            }
        });
        join_all(turns).await;
        Arc::into_inner(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn what_is_urgent_goes_before_all_that_waits_already() {
        let mut lanes = [Lane::Ordinary; 12];
        (lanes[7], lanes[11]) = (Lane::Urgent, Lane::Urgent);
        let order = order(&lanes).await;
        let mut first = order[..2].to_vec();
        first.sort_unstable();
        assert_eq!(first, [7, 11], "{order:?}");
        assert_eq!(order[2..], [0, 1, 2, 3, 4, 5, 6, 8, 9, 10], "first come, first served");
    }

    #[tokio::test]
    async fn an_urgent_request_that_is_given_up_holds_nobody_up() {
        let rate = Rate::per_second(20);
        while rate.limiter.check().is_ok() {}
        let given_up = async {
            tokio::select! {
                biased;
                () = rate.turn(Lane::Urgent) => panic!("its turn was not yet"),
                () = std::future::ready(()) => {}
            }
        };
        given_up.await;
        rate.turn(Lane::Ordinary).await;
    }
}
