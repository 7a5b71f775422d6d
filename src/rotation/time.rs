//! What the clocks say: this machine's, MotherDuck's and the stores'. Where two differ much, neither is believed alone.

use jiff::{SignedDuration, Timestamp};

use crate::record::Record;

/// Clocks that differ by less are taken as equal: a `Date` has whole seconds, and answers take time.
pub const TOLERATED: SignedDuration = SignedDuration::from_mins(1);
/// MotherDuck's clock is believed where it differs by no more from this machine's.
pub const BELIEVED: SignedDuration = SignedDuration::from_hours(1);
/// Two servers whose clocks differ by less from each other agree.
const AGREEMENT: SignedDuration = SignedDuration::from_mins(5);

/// One instant, as the clocks have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// By the clock that is gone by. Pauses, tries and stamps are counted by it.
    pub now: Timestamp,
    /// By the other clock, where it differs and nothing tells that it is wrong.
    pub other: Option<Timestamp>,
}

impl From<Timestamp> for Time {
    fn from(now: Timestamp) -> Self {
        Self { now, other: None }
    }
}

impl Time {
    /// What the clocks say where this machine's says `host`, MotherDuck's is ahead of that by `motherduck`, and those of
    /// the stores that tell the time by `stores`.
    ///
    /// Beyond an hour of difference nobody knows which of the two is wrong: a proxy may write the `Date`, and a machine
    /// may have started without its clock set. A store that agrees with MotherDuck, where none agrees with this machine,
    /// settles it.
    pub fn judge(
        host: Timestamp,
        motherduck: Option<SignedDuration>,
        stores: impl IntoIterator<Item = SignedDuration>,
    ) -> Self {
        let Some(ahead) = motherduck.filter(|ahead| ahead.abs() > TOLERATED) else {
            return host.into();
        };
        let theirs = host.saturating_add(ahead).unwrap_or(host);
        if ahead.abs() <= BELIEVED {
            return Self { now: theirs, other: Some(host) };
        }
        let (mut for_them, mut for_us) = (false, false);
        for store in stores {
            for_them |= store.saturating_sub(ahead).abs() <= AGREEMENT;
            for_us |= store.abs() <= AGREEMENT;
        }
        if for_them && !for_us { theirs.into() } else { Self { now: host, other: Some(theirs) } }
    }

    /// What each clock says.
    pub fn clocks(self) -> impl Iterator<Item = Timestamp> {
        std::iter::once(self.now).chain(self.other)
    }

    /// The later clock. The end of a token goes by it: one that is replaced too early costs nobody anything.
    pub fn later(self) -> Timestamp {
        self.other.map_or(self.now, |other| self.now.max(other))
    }

    /// The earlier clock. By it a token is dead, or was made long ago.
    pub fn earlier(self) -> Timestamp {
        self.other.map_or(self.now, |other| self.now.min(other))
    }

    /// Whether the clocks differ so much that neither is believed alone.
    pub fn is_disputed(self) -> bool {
        self.later().duration_since(self.earlier()) > BELIEVED
    }

    /// `instant` of the later clock, as the clock has it that is gone by.
    pub fn of_later(self, instant: Timestamp) -> Timestamp {
        let ahead = self.later().duration_since(self.now);
        instant.saturating_sub(ahead).unwrap_or(instant)
    }
}

/// What to do where clocks disagree.
pub const HINT: &str = "set this machine's clock, by NTP for example; if it is right, find out what answers in \
    MotherDuck's place with another Date, and whether MotherDuck grants the configured ttl. Until then a token is \
    replaced when either clock says that it nears its end, once an hour at most, and scheduled rotations wait";

/// How clocks disagree, or the times of `record`'s token with them.
pub fn disagreement(time: Time, record: Option<&Record>) -> String {
    if let (Some(theirs), true) = (time.other, time.is_disputed()) {
        return format!(
            "MotherDuck's clock says {theirs:.0}, this machine's {:.0}, and no store's clock tells which is right",
            time.now
        );
    }
    let ends = record.and_then(|record| Some((record.created_at, record.expires_at?)));
    ends.map_or_else(String::new, |(made, ends)| {
        format!(
            "the served token was made because its predecessor neared its end, and nears its own: made at {made:.0}, it expires at {ends:.0}, as \
             MotherDuck says, and now it is {:.0}",
            time.now
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn time(motherduck: Option<i64>, stores: &[i64]) -> Time {
        let minutes = |minutes: &i64| SignedDuration::from_mins(*minutes);
        Time::judge(at(0), motherduck.as_ref().map(minutes), stores.iter().map(minutes))
    }

    #[test]
    fn a_clock_is_corrected_where_it_is_off_by_little_and_the_later_one_is_kept_in_mind() {
        assert_eq!(time(None, &[]), at(0).into());
        assert_eq!(time(Some(1), &[]), at(0).into());
        for minutes in [-60, -2, 2, 60] {
            let time = time(Some(minutes), &[]);
            assert_eq!((time.now, time.other), (at(minutes), Some(at(0))), "{minutes}");
            assert_eq!((time.later(), time.earlier()), (at(minutes.max(0)), at(minutes.min(0))));
            assert!(!time.is_disputed(), "{minutes}");
        }
    }

    #[test]
    fn beyond_an_hour_neither_clock_is_believed_alone() {
        for minutes in [-100 * DAY, -61, 61, 100 * DAY] {
            // A store that agrees with neither, or one with each, settles nothing.
            for stores in [&[][..], &[0], &[-3 * DAY], &[0, minutes]] {
                let time = time(Some(minutes), stores);
                assert_eq!((time.now, time.other), (at(0), Some(at(minutes))), "{stores:?}");
                assert!(time.is_disputed());
            }
        }
    }

    #[test]
    fn a_store_that_agrees_with_motherduck_says_that_this_machine_is_wrong() {
        for minutes in [-100 * DAY, -61, 61, 100 * DAY] {
            for store in [minutes - 5, minutes, minutes + 5] {
                assert_eq!(time(Some(minutes), &[store]), at(minutes).into());
            }
            assert!(time(Some(minutes), &[minutes + 6]).is_disputed());
        }
    }

    #[test]
    fn a_date_beyond_all_calendars_is_a_late_one() {
        let far = Time::judge(at(0), Some(SignedDuration::MAX), []);
        assert_eq!((far.now, far.later()), (at(0), Timestamp::MAX));
    }
}
