//! Instants ahead, however far: a number that somebody else chose must not be added without a look.

use std::time::Duration;

use tokio::time::Instant;

/// Further ahead than any process lives.
const AGES: Duration = Duration::from_hours(24 * 365 * 30);

/// The instant at which `wait` is over, or one in ages.
pub fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(AGES)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_long_enough() {
        assert!(after(Duration::MAX) > after(AGES / 2));
        assert!(after(Duration::from_secs(1)) < after(Duration::from_mins(1)));
    }
}
