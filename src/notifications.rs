//! Telling people outside that they may have to act: what is news is judged here, apart from how it is delivered.
//!
//! A judge per sink compares how the fleet stands with what the sink was told before; a queue and a worker per sink
//! deliver what is news. No rotation waits for any of it.

mod body;
mod event;
mod judge;
mod queue;
mod receiver;
pub mod settings;
mod words;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::event::{Event, Notification};
pub use self::judge::Judge;
use self::queue::Queue;
pub use self::receiver::{DeliveryError, SetupError, SinkClient};
use self::worker::Worker;
use crate::deadline;
use crate::names::Owner;
use crate::status::{Counts, Registry, Snapshot};
use crate::workers;

/// Between two looks at the fleet, however much happens.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Without anything happening the fleet is looked at this often: expiries come nearer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The configured sinks, ready to be told; nobody is contacted.
pub struct Sinks(Vec<Sink>);

struct Sink {
    name: String,
    judge: Judge,
    receiver: SinkClient,
}

impl Sinks {
    /// The sinks of a configuration.
    pub fn open(sinks: &BTreeMap<String, settings::Sink>) -> Result<Self, SetupError> {
        let mut clients = crate::tls::HttpClients::default();
        let open = |(name, settings): (&String, &settings::Sink)| {
            let judge = Judge::new(settings);
            let receiver = SinkClient::new(name, settings, &mut clients)?;
            Ok(Sink { name: name.clone(), judge, receiver })
        };
        sinks.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Begins to deliver.
    fn start(self, counts: &Counts) -> Vec<RunningSink> {
        self.0.into_iter().map(|sink| RunningSink::start(sink, counts)).collect()
    }
}

/// One sink's judge, and the way from it to the sink.
struct RunningSink {
    sink: String,
    judge: Judge,
    queue: Arc<Queue>,
    closing: CancellationToken,
    worker: JoinHandle<()>,
    counts: Counts,
}

impl RunningSink {
    fn start(sink: Sink, counts: &Counts) -> Self {
        let Sink { name, judge, receiver } = sink;
        counts.notifications_dropped(&name, 0);
        let (queue, closing) = (Arc::new(Queue::default()), CancellationToken::new());
        let worker = Worker {
            sink: name.clone(),
            post: receiver,
            queue: queue.clone(),
            counts: counts.clone(),
            closing: closing.clone(),
        };
        let label = format!("notifications.{name}");
        let worker = tokio::spawn(async move { workers::keep(&label, || worker.run()).await });
        Self { sink: name, judge, queue, closing, worker, counts: counts.clone() }
    }

    fn observe(&mut self, snapshot: &Snapshot, is_meant: fn(&Notification) -> bool) {
        for notification in self.judge.observe(snapshot).into_iter().filter(is_meant) {
            let dropped = self.queue.push(Event::new(snapshot, notification));
            if dropped {
                self.counts.notifications_dropped(&self.sink, 1);
                tracing::warn!(sink = %self.sink, "notification dropped, too many wait");
            }
        }
    }

    /// Delivers what waits until `limit`; the rest is dropped. Returns how much that is.
    async fn close(mut self, limit: Instant) -> u64 {
        self.queue.close();
        self.closing.cancel();
        if tokio::time::timeout_at(limit, &mut self.worker).await.is_ok() {
            return 0;
        }
        self.worker.abort();
        let left = self.queue.unfinished();
        self.counts.notifications_dropped(&self.sink, left);
        tracing::warn!(sink = %self.sink, count = left, "notifications not delivered in time");
        left
    }
}

/// Everything that a daemon has news of reaches the sinks by this.
pub struct Notifier {
    stop: CancellationToken,
    lines: Arc<Mutex<Vec<RunningSink>>>,
    task: JoinHandle<()>,
}

impl Notifier {
    /// Watches `fleet` and tells `sinks`.
    pub fn start(sinks: Sinks, fleet: Arc<Registry>) -> Self {
        let stop = CancellationToken::new();
        let lines = Arc::new(Mutex::new(sinks.start(fleet.counts())));
        let (watched, stopped) = (lines.clone(), stop.clone());
        let task = tokio::spawn(async move {
            workers::keep("notifications", || watch(&watched, &fleet, &stopped)).await;
        });
        Self { stop, lines, task }
    }

    /// Tells what has happened until now, and delivers what waits for at most `limit`.
    pub async fn close(self, limit: Duration) {
        self.stop.cancel();
        let until = deadline::after(limit);
        // It ends at once, unless it panics over and over.
        let _ = tokio::time::timeout_at(until, self.task).await;
        close(std::mem::take(&mut *self.lines.lock().await), until).await;
    }
}

async fn watch(lines: &Mutex<Vec<RunningSink>>, fleet: &Registry, stop: &CancellationToken) {
    if lines.lock().await.is_empty() {
        return;
    }
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            () = fleet.changed() => {}
            () = tokio::time::sleep(LONGEST_PAUSE) => {}
        }
        observe(lines, fleet).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LEAST_PAUSE) => {}
        }
    }
    observe(lines, fleet).await;
}

async fn observe(lines: &Mutex<Vec<RunningSink>>, fleet: &Registry) {
    let snapshot = fleet.snapshot();
    for line in lines.lock().await.iter_mut() {
        line.observe(&snapshot, |_| true);
    }
}

/// Tells `sinks` how the credentials of a one-shot run stand, within `limit`. Tokens that nobody manages are left to
/// the daemon: a run that comes every hour has no memory of what it told before.
pub async fn tell_once(sinks: Sinks, fleet: &Registry, limit: Duration) {
    let snapshot = fleet.snapshot();
    let mut lines = sinks.start(fleet.counts());
    for line in &mut lines {
        line.observe(&snapshot, |notification| {
            !matches!(notification, Notification::Unmanaged { .. })
        });
    }
    close(lines, deadline::after(limit)).await;
}

async fn close(lines: Vec<RunningSink>, limit: Instant) {
    futures::future::join_all(lines.into_iter().map(|line| line.close(limit))).await;
}

/// Sends a test event to each of the sinks once, all at the same time, and says what came of it.
pub async fn test(sinks: Sinks, owner: &Owner) -> Vec<(String, Result<(), DeliveryError>)> {
    let tests = sinks.0.into_iter().map(|Sink { name, receiver, .. }| async move {
        let event = Event::test(owner, &name);
        let result = receiver.post(&event).await;
        (name, result)
    });
    futures::future::join_all(tests).await
}
