//! Windows by the clock on the wall: across midnight, the week's end, and every change of the clock.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn windows(texts: &[&str], zone: &str) -> Windows {
    Windows::parse(texts, zone).unwrap()
}

#[test]
fn a_window_that_crosses_midnight_belongs_to_the_day_on_which_it_begins() {
    let nights = windows(&["Mon-Fri 22:00-04:00"], "UTC");
    for (instant, open) in [
        ("2026-11-16T03:00:00Z", false), // Monday, but Sunday's night
        ("2026-11-16T21:59:59Z", false),
        ("2026-11-16T22:00:00Z", true),
        ("2026-11-17T03:59:59.999Z", true),
        ("2026-11-17T04:00:00Z", false),
        ("2026-11-21T03:00:00Z", true), // Friday's night
        ("2026-11-21T22:00:00Z", false),
    ] {
        assert_eq!(nights.are_open(at(instant)), open, "{instant}");
    }
    assert_eq!(nights.opening(at("2026-11-21T12:00:00Z")), at("2026-11-23T22:00:00Z"));
    assert_eq!(nights.closing(at("2026-11-20T23:00:00Z")), at("2026-11-21T04:00:00Z"));
}

#[test]
fn windows_that_touch_are_one_across_the_end_of_the_week_too() {
    let weekend = windows(&["Sat,Sun 00:00-24:00", "mon 00:00-06:00"], "UTC");
    assert_eq!(weekend.opening(at("2026-11-20T12:00:00Z")), at("2026-11-21T00:00:00Z"));
    assert_eq!(weekend.closing(at("2026-11-21T00:00:00Z")), at("2026-11-23T06:00:00Z"));
    let around = windows(&["Fri-Mon 10:00-11:00"], "UTC");
    assert!(around.are_open(at("2026-11-23T10:00:00Z")), "ranges of days go round");
    assert!(!around.are_open(at("2026-11-24T10:00:00Z")));
}

#[test]
fn no_window_and_a_whole_week_of_them_both_mean_always() {
    for texts in [&[][..], &["00:00-24:00"], &["Mon-Sun 12:00-00:00", "00:00-12:00"]] {
        assert!(matches!(windows(texts, "Europe/Berlin"), Windows::Always), "{texts:?}");
    }
}

#[test]
fn an_hour_that_the_clock_skips_has_no_window() {
    let sundays = windows(&["Sun 02:00-03:00"], "Europe/Berlin");
    // At 02:00 on 29 March the clock shows 03:00.
    assert_eq!(sundays.opening(at("2026-03-28T12:00:00Z")), at("2026-04-05T00:00:00Z"));
    assert_eq!(sundays.longest_wait(), Duration::from_hours(14 * 24 - 2));
    let half = windows(&["02:15-02:45"], "Australia/Lord_Howe");
    // There the clock goes from 02:00 to 02:30.
    let opening = half.opening(at("2026-10-03T15:00:00Z"));
    assert_eq!(opening, at("2026-10-03T15:30:00Z"));
    assert_eq!(half.closing(opening), at("2026-10-03T15:45:00Z"));
}

#[test]
fn an_hour_that_the_clock_repeats_has_its_window_twice() {
    let nights = windows(&["01:15-01:30"], "America/New_York");
    let (first, second) = (at("2026-11-01T05:15:00Z"), at("2026-11-01T06:15:00Z"));
    assert_eq!(nights.opening(at("2026-11-01T00:00:00Z")), first);
    assert_eq!(nights.closing(first), at("2026-11-01T05:30:00Z"));
    assert_eq!(nights.opening(nights.closing(first)), second);
    let whole = windows(&["01:00-02:00"], "America/New_York");
    let opening = whole.opening(at("2026-11-01T00:00:00Z"));
    let length = whole.closing(opening).duration_since(opening);
    assert_eq!(length, SignedDuration::from_hours(2));
}

#[test]
fn the_longest_wait_counts_the_hour_that_autumn_adds() {
    let nights = windows(&["22:00-04:00"], "Europe/Berlin");
    assert_eq!(nights.longest_wait(), Duration::from_hours(18));
    let days = windows(&["10:00-16:00"], "Europe/Berlin");
    assert_eq!(days.longest_wait(), Duration::from_hours(19));
}

#[test]
fn what_is_not_a_window_is_refused_by_its_text() {
    for text in [
        "",
        "Mon",
        "Mon-Fri",
        "22:00",
        "22:00-",
        "22-04",
        "22:00-22:00",
        "24:00-04:00",
        "22:00-24:01",
        "25:00-26:00",
        "2:5-3:00",
        "+2:00-03:00",
        "Mon-Frj 22:00-04:00",
        "Mon,,Tue 22:00-04:00",
        "Mon–Fri 22:00–04:00",
        "Monday 22:00-04:00",
    ] {
        let error = Windows::parse(&["01:00-02:00", text], "UTC").unwrap_err();
        let ScheduleError::Window { text: named, expected } = &error else { panic!("{error}") };
        assert!(named == text && expected.contains("Mon-Fri 22:00-04:00"), "{error}");
    }
    let zone = Windows::parse(&["01:00-02:00"], "Mars/Olympus");
    assert!(matches!(zone, Err(ScheduleError::Zone(_))));
}

const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];

/// Whether the clock on the wall shows a time inside the one window, by another way of reckoning.
fn shown_inside(instant: Timestamp, zone: &str, day: i8, from: i64, length: i64) -> bool {
    let local = instant.in_tz(zone).unwrap();
    let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
    let today = local.weekday().to_monday_zero_offset();
    let yesterday = (today + 6) % 7;
    (today == day && (from..from + length).contains(&minute))
        || (yesterday == day && minute < from + length - 1_440)
}

proptest! {
    #[test]
    fn a_window_is_open_exactly_when_the_clock_shows_it(
        zone in 0..ZONES.len(),
        day in 0..7_i8,
        from in 0..1_440_i64,
        length in 1..1_440_i64,
        // Around changes of the clock, and anywhere.
        second in prop_oneof![
            1_774_600_000..1_775_600_000_i64,
            1_792_600_000..1_793_600_000_i64,
            1_790_900_000..1_791_300_000_i64,
            1_700_000_000..1_900_000_000_i64,
        ],
    ) {
        let zone = ZONES[zone];
        let to = (from + length) % 1_440;
        let name = DAYS[usize::try_from(day).unwrap()];
        let text = format!("{name} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60);
        let week = windows(&[&text], zone);
        let now = Timestamp::from_second(second).unwrap();
        let inside = |at: Timestamp| shown_inside(at, zone, day, from, length);
        prop_assert_eq!(week.are_open(now), inside(now), "{} in {} at {}", text, zone, now);

        let opening = week.opening(now);
        let closing = week.closing(opening);
        let minute = SignedDuration::from_mins(1);
        prop_assert!(now <= opening && opening < closing);
        prop_assert!(inside(opening) && !inside(closing) && inside(closing - minute));
        prop_assert!(opening == now || !inside(opening - minute));
        // Nothing between was passed over.
        let mut at = now;
        while at + minute <= opening {
            prop_assert!(!inside(at), "{} in {} is open at {}", text, zone, at);
            at += minute * 7;
        }
    }
}
