//! The pace of lists at rest: a share of what MotherDuck may be asked, so that no rotation waits for them.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::rotation::schedule::later;

/// Lists at rest take at most one in so many requests.
const SHARE: f64 = 4.0;
/// So many lists may follow one another at once, where none was asked for in a while: a small fleet does not wait.
const BURST: f64 = 8.0;
/// What changed of late is listed before accounts whose turn has come, so long as those wait for less than this.
const HEAD_START: Duration = Duration::from_hours(1);

/// Says when another account may be listed that nothing asks for but time.
#[derive(Debug)]
pub(super) struct ListClock {
    per_second: f64,
    budget: f64,
    counted_at: Instant,
}

impl ListClock {
    /// The clock of a daemon that may make so many requests in a second.
    pub(super) fn new(requests_per_second: u32) -> Self {
        let per_second = f64::from(requests_per_second.max(1)) / SHARE;
        Self { per_second, budget: BURST, counted_at: Instant::now() }
    }

    /// Another number of requests is allowed from now on.
    pub(super) fn follow(&mut self, requests_per_second: u32) {
        let Self { budget, counted_at, .. } = *self;
        *self = Self { budget, counted_at, ..Self::new(requests_per_second) };
    }

    /// Nothing if an account may be listed now, else how long that takes.
    pub(super) fn wait(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let earned = now.duration_since(self.counted_at).as_secs_f64() * self.per_second;
        self.budget = (self.budget + earned).min(BURST.max(self.per_second));
        self.counted_at = now;
        let lacking = 1.0 - self.budget;
        // A little more, so that it is enough then whatever was rounded.
        let wait = lacking / self.per_second + 0.001;
        (lacking > 0.0).then(|| Duration::from_secs_f64(wait.clamp(0.0, 60.0)))
    }

    /// An account is listed.
    pub(super) fn spend(&mut self) {
        self.budget -= 1.0;
    }
}

/// When an account is to be listed whose secret was written at `written_at` and not listed since: the latest change
/// first, since that is where something may have been interrupted.
pub(super) fn soon(written_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let age = written_at.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    let ahead = HEAD_START.saturating_sub(age.unwrap_or_default());
    later(now, Duration::ZERO).saturating_sub(ahead).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lists_take_a_quarter_of_the_requests_and_a_few_at_once_after_a_while() {
        let mut clock = ListClock::new(10);
        let begun = Instant::now();
        let mut listed = 0;
        while begun.elapsed() < Duration::from_secs(100) {
            match clock.wait() {
                None => {
                    clock.spend();
                    listed += 1;
                }
                Some(wait) => tokio::time::sleep(wait).await,
            }
            if begun.elapsed().is_zero() {
                assert!(listed <= 8);
            }
        }
        assert!((250..=260).contains(&listed), "{listed}");
    }

    #[test]
    fn what_changed_last_is_listed_first_and_none_waits_for_ever() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |minutes| Some(now - Duration::from_mins(minutes));
        assert!(soon(ago(1), now) < soon(ago(2), now));
        assert!(soon(ago(2), now) < now);
        assert_eq!(soon(ago(600), now), now);
        assert_eq!(soon(None, now), now - HEAD_START);
    }
}
