//! Delivery over a network that fails as told, in time that passes as fast as it can.

use std::collections::VecDeque;
use std::sync::Mutex;

use uuid::Uuid;

use super::super::Notification;
use super::*;

/// Answers with what it was given, then with success; notes when it was asked for which event.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<DeliveryError>>>,
    asked: Arc<Mutex<Vec<(Duration, Uuid)>>>,
    began: Option<Instant>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = DeliveryError>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        Self { answers, began: Some(Instant::now()), ..Self::default() }
    }

    fn pauses(&self) -> Vec<Duration> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect()
    }

    fn seconds(&self) -> Vec<u64> {
        self.asked.lock().unwrap().iter().map(|(at, _)| at.as_secs()).collect()
    }
}

impl Deliver for Script {
    async fn post(&self, event: &Event) -> Result<(), DeliveryError> {
        self.asked.lock().unwrap().push((self.began.unwrap().elapsed(), event.id));
        self.answers.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

/// What a timer may be late.
const TICK: Duration = Duration::from_millis(2);

fn status(status: u16, retry_after: Option<u64>) -> DeliveryError {
    let retry_after = retry_after.map(Duration::from_secs);
    DeliveryError::Status { status, retry_after, reason: None }
}

fn event() -> Event {
    let notification = Notification::Test { sink: "bus".to_owned() };
    let fleet = crate::status::nobody().snapshot();
    Event::new(&fleet, notification)
}

struct Bench {
    queue: Arc<Queue>,
    counts: Counts,
    closing: CancellationToken,
    worker: tokio::task::JoinHandle<()>,
}

fn start(post: impl Deliver) -> Bench {
    let (queue, closing) = (Arc::new(Queue::default()), CancellationToken::new());
    let counts = crate::status::nobody().counts().clone();
    let worker = Worker {
        sink: "bus".to_owned(),
        post,
        queue: queue.clone(),
        counts: counts.clone(),
        closing: closing.clone(),
    };
    Bench {
        queue,
        counts,
        closing,
        worker: tokio::spawn(async move {
            crate::workers::keep("notifications.bus", || worker.run()).await;
        }),
    }
}

impl Bench {
    /// Delivers `events` and ends; how many had `result`.
    async fn deliver(self, events: usize, result: &'static str) -> u64 {
        for _ in 0..events {
            self.queue.push(event());
        }
        self.queue.close();
        self.worker.await.unwrap();
        assert_eq!(self.queue.unfinished(), 0);
        let labels = [("sink", "bus"), ("event", "test"), ("result", result)];
        let labels = labels.map(|(key, value)| (key, value.to_owned())).to_vec();
        self.counts.notifications.get_or_create(&labels).get()
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_again_with_longer_pauses_and_keeps_its_id() {
    let script = Script::of([status(503, None), status(500, None), status(429, None)]);
    assert_eq!(start(script.clone()).deliver(1, "delivered").await, 1);
    let pauses = script.pauses();
    assert!(pauses.len() == 3 && pauses.is_sorted_by(|one, next| one < next), "{pauses:?}");
    assert!(pauses[0] <= NOTIFICATION.first && NOTIFICATION.first < pauses[1], "{pauses:?}");
    let asked = script.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, id)| *id == asked[0].1), "a receiver can tell repetitions");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_to_be_left_alone_is() {
    let script = Script::of([status(429, Some(90))]);
    let bench = start(script.clone());
    // Not even the end of the program is a reason to press it.
    bench.closing.cancel();
    assert_eq!(bench.deliver(1, "delivered").await, 1);
    assert_eq!(script.seconds(), [0, 90]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_sent_again_and_the_next_event_is_sent() {
    let script = Script::of([status(400, None)]);
    assert_eq!(start(script.clone()).deliver(2, "refused").await, 1);
    assert_eq!(script.seconds(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_given_up_after_a_quarter_of_an_hour() {
    let script = Script::of((0..100).map(|_| status(503, None)));
    let began = Instant::now();
    assert_eq!(start(script.clone()).deliver(1, "given_up").await, 1);
    assert!(
        began.elapsed() <= NOTIFICATION.in_all
            && began.elapsed() + NOTIFICATION.longest > NOTIFICATION.in_all
    );
    let forever = Script::of([status(429, Some(86_400))]);
    assert_eq!(start(forever.clone()).deliver(1, "given_up").await, 1);
    assert_eq!(forever.seconds(), [0]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_program_pauses_are_short() {
    let script = Script::of((0..5).map(|_| status(503, None)));
    let bench = start(script.clone());
    bench.closing.cancel();
    assert_eq!(bench.deliver(1, "delivered").await, 1);
    let pauses = script.pauses();
    assert!(pauses.len() == 5 && pauses.iter().all(|one| *one <= LONGEST_AT_THE_END + TICK));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_makes_the_worker_panic_is_dropped_and_the_next_is_delivered() {
    struct Fragile(Mutex<u32>);

    impl Deliver for Fragile {
        async fn post(&self, _: &Event) -> Result<(), DeliveryError> {
            let mut posted = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *posted += 1;
            assert!(*posted > 1, "a fault in the worker");
            Ok(())
        }
    }

    let bench = start(Fragile(Mutex::new(0)));
    let counts = bench.counts.clone();
    assert_eq!(bench.deliver(2, "delivered").await, 1);
    let labels = vec![("sink", "bus".to_owned())];
    assert_eq!(counts.notifications_dropped.get_or_create(&labels).get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_ages_is_given_up_and_the_next_event_is_delivered() {
    let script = Script::of([status(429, Some(u64::MAX))]);
    let bench = start(script.clone());
    // On a clock that does not stand at zero.
    tokio::time::advance(Duration::from_millis(1_500)).await;
    assert_eq!(bench.deliver(2, "given_up").await, 1);
    assert_eq!(script.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn of_too_many_events_the_oldest_are_dropped() {
    let queue = Queue::default();
    let events: Vec<_> = (0..300).map(|_| event()).collect();
    let dropped = events.iter().filter(|event| queue.push((*event).clone())).count();
    assert_eq!(dropped, 300 - 256);
    assert_eq!(queue.next().await.unwrap().id, events[dropped].id);
    assert_eq!(queue.unfinished(), 256, "the one in hand counts until the next is asked for");
}
