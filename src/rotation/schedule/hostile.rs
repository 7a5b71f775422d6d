//! Calendars as anybody may write them, drawn by chance.

use std::time::Instant;

use super::*;
use crate::drawn::{assert_fit, each};

const CRON: &[&str] = &[
    "*",
    "*/5",
    "0",
    "59",
    "60",
    "7",
    "31",
    "29",
    "L",
    "W",
    "15W",
    "LW",
    "#",
    "5#3",
    "5L",
    "?",
    "SUN",
    "MON-FRI",
    "JAN",
    "FEB",
    "1-7",
    "7-1",
    "0/90",
    "*/0",
    "1,2,3",
    "@daily",
    "@reboot",
    "H",
    "-1",
    "99999999999",
    " ",
    "  ",
    "2026",
];
const WINDOWS: &[&str] = &[
    "Mon",
    "Sun",
    "Mon-Sun",
    "Fri-Mon",
    "00:00",
    "24:00",
    "02:30",
    "23:59",
    "-",
    ",",
    " ",
    "24:01",
    "00:00-00:01",
    "\u{2013}",
    "+2:00",
    "00:00-24:00",
];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"];
/// The ends of time, and a change of the clock.
const INSTANTS: [&str; 5] = [
    "2026-03-29T00:30:00Z",
    "2026-10-25T00:30:00.5Z",
    "0001-01-01T00:00:00Z",
    "9999-12-30T21:00:00Z",
    "-009999-01-02T02:00:00Z",
];

fn instants() -> impl Iterator<Item = Timestamp> {
    INSTANTS.iter().map(|text| text.parse().unwrap()).chain([Timestamp::MIN, Timestamp::MAX])
}

#[test]
fn a_cron_line_is_refused_or_its_instants_stand_on_the_right_sides_of_now() {
    each("cron", CRON, |bytes| {
        let Ok(line) = std::str::from_utf8(bytes) else { return };
        let begun = Instant::now();
        let cron = match CronLine::parse(line, ZONES[bytes.len() % ZONES.len()]) {
            Ok(cron) => cron,
            Err(error) => return assert_fit(&error.to_string(), 3_000),
        };
        for now in instants() {
            let (last, next) = (cron.last(now), cron.next(now));
            assert!(last.is_none_or(|last| last <= now), "{now}: {last:?}");
            assert!(next.is_none_or(|next| next > now), "{now}: {next:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    });
}

#[test]
fn windows_are_refused_or_open_and_close_in_turn() {
    each("windows", WINDOWS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let texts: Vec<_> = text.split('\n').collect();
        for zone in ZONES {
            let windows = match Windows::parse(&texts, zone) {
                Ok(windows) => windows,
                Err(error) => {
                    assert_fit(&error.to_string(), 3_000);
                    return;
                }
            };
            for now in instants() {
                let opening = windows.opening(now);
                assert!(opening >= now, "{now}: {opening}");
                assert!(windows.are_open(opening) || opening == Timestamp::MAX, "{now}: {opening}");
                let closing = windows.closing(opening);
                assert!(
                    closing > opening || opening == Timestamp::MAX,
                    "{now}: {opening} {closing}"
                );
            }
        }
    });
}
