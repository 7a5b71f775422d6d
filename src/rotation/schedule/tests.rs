//! What the schedule promises: level-triggered, right across daylight-saving changes, expiry first.

use proptest::prelude::*;

use super::*;
use crate::names::RotationId;
use crate::record::Phase;
use crate::rotation::policy::{GatePace, OnFailure};
use crate::secret::Token;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name() -> CredentialName {
    "etl_prod".parse().unwrap()
}

fn cron(line: &str, zone: &str) -> Schedule {
    let line = CronLine::parse(line, zone).unwrap();
    Schedule::new(Calendar::Cron(Arc::new(line)), Duration::ZERO, &name())
}

fn policy(schedule: Schedule) -> Policy {
    Policy {
        schedule,
        paused: false,
        ttl: None,
        renew_before: Duration::from_hours(7 * 24),
        catch_up: CatchUp::Run,
        on_failure: OnFailure::Hold,
        orphan_grace: Duration::from_mins(10),
        gate: GatePace::Open,
    }
}

fn record(created_at: &str, expires_at: Option<&str>) -> Record {
    let created_at = at(created_at);
    Record {
        token_name: String::new(),
        created_at,
        expires_at: expires_at.map(at),
        rotation_id: RotationId::starting_at(created_at),
        published_at: created_at,
        phase: Phase::Retiring,
        token_sha256: String::new(),
        ..Record::sample(&Token::new("t").unwrap())
    }
}

