//! What another configuration does to credentials at rest and to those that are being worked on.

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::daemon::pending::{Changes, Pending};

const REST: Does = Does::Rests { due_in: None };
const MINUTE: Duration = Duration::from_mins(1);

/// Hands in a configuration of these credentials, `after` the start of the planner.
async fn hand_in(
    planner: &mpsc::Sender<Pending<Fake>>,
    concurrency: usize,
    after: Duration,
    fakes: Vec<Fake>,
) -> Changes {
    tokio::time::sleep(after).await;
    let rules = rules(concurrency);
    let drivers = fakes.into_iter().map(|fake| (fake.name.parse().unwrap(), fake)).collect();
    let (taken, changes) = oneshot::channel();
    assert!(planner.send(Pending { rules, drivers, taken }).await.is_ok());
    changes.await.unwrap()
}

fn changes(added: usize, changed: usize, removed: usize) -> Changes {
    Changes { added, changed, removed }
}

#[tokio::test(start_paused = true)]
async fn what_is_added_is_looked_at_at_once_and_what_is_removed_never_again() {
    let mut bench = bench(2);
    bench.add("stays", |_| REST);
    bench.add("goes", |_| REST);
    let next = vec![bench.fake("stays", 0, |_| REST), bench.fake("comes", 0, |_| REST)];
    let planner = bench.planner.lineups();
    let reload = hand_in(&planner, 2, MINUTE, next);
    let ((seen, _), found) = tokio::join!(bench.run_for(SWEEP * 3), reload);
    assert_eq!(found, changes(1, 0, 1));
    assert_eq!(seen.looks("goes").len(), 1);
    assert_eq!(seen.looks("comes")[0].as_secs(), 60);
    assert_eq!(seen.looks("stays").len(), 3, "an unchanged credential keeps its times");
}

#[tokio::test(start_paused = true)]
async fn what_was_proved_counts_on_where_nothing_changed_and_not_under_other_settings() {
    let mut bench = bench(2);
    let holds = |_| Does::Holds { again_in: MINUTE };
    bench.add("held", holds);
    let planner = bench.planner.lineups();
    let (alike, other) = (bench.fake("held", 0, holds), bench.fake("held", 1, holds));
    let reload = async {
        let alike = hand_in(&planner, 2, MINUTE + MINUTE / 2, vec![alike]).await;
        (alike, hand_in(&planner, 2, MINUTE, vec![other]).await)
    };
    let ((seen, _), found) = tokio::join!(bench.run_for(MINUTE * 4), reload);
    assert_eq!(found, (changes(0, 0, 0), changes(0, 1, 0)));
    assert_eq!(*seen.remembered.lock().unwrap(), [0, 1, 2, 0, 1]);
    assert_eq!(seen.looks("held")[3].as_secs(), 150, "at once");
}

#[tokio::test(start_paused = true)]
async fn a_run_in_hand_is_not_disturbed_and_the_new_settings_hold_when_it_has_ended() {
    let mut bench = bench(2);
    for name in ["changes", "leaves"] {
        bench.add(name, |_| Does::Waits(MINUTE * 5));
    }
    let next = vec![bench.fake("changes", 1, |_| REST)];
    let planner = bench.planner.lineups();
    let reload = hand_in(&planner, 2, MINUTE, next);
    let ((seen, unfinished), found) = tokio::join!(bench.run_for(SWEEP), reload);
    assert_eq!(found, changes(0, 1, 1));
    let looks = seen.looks("changes");
    assert_eq!((looks.len(), looks[1].as_secs()), (2, 300), "{looks:?}");
    assert_eq!(seen.looks("leaves").len(), 1);
    assert_eq!(*seen.remembered.lock().unwrap(), [0, 0, 0]);
    assert_eq!(seen.overlapped.load(Ordering::SeqCst), 1);
    assert!(unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_comes_back_while_its_last_run_lasts_is_never_worked_on_twice_at_once() {
    let mut bench = bench(4);
    bench.add("back", |_| Does::Waits(MINUTE * 5));
    let back = bench.fake("back", 0, |_| REST);
    let planner = bench.planner.lineups();
    let reload = async {
        hand_in(&planner, 4, MINUTE, vec![]).await;
        hand_in(&planner, 4, MINUTE, vec![back]).await
    };
    let ((seen, _), _) = tokio::join!(bench.run_for(SWEEP), reload);
    let looks = seen.looks("back");
    assert_eq!((looks.len(), looks[1].as_secs()), (2, 300), "{looks:?}");
    assert_eq!(seen.overlapped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn more_places_are_used_at_once() {
    let mut bench = bench(1);
    bench.work = MINUTE;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        bench.add(name, |_| REST);
    }
    let next = names.map(|name| bench.fake(name, 0, |_| REST)).into();
    let planner = bench.planner.lineups();
    let reload = hand_in(&planner, 3, MINUTE * 3 / 2, next);
    let ((seen, _), _) = tokio::join!(bench.run_for(MINUTE * 4), reload);
    assert_eq!(seen.count(), 5);
    assert!(seen.looks("e")[0] <= MINUTE * 3, "{:?}", seen.looks("e"));
}
