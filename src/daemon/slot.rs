//! The limit on work at once. A rotation that only waits gives its place to others and finishes before new ones begin.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::names::{TokenId, TokenName};
use crate::record::Record;
use crate::rotation::decide::Reason;
use crate::rotation::world::{
    CreateError, CreatedToken, Fault, Health, Identity, ListedToken, PublishError, Reading,
    Revocation, Verdict, World,
};
use crate::secret::Token;

/// The places to work in.
#[derive(Clone)]
pub(super) struct Slots {
    permits: Arc<Semaphore>,
    freed: Arc<Notify>,
    stop: CancellationToken,
}

impl Slots {
    /// `count` places; `freed` is told when one may be free, and waits for one end with `stop`.
    pub(super) fn new(count: usize, freed: Arc<Notify>, stop: CancellationToken) -> Self {
        Self { permits: Arc::new(Semaphore::new(count)), freed, stop }
    }

    /// A place, if one is free that nobody waits for.
    pub(super) fn take(&self) -> Option<Slot> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        Some(Slot { slots: self.clone(), permit: Mutex::new(Some(permit)) })
    }
}

/// One place, given back when dropped.
pub(super) struct Slot {
    slots: Slots,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    /// Gives the place away while `wait` lasts. When the daemon stops no place is waited for: nothing more is begun.
    pub(super) async fn aside(&self, wait: impl Future<Output = ()>) {
        self.put(None);
        self.slots.freed.notify_one();
        wait.await;
        tokio::select! {
            biased;
            () = self.slots.stop.cancelled() => {}
            permit = self.slots.permits.clone().acquire_owned() => self.put(permit.ok()),
        }
    }

    fn put(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

/// A world whose naps are taken aside. Without it a few unhealthy consumers, or a gate that waits for hours, would
/// keep the whole fleet from being rotated.
pub(super) struct InSlot<'a, W> {
    pub(super) world: &'a W,
    pub(super) slot: &'a Slot,
}

impl<W: World + Sync> World for InSlot<'_, W> {
    fn now(&self) -> Timestamp {
        self.world.now()
    }

    fn stopping(&self) -> bool {
        self.world.stopping()
    }

    async fn nap(&self, duration: Duration) {
        self.slot.aside(self.world.nap(duration)).await;
    }

    async fn read(&self) -> Result<Reading, Fault> {
        self.world.read().await
    }

    async fn list(&self) -> Result<Vec<ListedToken>, Fault> {
        self.world.list().await
    }

    async fn read_mirror(&self, mirror: usize) -> Result<Reading, Fault> {
        self.world.read_mirror(mirror).await
    }

    async fn publish_to_mirror(
        &self,
        mirror: usize,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        self.world.publish_to_mirror(mirror, over, record, token).await
    }

    async fn ensure_writable(&self, reading: &Reading) -> Result<(), Fault> {
        self.world.ensure_writable(reading).await
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        self.world.create(name, reason).await
    }

    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        self.world.connect(token, identity).await
    }

    async fn is_account(&self, name: &str) -> Result<bool, Fault> {
        self.world.is_account(name).await
    }

    async fn is_refused(&self, token: &Token, identity: &Identity) -> Result<bool, Fault> {
        self.world.is_refused(token, identity).await
    }

    async fn publish(
        &self,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        self.world.publish(over, record, token).await
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        self.world.recall(id).await
    }

    async fn deploy(&self, record: &Record) -> Result<(), Fault> {
        self.world.deploy(record).await
    }

    async fn poll_gate(&self, record: &Record) -> Health {
        self.world.poll_gate(record).await
    }

    async fn revoke(&self, id: TokenId) -> Result<Revocation, Fault> {
        self.world.revoke(id).await
    }
}
