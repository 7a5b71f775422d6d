//! One tenant cannot stop the others: neither by consumers that never answer, nor by a store that does not.

use super::*;
use crate::occupancy::PATIENCE;
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
async fn calls_to_motherduck_that_hang_keep_nobody_else_from_working() {
    for places in [1, 8] {
        let mut bench = bench(places);
        for n in 0..8 {
            bench.add(&format!("hangs{n}"), |_| Does::CallsInVain);
        }
        bench.add("well", |_| Does::Calls(Duration::from_millis(20)));
        let (seen, unfinished) = bench.run_for(Duration::from_hours(1)).await;
        let longest = longest_gap(&seen, "well");
        let first_time = Duration::from_secs(if places == 1 { 8 } else { 1 });
        assert!(longest < PERIOD + first_time + PATIENCE, "{places} places: {longest:?}");
        assert!(seen.looks("hangs7").len() > 1, "those that hang are asked again all the same");
        assert!(unfinished.iter().all(|name| name.as_str().starts_with("hangs")), "{unfinished:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_those_whose_last_call_hung_only_half_as_many_as_there_are_places_call_at_once() {
    for (places, most) in [(1, 1), (8, 4)] {
        let mut bench = bench(places);
        let (seen, stop) = (bench.seen.clone(), bench.stop.clone());
        for n in 0..40 {
            bench.add(&format!("hangs{n}"), |_| Does::CallsInVain);
        }
        let clock = bench.clock.clone();
        let watch = async {
            // By then each has been found out.
            tokio::time::sleep(Duration::from_mins(10)).await;
            seen.most_asking.store(seen.asking.load(Ordering::SeqCst), Ordering::SeqCst);
        };
        let (_, ()) = tokio::join!(bench.run_for(Duration::from_hours(1)), watch);
        assert_eq!(seen.most_asking.load(Ordering::SeqCst), most, "{places} places");
        assert!(stop.is_cancelled() && clock.start.elapsed() <= Duration::from_hours(1) + GRACE);
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_answered_again_works_among_the_others() {
    let mut bench = bench(2);
    for n in 0..20 {
        bench.add(&format!("hangs{n}"), |_| Does::CallsInVain);
    }
    bench.add("hung", |nth| if nth == 1 { Does::CallsInVain } else { Does::Calls(PATIENCE / 2) });
    let (seen, _) = bench.run_for(Duration::from_hours(2)).await;
    let looks = seen.looks("hung");
    let later: Vec<_> =
        looks.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).skip(3).collect();
    assert!(later.len() > 100, "{looks:?}");
    assert!(later.iter().all(|gap| *gap < PERIOD + 3 * PATIENCE), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn a_motherduck_that_is_slow_for_all_stops_nobody() {
    for places in [1, 8] {
        let mut bench = bench(places);
        for n in 0..20 {
            bench.add(&format!("slow{n}"), |_| Does::Calls(Duration::from_secs(15)));
        }
        let (seen, unfinished) = bench.run_for(Duration::from_hours(1)).await;
        for n in 0..20 {
            let looks = seen.looks(&format!("slow{n}")).len();
            assert!(looks >= 4, "{places} places, slow{n}: {looks}");
        }
        assert!(unfinished.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_place() {
    let mut bench = bench(1);
    for n in 0..40 {
        bench.add(&format!("hangs{n}"), |_| Does::CallsInVain);
    }
    let start = bench.clock.start;
    // Some wait between two requests, some for a place, one for an answer.
    let time = Duration::from_hours(1);
    let (seen, _) = bench.run_for(time).await;
    assert!(start.elapsed() <= time + GRACE, "{:?}", start.elapsed());
    let late = seen.asked.lock().unwrap().iter().filter(|at| **at > time).count();
    assert!(late <= 1, "the one place goes on, and nothing else is begun: {late}");
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
