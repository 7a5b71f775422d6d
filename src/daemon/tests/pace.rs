//! When credentials are looked at, and how many at once.

use super::*;
use crate::rotation::policy::{CatchUp, GatePace, OnFailure, Policy};
use crate::rotation::schedule::{Calendar, CronLine, Schedule};

const REST: Does = Does::Rests { due_in: None };

fn gaps(looks: &[Duration]) -> Vec<Duration> {
    looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_credentials_due_at_once_are_all_looked_at_a_few_at_a_time() {
    let mut bench = bench(8);
    for n in 0..10_000 {
        bench.add(&format!("c{n}"), |_| REST);
    }
    let (seen, unfinished) = bench.run_for(Duration::from_secs(20)).await;
    // A few were listed meanwhile, beside their first look.
    assert!((10_000..10_100).contains(&seen.count()), "{}", seen.count());
    assert_eq!(seen.most_busy.load(Ordering::SeqCst), 8);
    assert!(unfinished.is_empty());
    let mut names: Vec<_> = seen.looks.lock().unwrap().iter().map(|(n, _)| n.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_settled_credential_is_looked_at_when_it_is_due_and_at_each_sweep() {
    let mut bench = bench(2);
    bench.add("idle", |_| REST);
    bench.add("due", |nth| Does::Rests {
        due_in: Some(if nth == 1 { Duration::from_secs(90) } else { SWEEP * 9 }),
    });
    let (seen, _) = bench.run_for(Duration::from_mins(29)).await;
    assert_eq!(seen.looks("idle").len(), 3, "at start and at two sweeps");
    let due = seen.looks("due");
    assert_eq!(due[1].as_secs(), 90);
    assert_eq!(due.len(), 4, "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn one_credential_is_never_worked_on_twice_at_once() {
    let mut bench = bench(8);
    bench.work = Duration::from_mins(25);
    bench.add("slow", |_| Does::Rests { due_in: Some(Duration::ZERO) });
    let wake = bench.planner.waker();
    let woken = async {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            wake.notify_one();
        }
    };
    let ((seen, _), ()) = tokio::join!(bench.run_for(SWEEP * 6), woken);
    assert_eq!(seen.overlapped.load(Ordering::SeqCst), 1);
    assert_eq!(seen.looks("slow").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_left_alone_for_longer_each_time_until_it_succeeds() {
    let mut bench = bench(2);
    bench.add("flaky", |nth| match nth {
        1..=5 | 7 => Does::Fails(FaultKind::Transient),
        6 => Does::Rests { due_in: Some(Duration::from_secs(2)) },
        _ => REST,
    });
    let (seen, _) = bench.run_for(SWEEP).await;
    let gaps = gaps(&seen.looks("flaky"));
    assert!(gaps[..5].windows(2).all(|pair| pair[1] > pair[0]), "{gaps:?}");
    assert!(gaps[4] > Duration::from_secs(50), "{gaps:?}");
    assert_eq!(gaps[5].as_secs(), 2, "{gaps:?}");
    assert!(gaps[6] < Duration::from_secs(6), "a success starts afresh: {gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_person_is_looked_at_again_too() {
    let mut bench = bench(2);
    bench.add("edited", |_| Does::Fails(FaultKind::Permanent));
    let (seen, _) = bench.run_for(SWEEP * 4).await;
    let looks = seen.looks("edited");
    assert!((7..=14).contains(&looks.len()), "{looks:?}");
    assert!(gaps(&looks).iter().all(|gap| *gap <= SWEEP + Duration::from_secs(1)), "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_held_credential_is_looked_at_when_its_report_says() {
    let mut bench = bench(2);
    bench.add("held", |_| Does::Holds { again_in: Duration::from_mins(1) });
    let (seen, _) = bench.run_for(Duration::from_mins(10)).await;
    let looks = seen.looks("held").len();
    assert!((10..=11).contains(&looks), "once a minute, and a list: {looks}");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_has_come_already_does_not_make_the_planner_spin() {
    let mut bench = bench(2);
    bench.add("odd", |_| Does::Rests { due_in: Some(Duration::ZERO) });
    let (seen, _) = bench.run_for(Duration::from_mins(1)).await;
    assert!(seen.looks("odd").len() <= 60);
}

#[tokio::test(start_paused = true)]
async fn what_was_proved_is_remembered_at_the_next_look() {
    let mut bench = bench(2);
    bench.add("held", |_| Does::Holds { again_in: Duration::from_mins(1) });
    let (seen, _) = bench.run_for(Duration::from_secs(150)).await;
    assert_eq!(*seen.remembered.lock().unwrap(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_run_and_nothing_else() {
    let mut bench = bench(1);
    bench.add("bad", |nth| if nth < 3 { Does::Panics } else { REST });
    bench.add("good", |_| Does::Rests { due_in: Some(Duration::from_secs(10)) });
    let (seen, unfinished) = bench.run_for(Duration::from_mins(2)).await;
    assert_eq!(seen.looks("bad").len(), 3);
    assert!(gaps(&seen.looks("bad"))[0] > Duration::from_secs(3));
    assert!(seen.looks("good").len() > 10);
    assert!(unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_their_consumers_do_not_keep_the_others_from_working() {
    let mut bench = bench(2);
    for n in 0..20 {
        bench.add(&format!("waits{n}"), |nth| {
            if nth == 1 { Does::Waits(Duration::from_mins(5)) } else { REST }
        });
    }
    bench.add("z_works", |_| REST);
    let (seen, unfinished) = bench.run_for(Duration::from_mins(6)).await;
    assert!(seen.looks("z_works")[0] < Duration::from_secs(1));
    assert_eq!(seen.most_busy.load(Ordering::SeqCst), 2, "each works in a place of its own again");
    assert!(unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_longest_overdue_credential_comes_first() {
    let mut bench = bench(1);
    bench.work = Duration::from_secs(30);
    for (name, due_in) in [("a", 300), ("b", 200), ("c", 100)] {
        bench.add(name, move |nth| Does::Rests {
            due_in: (nth == 1).then(|| Duration::from_secs(due_in)),
        });
    }
    // Keeps the only place until all three are overdue.
    bench.add("d", |nth| if nth == 1 { Does::Rests { due_in: None } } else { REST });
    let (seen, _) = bench.run_for(SWEEP).await;
    let order: Vec<_> = seen.looks.lock().unwrap().iter().map(|(n, _)| n.clone()).collect();
    assert_eq!(order[..7], ["a", "b", "c", "d", "c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_is_noticed_within_a_minute() {
    let mut bench = bench(2);
    bench.add("due", |nth| Does::Rests { due_in: (nth == 1).then_some(Duration::from_mins(9)) });
    let set_by = bench.clock.set_by.clone();
    let set = async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        *set_by.lock().unwrap() = SignedDuration::from_hours(1);
    };
    let ((seen, _), ()) = tokio::join!(bench.run_for(Duration::from_mins(3)), set);
    let looks = seen.looks("due");
    assert_eq!(looks.len(), 2);
    assert!(looks[1] <= Duration::from_secs(151), "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_five_field_line_with_a_time_zone_is_kept_across_a_clock_change() {
    // 25 October 2026: Paris goes from UTC+2 to UTC+1.
    let line = CronLine::parse("30 9 * * *", "Europe/Paris").unwrap();
    let name: CredentialName = "paris".parse().unwrap();
    let schedule = Schedule::new(Calendar::Cron(Arc::new(line)), Duration::ZERO, &name);
    let policy = Policy {
        schedule,
        paused: false,
        ttl: None,
        renew_before: Duration::ZERO,
        catch_up: CatchUp::Run,
        on_failure: OnFailure::Hold,
        orphan_grace: Duration::ZERO,
        gate: GatePace::Open,
    };
    let mut bench = bench(2);
    let start: Timestamp = "2026-10-24T00:00:00Z".parse().unwrap();
    *bench.clock.set_by.lock().unwrap() = start.duration_since(bench.clock.now());
    let clock = bench.clock.clone();
    bench.add("paris", move |_| {
        let now = clock.now();
        let due = policy.schedule.next(now).unwrap().duration_since(now);
        Does::Rests { due_in: Some(Duration::try_from(due).unwrap()) }
    });
    let (seen, _) = bench.run_for(Duration::from_hours(48)).await;
    for fired in ["2026-10-24T07:30:00Z", "2026-10-25T08:30:00Z"] {
        let fired =
            Duration::try_from(fired.parse::<Timestamp>().unwrap().duration_since(start)).unwrap();
        let late = seen.looks("paris").into_iter().filter_map(|at| at.checked_sub(fired)).min();
        assert!(late.unwrap() < Duration::from_secs(1), "{late:?}");
    }
}

impl Seen {
    fn lists(&self, name: &str) -> Vec<Duration> {
        self.lists.lock().unwrap().iter().filter(|(n, _)| n == name).map(|(_, at)| *at).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn at_rest_an_account_is_listed_at_the_start_and_then_on_a_slower_clock() {
    let mut bench = bench(2);
    bench.add("idle", |_| REST);
    let (seen, _) = bench.run_for(SWEEP * 19).await;
    assert!((17..=20).contains(&seen.looks("idle").len()), "{:?}", seen.looks("idle"));
    let lists = seen.lists("idle");
    assert_eq!(lists.len(), 4, "{lists:?}");
    assert!(lists[0] < Duration::from_secs(1) && gaps(&lists).iter().all(|gap| *gap >= SWEEP * 6));
}

#[tokio::test(start_paused = true)]
async fn accounts_are_listed_at_a_quarter_of_the_rate_and_none_twice_before_all_were() {
    let mut bench = bench(8);
    for n in 0..2_000 {
        bench.add(&format!("c{n}"), |_| REST);
    }
    let (seen, _) = bench.run_for(Duration::from_secs(760)).await;
    let lists = seen.lists.lock().unwrap().clone();
    assert!((1_890..=1_910).contains(&lists.len()), "{}", lists.len());
    let names: std::collections::HashSet<_> = lists.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), lists.len(), "each waits for its turn");
    assert!(seen.looks("c471").len() >= 2, "and is looked at in each sweep");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_begins_within_two_seconds_whatever_the_sweep_and_the_lists_do() {
    let mut bench = bench(2);
    // Each look takes its time, so that a sweep never ends.
    bench.work = Duration::from_millis(900);
    bench.add("a_due", |nth| Does::Rests {
        due_in: Some(if nth == 1 { Duration::from_secs(100) } else { SWEEP * 9 }),
    });
    for n in 0..2_000 {
        bench.add(&format!("c{n}"), |_| REST);
    }
    let (seen, _) = bench.run_for(Duration::from_mins(5)).await;
    let looks = seen.looks("a_due");
    let (first, second) = (looks[0], looks[1]);
    let late = second.saturating_sub(first + bench_work() + Duration::from_secs(100));
    assert!(late < Duration::from_secs(2), "{looks:?}");
}

const fn bench_work() -> Duration {
    Duration::from_millis(900)
}
