//! How far a server's clock is from ours, by the `Date` of its answers.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;

use super::{date, http_date};

/// The latest measurement.
#[derive(Debug, Default)]
pub struct Skew(Mutex<Option<SignedDuration>>);

impl Skew {
    /// Their clock minus ours, to about a second; `None` before the first answer with a `Date`.
    pub fn latest(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer's `Date` to be the middle between the request and the answer.
    pub fn measure(&self, headers: &HeaderMap, asked: Timestamp, answered: Timestamp) {
        self.note(measured(date(headers), asked, answered));
    }

    /// The same of a header's text.
    pub fn measure_text(&self, date: &str, asked: Timestamp, answered: Timestamp) {
        self.note(measured(http_date(date), asked, answered));
    }

    fn note(&self, skew: Option<SignedDuration>) {
        if let Some(skew) = skew {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
        }
    }
}

fn measured(
    date: Option<Timestamp>,
    asked: Timestamp,
    answered: Timestamp,
) -> Option<SignedDuration> {
    let middle = asked.checked_add(asked.duration_until(answered) / 2).ok()?;
    // The header names a whole second that has begun: on average it is half over.
    let theirs = date?.checked_add(SignedDuration::from_millis(500)).ok()?;
    Some(middle.duration_until(theirs))
}

#[cfg(test)]
mod tests {
    use reqwest::header::DATE;

    use super::*;

    #[test]
    fn the_skew_is_measured_at_the_middle_of_the_request() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        let skew = |asked: &str, answered: &str| {
            measured(date(&headers), asked.parse().unwrap(), answered.parse().unwrap()).unwrap()
        };
        let same = skew("1994-11-06T08:49:36.5Z", "1994-11-06T08:49:38.5Z");
        assert_eq!(same, SignedDuration::ZERO);
        let behind = skew("1994-11-06T08:48:36.5Z", "1994-11-06T08:48:38.5Z");
        assert_eq!(behind, SignedDuration::from_secs(60));
    }

    #[test]
    fn a_date_that_cannot_be_read_measures_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "yesterday".parse().unwrap());
        let skew = Skew::default();
        skew.measure(&headers, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert_eq!(skew.latest(), None);
    }

    #[test]
    fn whatever_a_date_says_the_skew_is_within_time() {
        crate::drawn::each("headers", &["Date", "9999", "0000", "-2359", "23:59:60"], |bytes| {
            let response = crate::drawn::answer(bytes).response();
            for (asked, answered) in [
                (Timestamp::MIN, Timestamp::MAX),
                (Timestamp::MAX, Timestamp::MIN),
                (Timestamp::now(), Timestamp::now()),
            ] {
                let _ = measured(date(response.headers()), asked, answered);
            }
        });
    }
}