#[test]
fn half_past_nine_in_paris_stays_half_past_nine_across_daylight_saving() {
    let schedule = cron("30 9 * * *", "Europe/Paris");
    assert_eq!(schedule.next(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T07:30:00Z")));
    assert_eq!(schedule.next(at("2026-03-27T12:00:00Z")), Some(at("2026-03-28T08:30:00Z")));
    assert_eq!(schedule.last(at("2026-10-25T12:00:00Z")), Some(at("2026-10-25T08:30:00Z")));
    assert_eq!(schedule.last(at("2026-10-24T12:00:00Z")), Some(at("2026-10-24T07:30:00Z")));
}

#[test]
fn a_time_that_the_spring_skips_still_fires_once_that_day() {
    let schedule = cron("30 2 * * *", "Europe/Paris");
    let first = schedule.next(at("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!(first, at("2026-03-29T01:00:00Z"));
    assert_eq!(schedule.next(first), Some(at("2026-03-30T00:30:00Z")));
}

#[test]
fn a_time_that_the_autumn_repeats_fires_once() {
    let schedule = cron("30 2 * * *", "Europe/Paris");
    let first = schedule.next(at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(schedule.next(first), Some(at("2026-10-26T01:30:00Z")));
}

#[test]
fn a_credential_is_due_from_the_instant_on_until_it_was_rotated() {
    let policy = policy(cron("0 3 * * SUN", "UTC"));
    let old = record("2026-11-10T00:00:00Z", None);
    assert_eq!(due(&policy, &old, at("2026-11-15T02:59:59.999Z")), None);
    let instant = at("2026-11-15T03:00:00Z");
    assert_eq!(due(&policy, &old, at("2026-11-15T03:00:00.5Z")), Some(Due::Scheduled(instant)));
    assert_eq!(due(&policy, &old, at("2026-11-21T23:00:00Z")), Some(Due::Scheduled(instant)));
    let fresh = record("2026-11-15T03:00:01Z", None);
    assert_eq!(due(&policy, &fresh, at("2026-11-21T23:00:00Z")), None);
}

#[test]
fn a_manual_run_does_not_consume_the_next_scheduled_one() {
    let policy = policy(cron("0 3 * * SUN", "UTC"));
    let by_hand = record("2026-11-14T23:00:00Z", None);
    assert!(due(&policy, &by_hand, at("2026-11-15T03:00:00Z")).is_some());
}

#[test]
fn a_missed_run_is_skipped_where_the_user_said_so_but_expiry_still_wins() {
    let mut policy = policy(cron("0 3 * * SUN", "UTC"));
    policy.catch_up = CatchUp::Skip;
    let old = record("2026-11-10T00:00:00Z", Some("2026-11-23T00:00:00Z"));
    let unexpiring = record("2026-11-10T00:00:00Z", None);
    assert!(due(&policy, &unexpiring, at("2026-11-15T03:09:00Z")).is_some());
    assert!(due(&policy, &unexpiring, at("2026-11-15T03:10:00Z")).is_some(), "just in time");
    assert_eq!(due(&policy, &unexpiring, at("2026-11-15T03:11:00Z")), None);
    assert!(matches!(due(&policy, &old, at("2026-11-16T03:11:00Z")), Some(Due::Expiring(_))));
}

#[test]
fn the_time_of_the_rotation_counts_for_a_rolled_back_token_that_is_older() {
    let policy = policy(cron("0 3 * * SUN", "UTC"));
    let mut rolled_back = record("2026-11-10T00:00:00Z", None);
    rolled_back.rotation_id = RotationId::starting_at(at("2026-11-15T03:00:05Z"));
    assert_eq!(due(&policy, &rolled_back, at("2026-11-15T04:00:00Z")), None);
    let on_time = record("2026-11-15T03:00:00Z", None);
    assert_eq!(due(&policy, &on_time, at("2026-11-15T04:00:00Z")), None, "begun at that instant");
}

#[test]
fn the_longest_gap_of_a_line_is_seen_whatever_its_density() {
    let days = |n: u64| Duration::from_hours(24 * n);
    for (line, gap) in [
        ("*/5 * * * * *", Duration::from_secs(5)),
        ("0-10 * * * *", Duration::from_mins(50)),
        ("* 0,23 * * *", Duration::from_hours(22) + Duration::from_mins(1)),
        ("* * * * MON", days(6) + Duration::from_mins(1)),
        ("0 3 * * SUN", days(7)),
        ("0 0 31 * *", days(61)),
        ("0 0 29 2 *", days(4 * 365 + 1)),
    ] {
        assert_eq!(CronLine::parse(line, "UTC").unwrap().longest_gap(), gap, "{line}");
    }
}

#[test]
fn lines_that_never_fire_or_are_not_lines_are_refused() {
    assert!(matches!(CronLine::parse("0 0 30 2 *", "UTC"), Err(ScheduleError::Never(_))));
    assert!(matches!(CronLine::parse("0 0 * *", "UTC"), Err(ScheduleError::Line { .. })));
    assert!(matches!(CronLine::parse("0 0 * * 8", "UTC"), Err(ScheduleError::Line { .. })));
    assert!(matches!(CronLine::parse("0 0 * * *", "Mars/Olympus"), Err(ScheduleError::Zone(_))));
}

static NEW_YORK: std::sync::LazyLock<Arc<CronLine>> = std::sync::LazyLock::new(|| {
    Arc::new(CronLine::parse("17 4 * * *", "America/New_York").unwrap())
});

proptest! {
    #[test]
    fn a_rotation_begun_now_is_not_due_now(now in 1_700_000_000_000_i64..1_900_000_000_000, splay in 0_u64..100_000, hours in 1_u64..2_000) {
        let now = Timestamp::from_millisecond(now).unwrap();
        let schedule = Schedule::new(Calendar::Every(Duration::from_hours(hours)), Duration::from_secs(splay), &name());
        let mut fresh = record("2020-01-01T00:00:00Z", None);
        fresh.rotation_id = RotationId::starting_at(now);
        prop_assert_eq!(due(&policy(schedule), &fresh, now), None);
    }

    #[test]
    fn the_last_instant_is_not_after_now_and_the_next_one_is(now in 1_700_000_000_i64..1_900_000_000, splay in 0_u64..100_000) {
        let now = Timestamp::from_second(now).unwrap();
        let schedule = Schedule::new(Calendar::Cron(NEW_YORK.clone()), Duration::from_secs(splay), &name());
        let (last, next) = (schedule.last(now).unwrap(), schedule.next(now).unwrap());
        prop_assert!(last <= now && now < next);
        prop_assert_eq!(schedule.next(last), Some(next));
    }
}

#[test]
fn a_line_that_is_dense_for_months_and_then_silent_shows_its_whole_gap() {
    let line = CronLine::parse("* * * 1-3 *", "UTC").unwrap();
    assert_eq!(line.longest_gap(), Duration::from_hours(275 * 24) + Duration::from_mins(1));
    assert_eq!(line.as_str(), "* * * 1-3 *");
}

#[test]
fn a_period_is_counted_from_the_epoch_and_not_from_the_last_run() {
    let schedule = |hours| {
        Schedule::new(Calendar::Every(Duration::from_hours(hours)), Duration::ZERO, &name())
    };
    let six = schedule(6);
    let around = |now| (six.last(at(now)), six.next(at(now)));
    let (six_in_the_morning, noon) = (at("2026-11-15T06:00:00Z"), at("2026-11-15T12:00:00Z"));
    assert_eq!(around("2026-11-15T11:59:59Z"), (Some(six_in_the_morning), Some(noon)));
    assert_eq!(around("2026-11-15T12:00:00Z"), (Some(noon), Some(at("2026-11-15T18:00:00Z"))));
    assert_eq!(six.longest_gap(), Some(Duration::from_hours(6)));
    // Without a period there are no instants, and no division by zero.
    assert_eq!((schedule(0).last(noon), schedule(0).next(noon)), (None, None));
}

fn nights(schedule: Schedule) -> Schedule {
    schedule.within(Windows::parse(&["Mon-Fri 22:00-04:00"], "UTC").unwrap())
}

#[test]
fn an_instant_outside_of_the_windows_is_made_up_when_the_next_one_opens() {
    let policy = policy(nights(cron("0 12 * * *", "UTC")));
    let old = record("2026-11-16T05:00:00Z", None);
    // Friday, noon.
    let instant = at("2026-11-20T12:00:00Z");
    assert_eq!(due(&policy, &old, at("2026-11-20T21:59:59Z")), None);
    let waits = waiting(&policy, &old, at("2026-11-20T13:00:00Z")).unwrap();
    assert_eq!((waits.instant, waits.start), (instant, at("2026-11-20T22:00:00Z")));
    assert_eq!(next_due(&policy, &old, at("2026-11-20T13:00:00Z")), Some(waits.start));
    assert_eq!(due(&policy, &old, waits.start), Some(Due::Scheduled(instant)));
    assert_eq!(waiting(&policy, &old, waits.start), None);
    // By hand in the meantime: it has been done.
    let by_hand = record("2026-11-20T15:00:00Z", None);
    assert_eq!(due(&policy, &by_hand, waits.start), None);
}

#[test]
fn a_run_that_was_missed_in_its_window_waits_for_the_next_one_or_is_skipped() {
    let mut policy = policy(nights(cron("0 23 * * FRI", "UTC")));
    let old = record("2026-11-16T05:00:00Z", None);
    let saturday = at("2026-11-21T09:00:00Z");
    let monday = at("2026-11-23T22:00:00Z");
    assert_eq!(due(&policy, &old, saturday), None);
    assert_eq!(next_due(&policy, &old, saturday), Some(monday));
    assert!(due(&policy, &old, monday).is_some());
    policy.catch_up = CatchUp::Skip;
    assert_eq!(due(&policy, &old, monday), None);
    assert_eq!(next_due(&policy, &old, saturday), Some(at("2026-11-27T23:00:00Z")));
}

#[test]
fn catch_up_skip_counts_from_the_opening_of_the_window() {
    let mut policy = policy(nights(cron("0 12 * * *", "UTC")));
    policy.catch_up = CatchUp::Skip;
    let old = record("2026-11-16T05:00:00Z", None);
    assert!(due(&policy, &old, at("2026-11-20T22:09:00Z")).is_some());
    assert_eq!(due(&policy, &old, at("2026-11-20T22:11:00Z")), None);
}

#[test]
fn expiry_beats_a_window() {
    let policy = policy(nights(cron("0 12 * * *", "UTC")));
    let old = record("2026-11-16T05:00:00Z", Some("2026-11-27T13:00:00Z"));
    let renewal = at("2026-11-20T13:00:00Z");
    assert_eq!(next_due(&policy, &old, at("2026-11-20T12:30:00Z")), Some(renewal));
    assert!(matches!(due(&policy, &old, renewal), Some(Due::Expiring(_))));
    assert_eq!(waiting(&policy, &old, renewal), None);
}

#[test]
fn nothing_beats_a_pause() {
    let mut policy = policy(cron("0 12 * * *", "UTC"));
    policy.paused = true;
    let old = record("2026-11-16T05:00:00Z", Some("2026-11-27T13:00:00Z"));
    for now in ["2026-11-19T12:30:00Z", "2026-11-21T00:00:00Z", "2026-12-01T00:00:00Z"] {
        assert_eq!(due(&policy, &old, at(now)), None);
        assert_eq!(next_due(&policy, &old, at(now)), None);
        assert_eq!(waiting(&policy, &old, at(now)), None);
    }
    assert_eq!(neglected(&policy, &old, at("2026-11-20T12:59:59Z")), None);
    assert_eq!(neglected(&policy, &old, at("2026-11-20T13:00:00Z")), old.expires_at);
}

#[test]
fn what_waits_for_one_window_begins_in_it_spread_out_by_the_splay() {
    let weekly = CronLine::parse("0 12 * * SAT", "UTC").unwrap();
    let weekly = Calendar::Cron(Arc::new(weekly));
    let windows = Windows::parse(&["Sun 02:00-03:00"], "UTC").unwrap();
    let starts: std::collections::BTreeSet<_> = (0..20)
        .map(|number| {
            let name = format!("etl_{number}").parse().unwrap();
            let schedule = Schedule::new(weekly.clone(), Duration::from_hours(6), &name);
            let run = schedule.within(windows.clone()).runs(at("2026-11-20T00:00:00Z")).next();
            run.unwrap().start
        })
        .collect();
    assert!(starts.len() > 15, "{starts:?}");
    let window = at("2026-11-22T02:00:00Z")..at("2026-11-22T03:00:00Z");
    assert!(starts.iter().all(|start| window.contains(start)), "{starts:?}");
}

proptest! {
    #[test]
    fn a_scheduled_rotation_begins_only_in_a_window_and_when_it_was_foretold(
        second in 1_774_000_000..1_776_000_000_i64,
        hours in 1_u64..50,
        splay in 0_u64..90_000,
        age in 0_i64..400_000,
        skips in any::<bool>(),
    ) {
        let now = Timestamp::from_second(second).unwrap();
        let windows = Windows::parse(&["Tue 01:30-02:30", "Sat-Sun 23:10-02:50"], "Europe/Berlin").unwrap();
        let schedule = Schedule::new(Calendar::Every(Duration::from_hours(hours)), Duration::from_secs(splay), &name());
        let mut policy = policy(schedule.within(windows.clone()));
        policy.catch_up = if skips { CatchUp::Skip } else { CatchUp::Run };
        let mut old = record("2020-01-01T00:00:00Z", None);
        old.rotation_id = RotationId::starting_at(now - SignedDuration::from_secs(age));
        if let Some(reason) = due(&policy, &old, now) {
            prop_assert!(windows.are_open(now), "{:?} at {}", reason, now);
        } else {
            let next = next_due(&policy, &old, now).unwrap();
            prop_assert!(next > now && windows.are_open(next));
            // Looked at then, and not before, it is due.
            prop_assert!(matches!(due(&policy, &old, next), Some(Due::Scheduled(_))), "{} {}", now, next);
            let before = next - SignedDuration::from_secs(1);
            prop_assert!(before <= now || due(&policy, &old, before).is_none(), "{} {}", now, next);
        }
    }

    #[test]
    fn a_preview_shows_runs_in_order_and_in_windows(second in 1_774_000_000..1_776_000_000_i64, hours in 1_u64..50, splay in 0_u64..90_000) {
        let now = Timestamp::from_second(second).unwrap();
        let windows = Windows::parse(&["Mon-Fri 22:00-04:00"], "America/New_York").unwrap();
        let schedule = Schedule::new(Calendar::Every(Duration::from_hours(hours)), Duration::from_secs(splay), &name());
        let schedule = schedule.within(windows.clone());
        let mut before = now;
        for run in schedule.runs(now).take(8) {
            prop_assert!(before < run.start && run.instant <= run.start && windows.are_open(run.start));
            before = run.start;
        }
    }
}
