//! A world of which only what is pintail's own work occupies a place.

use std::time::Duration;

use super::{Kind, Permit};
use crate::fault::{Fault, FaultKind};
use crate::names::{TokenId, TokenName};
use crate::record::Record;
use crate::rotation::decide::Reason;
use crate::rotation::layer::Layer;
use crate::rotation::world::{
    CreateError, CreatedToken, Health, Identity, ListError, ListedToken, PublishError,
    PublishRequest, Reading, Revocation, RevokeError, RevokeRequest, Site, Verdict, World,
};
use crate::secret::Token;

/// A world whose naps and calls to others are taken aside. Without it a few consumers that are unhealthy, or do not
/// even answer, would keep the whole fleet from being rotated. What is called is on the heap: one inside the other, the
/// futures of a rotation are large.
pub(in crate::daemon) struct WithPermit<'a, W> {
    pub(in crate::daemon) world: &'a W,
    pub(in crate::daemon) permit: &'a Permit,
}

/// Why nothing is asked any more.
const STOPPING: &str = "pintail is stopping, and begins nothing";

fn stopping() -> Fault {
    Fault { kind: FaultKind::Transient, message: STOPPING.to_owned(), hint: None }
}

impl<W: World + Sync> Layer for WithPermit<'_, W> {
    type Inner = W;

    fn inner(&self) -> &W {
        self.world
    }

    async fn nap(&self, duration: Duration) {
        self.permit.aside(self.world.nap(duration)).await;
    }

    async fn read(&self, site: Site) -> Result<Reading, Fault> {
        self.permit.at_store(Box::pin(self.world.read(site))).await
    }

    async fn list(&self) -> Result<Vec<ListedToken>, ListError> {
        let asked = self.permit.at_work(Box::pin(self.world.list())).await;
        asked.unwrap_or_else(|| Err(stopping().into()))
    }

    async fn ensure_writable(&self, reading: &Reading) -> Result<(), Fault> {
        self.permit.at_store(Box::pin(self.world.ensure_writable(reading))).await
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        if reason.is_urgent() {
            self.permit.hurry();
        }
        let asked = self.permit.at_work(Box::pin(self.world.create(name, reason))).await;
        asked.unwrap_or_else(|| Err(CreateError::Refused(stopping())))
    }

    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        self.permit
            .with_others(Kind::Proof, Box::pin(self.world.connect(token, identity)))
            .await
            .unwrap_or_else(|| Err(stopping()))
    }

    async fn is_account(&self, name: &str) -> Result<bool, Fault> {
        let asked = self.permit.at_work(Box::pin(self.world.is_account(name))).await;
        asked.unwrap_or_else(|| Err(stopping()))
    }

    async fn publish(&self, write: PublishRequest<'_>) -> Result<(), PublishError> {
        self.permit.at_store(Box::pin(self.world.publish(write))).await
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        self.permit.at_store(Box::pin(self.world.recall(id))).await
    }

    async fn deploy(&self, record: &Record) -> Result<(), Fault> {
        self.permit
            .with_others(Kind::Consumers, Box::pin(self.world.deploy(record)))
            .await
            .unwrap_or_else(|| Err(stopping()))
    }

    async fn poll_gate(&self, record: &Record) -> Health {
        let asked =
            self.permit.with_others(Kind::Consumers, Box::pin(self.world.poll_gate(record))).await;
        asked.unwrap_or_else(|| Health::Unhealthy(STOPPING.to_owned()))
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<Revocation, RevokeError> {
        let asked = self.permit.at_work(Box::pin(self.world.revoke(request))).await;
        asked.unwrap_or_else(|| Err(RevokeError::Refused(stopping())))
    }
}
