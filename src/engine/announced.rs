//! What happens to a credential, told on the workloads that use it.

use std::sync::Arc;

use super::Adapters;
use crate::consumers::gate::WorkloadEvent;
use crate::rotation::layer::Layer;
use crate::rotation::run::{Outcome, Report};
use crate::rotation::world::{Revocation, RevokeError, RevokeRequest, World};

/// A world whose revocations are told on the workloads, where the deploy hook can do that.
pub struct Announced<W> {
    inner: W,
    adapters: Arc<Adapters>,
}

impl<W> Announced<W> {
    pub(super) fn new(inner: W, adapters: Arc<Adapters>) -> Self {
        Self { inner, adapters }
    }

    /// Tells on the workloads that a rotation is held, where that is wanted.
    pub async fn tell_if_held(&self, report: &Report) {
        if let (Outcome::Held, Some(record), Some(problem)) =
            (report.outcome, &report.seen.record, &report.problem)
        {
            self.tell(WorkloadEvent::Held(record, &problem.message)).await;
        }
    }

    async fn tell(&self, told: WorkloadEvent<'_>) {
        if let Some(hook) = &self.adapters.deploy {
            Box::pin(hook.tell(&told)).await;
        }
    }
}

impl<W: World + Sync> Layer for Announced<W> {
    type Inner = W;

    fn inner(&self) -> &W {
        &self.inner
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<Revocation, RevokeError> {
        let revoked = self.inner.revoke(request).await?;
        self.tell(WorkloadEvent::Revoked(request.id())).await;
        Ok(revoked)
    }
}
