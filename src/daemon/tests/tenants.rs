//! One tenant cannot stop the others: neither by consumers that never answer, nor by a store that does not.

use super::*;
use crate::rotation::schedule::Calendar;
use crate::rotation::time::Time;
use crate::status::{Configured, Contacts, Registry, StatusSource};

const REST: Does = Does::Rests { due_in: None };
/// A health endpoint that accepts and never answers, with the default limit.
const HANGS: Does = Does::Asks(Kind::Consumers, Duration::from_secs(10));
const WELL: Does = Does::Asks(Kind::Consumers, Duration::from_millis(20));

/// The longest time between two looks at `name`, the first counted from the start.
fn longest_gap(seen: &Seen, name: &str) -> Duration {
    let looks = seen.looks(name);
    let gaps = looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    gaps.chain(looks.first().copied()).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_a_hundred_hanging_gates_a_healthy_credential_keeps_its_pace() {
    for places in [1, 8] {
        let mut bench = bench(places);
        for n in 0..100 {
            bench.add(&format!("hangs{n}"), |_| HANGS);
        }
        bench.add("well", |_| WELL);
        let (seen, unfinished) = bench.run_for(SWEEP).await;
        let longest = longest_gap(&seen, "well");
        assert!(longest < PERIOD + Duration::from_secs(2), "{places} places: {longest:?}");
        assert!(seen.most_busy.load(Ordering::SeqCst) <= places);
        assert!(seen.looks("hangs7").len() > 30, "those that hang are asked again all the same");
        assert!(unfinished.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn with_more_hanging_gates_than_may_be_asked_at_once_what_is_known_to_be_well_keeps_its_pace()
{
    let mut bench = bench(8);
    bench.add("a_well", |_| WELL);
    for n in 0..600 {
        bench.add(&format!("hangs{n}"), |_| HANGS);
    }
    let (seen, _) = bench.run_for(Duration::from_mins(3)).await;
    let longest = longest_gap(&seen, "a_well");
    assert!(longest < PERIOD + Duration::from_secs(2), "{longest:?}");
    assert!(seen.looks("hangs7").len() > 3, "those that hang are asked again all the same");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_keeps_nobody_else_from_working() {
    let mut bench = bench(8);
    for n in 0..100 {
        bench.add(&format!("hangs{n}"), |_| Does::Reads(Duration::from_mins(1)));
    }
    bench.add("well", |_| WELL);
    let (seen, _) = bench.run_for(SWEEP).await;
    let first = seen.looks("well")[0];
    assert!(first < Duration::from_secs(15), "each of them cost a place for a moment: {first:?}");
    assert!(longest_gap(&seen, "well") < Duration::from_secs(15));
    let looks = seen.looks("well");
    let later = looks.windows(2).filter(|pair| pair[0] > Duration::from_secs(20));
    let longest = later.map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap();
    assert!(longest < PERIOD + Duration::from_secs(2), "once they are known: {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nears_its_expiry_or_is_gone_waits_for_nobody_who_can_wait() {
    let mut bench = bench(1);
    bench.work = Duration::from_secs(30);
    // Renewed an hour before: five minutes from the start, while the only place is never free.
    bench.add("a_ages", |nth| if nth == 1 { Does::Ages(Duration::from_mins(65)) } else { REST });
    bench.add("b_lost", |nth| if nth < 3 { Does::Loses } else { REST });
    for n in 0..100 {
        bench.add(&format!("sweep{n}"), |_| REST);
    }
    let (seen, _) = bench.run_for(Duration::from_mins(7)).await;
    let ages = seen.looks("a_ages");
    assert!(ages[1] >= Duration::from_mins(5) && ages[1] < Duration::from_secs(331), "{ages:?}");
    let lost = seen.looks("b_lost");
    assert!(lost[1] < Duration::from_secs(60 + 10), "after its pause, at once: {lost:?}");
    assert!(seen.count() < 25, "the others wait for their turn: {}", seen.count());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finds_no_place_counts_as_missed_when_its_time_is_up() {
    let mut bench = bench(1);
    bench.work = Duration::from_hours(2);
    let name = "z_waits";
    bench.planner.fleet = fleet_of(name, bench.clock.clone());
    let counts = bench.planner.fleet.counts().clone();
    bench.add("a_works", |_| REST);
    bench.add(name, |_| REST);
    let missed = move || {
        let labels = vec![("credential", name.to_owned())];
        counts.missed_runs.get_or_create(&labels).get()
    };
    let watch = async {
        // It is due at each full minute from the first on.
        tokio::time::sleep(Duration::from_secs(10 * 60 + 59)).await;
        assert_eq!(missed(), 0);
        tokio::time::sleep(Duration::from_secs(3)).await;
        missed()
    };
    let ((seen, _), missed) = tokio::join!(bench.run_for(Duration::from_mins(12)), watch);
    assert_eq!((seen.looks(name).len(), missed), (0, 1));
}

impl StatusSource for Clock {
    fn time(&self) -> Time {
        Clock::now(self).into()
    }

    fn contacts(&self) -> Contacts {
        Contacts::default()
    }
}

/// A fleet of one credential that is due each minute.
fn fleet_of(name: &str, clock: Clock) -> Arc<Registry> {
    let credential = Configured {
        name: name.parse().unwrap(),
        ..Configured::sample(Calendar::Every(Duration::from_mins(1)))
    };
    let owner = "test".parse().unwrap();
    Arc::new(Registry::new(owner, Some(true), [credential], |_| true, Arc::new(clock)))
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_when_a_stop_comes_begins_nothing() {
    let mut bench = bench(1);
    for n in 0..300 {
        bench.add(&format!("hangs{n}"), |_| HANGS);
    }
    let start = bench.clock.start;
    let (seen, unfinished) = bench.run_for(Duration::from_secs(5)).await;
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
    assert!(seen.count() <= 300 && unfinished.is_empty());
}
