//! Delivery to one sink: one event after the other, tried again for a bounded time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::queue::Queue;
use super::{DeliveryError, Event, SinkClient};
use crate::deadline;
use crate::fault::{Diagnostic, FaultKind, chain};
use crate::retry::NOTIFICATION;
use crate::status::Counts;

/// Where the program is about to end, no pause of ours is longer.
const LONGEST_AT_THE_END: Duration = Duration::from_secs(1);

/// Where a worker delivers to: the seam at which its tests stand in for the network.
pub(super) trait Deliver: Send + Sync + 'static {
    /// Tries once.
    fn post(&self, event: &Event) -> impl Future<Output = Result<(), DeliveryError>> + Send;
}

impl Deliver for SinkClient {
    async fn post(&self, event: &Event) -> Result<(), DeliveryError> {
        SinkClient::post(self, event).await
    }
}

/// Delivers what is put into its queue.
pub(super) struct Worker<P> {
    pub(super) sink: String,
    pub(super) post: P,
    pub(super) queue: Arc<Queue>,
    pub(super) counts: Counts,
    pub(super) closing: CancellationToken,
}

impl<P: Deliver> Worker<P> {
    /// Delivers until the queue is closed and empty. What was in hand when it last panicked is not tried again: it
    /// might be the reason.
    pub(super) async fn run(&self) {
        if self.queue.give_up() {
            self.counts.notifications_dropped(&self.sink, 1);
        }
        while let Some(event) = self.queue.next().await {
            self.deliver(&event).await;
        }
    }

    async fn deliver(&self, event: &Event) {
        let began = Instant::now();
        let mut failures = 0;
        let (sink, word) = (self.sink.as_str(), event.notification.word());
        let failure = loop {
            let failure = match self.post.post(event).await {
                Ok(()) => {
                    self.counts.notification(sink, word, "delivered");
                    tracing::debug!(sink, event = word, "notification delivered");
                    return;
                }
                Err(failure) => failure,
            };
            failures += 1;
            let asked = failure.retry_after();
            let pause = NOTIFICATION.pause(failures, sink);
            let wait = match failure.kind() {
                FaultKind::Permanent => None,
                FaultKind::Transient => NOTIFICATION.wait(pause, asked, began.elapsed()),
            };
            let Some(wait) = wait else { break failure };
            let retry_in_ms = wait.as_millis();
            tracing::debug!(sink, event = word, retry_in_ms, error = %failure, "notification not delivered yet");
            match asked {
                Some(_) => tokio::time::sleep(wait).await,
                None => self.nap(wait).await,
            }
        };
        let result = match failure.kind() {
            FaultKind::Permanent => "refused",
            FaultKind::Transient => "given_up",
        };
        self.counts.notification(sink, word, result);
        let (error, hint) = (chain(&failure), failure.hint());
        tracing::warn!(sink, event = word, error, hint, "notification not delivered");
    }

    async fn nap(&self, pause: Duration) {
        let until = deadline::after(pause);
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = self.closing.cancelled() => {
                let soon = deadline::after(LONGEST_AT_THE_END);
                tokio::time::sleep_until(soon.min(until)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
