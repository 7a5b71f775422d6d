//! How the planner stops.

use super::*;

const REST: Does = Does::Rests { due_in: None };

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_step_in_hand_and_begins_nothing() {
    let mut bench = bench(1);
    bench.work = Duration::from_secs(20);
    bench.add("a", |_| REST);
    bench.add("b", |_| REST);
    let start = bench.clock.start;
    let (seen, unfinished) = bench.run_for(Duration::from_secs(1)).await;
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(seen.count(), 1);
    assert!(unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_outlasts_the_limit_is_cut_short_and_named() {
    let mut bench = bench(2);
    bench.work = Duration::from_hours(1);
    bench.add("slow", |_| REST);
    let start = bench.clock.start;
    let (_, unfinished) = bench.run_for(Duration::from_secs(1)).await;
    assert_eq!(start.elapsed().as_secs(), 31);
    assert_eq!(unfinished, ["slow".parse().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_waits_ends_its_nap_and_is_named() {
    let mut bench = bench(1);
    bench.add("gated", |_| Does::Waits(Duration::from_hours(2)));
    bench.add("settled", |_| REST);
    let start = bench.clock.start;
    let (_, unfinished) = bench.run_for(Duration::from_secs(5)).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(unfinished, ["gated".parse().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_planner_stops_at_once() {
    let mut bench = bench(2);
    bench.add("a", |_| REST);
    let start = bench.clock.start;
    let (seen, unfinished) = bench.run_for(Duration::from_secs(5)).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    assert_eq!(seen.count(), 1);
    assert!(unfinished.is_empty());
}
