//! How requests to a Vault that is under load are spread: a burst that met a quota goes on at a pace that the quota bears.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::retry::VAULT_BUSY;

/// Below this requests are no longer spread.
const LEAST_GAP: Duration = Duration::from_millis(5);

/// The pace of all requests to one Vault.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    /// Nobody sends before.
    next: Option<Instant>,
    gap: Duration,
}

/// One request, which may be sent several times.
pub(super) struct Turns<'a> {
    pace: &'a Pace,
    first_sent: Option<Instant>,
}

impl Pace {
    pub(super) fn turns(&self) -> Turns<'_> {
        Turns { pace: self, first_sent: None }
    }

    /// When the next request may be sent, at `now` at the soonest. The place in the line is taken.
    fn place(&self, now: Instant) -> Instant {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = line.next.map_or(now, |next| next.max(now));
        line.next = at.checked_add(line.gap);
        at
    }

    /// A request was refused for its time: all others keep away for as long as Vault asks for, and go slower then.
    fn refused(&self, now: Instant, retry_after: Option<Duration>) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.gap = (line.gap * VAULT_BUSY.factor).clamp(VAULT_BUSY.first, VAULT_BUSY.longest);
        let wait =
            retry_after.map_or(line.gap, |asked| asked.max(line.gap)).min(VAULT_BUSY.longest_asked);
        line.next = line.next.max(now.checked_add(wait));
    }

    /// A request was not: they may come a little faster.
    fn taken(&self) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.gap = line.gap * 9 / 10;
        if line.gap < LEAST_GAP {
            line.gap = Duration::ZERO;
        }
    }
}

impl Turns<'_> {
    /// Waits for its turn.
    pub(super) async fn next(&mut self) {
        let at = self.pace.place(Instant::now());
        tokio::time::sleep_until(at).await;
        self.first_sent.get_or_insert_with(Instant::now);
    }

    /// Whether it is to be sent again, having been answered by `status`: 429 is beyond a quota, 412 a standby that has
    /// not yet seen what was written before. Neither is carried out.
    pub(super) fn again(&self, status: u16, retry_after: Option<Duration>) -> bool {
        if !matches!(status, 412 | 429) {
            self.pace.taken();
            return false;
        }
        self.pace.refused(Instant::now(), retry_after);
        let spent = self.first_sent.map_or(Duration::ZERO, |at| at.elapsed());
        spent.saturating_add(retry_after.unwrap_or_default()) < VAULT_BUSY.in_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the next requests of several at once wait.
    fn waits(pace: &Pace, now: Instant, requests: usize) -> Vec<u64> {
        let wait = |at: Instant| u64::try_from(at.duration_since(now).as_millis()).unwrap();
        (0..requests).map(|_| wait(pace.place(now))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_sent_at_once_until_a_quota_is_met_and_one_after_the_other_then() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(waits(&pace, now, 3), [0, 0, 0]);
        pace.refused(now, None);
        assert_eq!(waits(&pace, now, 3), [50, 100, 150]);
        pace.refused(now, Some(Duration::from_secs(1)));
        assert_eq!(waits(&pace, now, 2), [1_000, 1_100]);
        for _ in 0..40 {
            pace.taken();
        }
        let later = now + Duration::from_secs(5);
        assert_eq!(waits(&pace, later, 2), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_for_its_time_is_sent_again_for_half_a_minute() {
        let pace = Pace::default();
        let mut turns = pace.turns();
        let begun = Instant::now();
        let mut sent = 0;
        loop {
            turns.next().await;
            sent += 1;
            if !turns.again(429, None) {
                break;
            }
        }
        assert!((10..40).contains(&sent), "{sent}");
        assert!((25..=35).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        let mut turns = pace.turns();
        turns.next().await;
        assert!(!turns.again(429, Some(Duration::from_mins(1))), "nobody waits for so long");
        for status in [200, 400, 403, 500, 503] {
            assert!(
                !turns.again(status, None),
                "{status} may have been carried out, or never will"
            );
        }
    }
}
