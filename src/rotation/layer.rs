//! A world round another one, which changes some of what it does and leaves the rest as it is.

use std::time::Duration;

use super::clock::Clock;
use super::decide::Reason;
use super::time::Time;
use super::world::{
    CreateError, CreatedToken, Health, Identity, ListError, ListedToken, PublishError,
    PublishRequest, Reading, Revocation, RevokeError, RevokeRequest, Site, Verdict, World,
};
use crate::fault::Fault;
use crate::names::{TokenId, TokenName};
use crate::record::Record;
use crate::secret::Token;

/// A world round [`inner`](Layer::inner): whatever it does not write itself is done by that one. Each layer is a
/// [`World`], and so are layers round layers.
pub trait Layer {
    /// The world inside.
    type Inner: World;

    /// The world inside.
    fn inner(&self) -> &Self::Inner;

    /// See [`Clock::time`].
    fn time(&self) -> Time {
        self.inner().time()
    }

    /// See [`Clock::stopping`].
    fn stopping(&self) -> bool {
        self.inner().stopping()
    }

    /// See [`Clock::nap`].
    fn nap(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self.inner().nap(duration)
    }

    /// See [`World::read`].
    fn read(&self, site: Site) -> impl Future<Output = Result<Reading, Fault>> + Send {
        self.inner().read(site)
    }

    /// See [`World::list`].
    fn list(&self) -> impl Future<Output = Result<Vec<ListedToken>, ListError>> + Send {
        self.inner().list()
    }

    /// See [`World::ensure_writable`].
    fn ensure_writable(&self, reading: &Reading) -> impl Future<Output = Result<(), Fault>> + Send {
        self.inner().ensure_writable(reading)
    }

    /// See [`World::create`].
    fn create(
        &self,
        name: &TokenName,
        reason: Reason,
    ) -> impl Future<Output = Result<CreatedToken, CreateError>> + Send {
        self.inner().create(name, reason)
    }

    /// See [`World::connect`].
    fn connect(
        &self,
        token: &Token,
        identity: &Identity,
    ) -> impl Future<Output = Result<Verdict, Fault>> + Send {
        self.inner().connect(token, identity)
    }

    /// See [`World::is_account`].
    fn is_account(&self, name: &str) -> impl Future<Output = Result<bool, Fault>> + Send {
        self.inner().is_account(name)
    }

    /// See [`World::publish`].
    fn publish(
        &self,
        write: PublishRequest<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send {
        self.inner().publish(write)
    }

    /// See [`World::recall`].
    fn recall(
        &self,
        id: TokenId,
    ) -> impl Future<Output = Result<Option<(Record, Token)>, Fault>> + Send {
        self.inner().recall(id)
    }

    /// See [`World::deploy`].
    fn deploy(&self, record: &Record) -> impl Future<Output = Result<(), Fault>> + Send {
        self.inner().deploy(record)
    }

    /// See [`World::poll_gate`].
    fn poll_gate(&self, record: &Record) -> impl Future<Output = Health> + Send {
        self.inner().poll_gate(record)
    }

    /// See [`World::revoke`].
    fn revoke(
        &self,
        request: RevokeRequest,
    ) -> impl Future<Output = Result<Revocation, RevokeError>> + Send {
        self.inner().revoke(request)
    }
}

impl<L: Layer> Clock for L {
    fn time(&self) -> Time {
        Layer::time(self)
    }

    fn stopping(&self) -> bool {
        Layer::stopping(self)
    }

    fn nap(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        Layer::nap(self, duration)
    }
}

impl<L: Layer> World for L {
    fn read(&self, site: Site) -> impl Future<Output = Result<Reading, Fault>> + Send {
        Layer::read(self, site)
    }

    fn list(&self) -> impl Future<Output = Result<Vec<ListedToken>, ListError>> + Send {
        Layer::list(self)
    }

    fn ensure_writable(&self, reading: &Reading) -> impl Future<Output = Result<(), Fault>> + Send {
        Layer::ensure_writable(self, reading)
    }

    fn create(
        &self,
        name: &TokenName,
        reason: Reason,
    ) -> impl Future<Output = Result<CreatedToken, CreateError>> + Send {
        Layer::create(self, name, reason)
    }

    fn connect(
        &self,
        token: &Token,
        identity: &Identity,
    ) -> impl Future<Output = Result<Verdict, Fault>> + Send {
        Layer::connect(self, token, identity)
    }

    fn is_account(&self, name: &str) -> impl Future<Output = Result<bool, Fault>> + Send {
        Layer::is_account(self, name)
    }

    fn publish(
        &self,
        write: PublishRequest<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send {
        Layer::publish(self, write)
    }

    fn recall(
        &self,
        id: TokenId,
    ) -> impl Future<Output = Result<Option<(Record, Token)>, Fault>> + Send {
        Layer::recall(self, id)
    }

    fn deploy(&self, record: &Record) -> impl Future<Output = Result<(), Fault>> + Send {
        Layer::deploy(self, record)
    }

    fn poll_gate(&self, record: &Record) -> impl Future<Output = Health> + Send {
        Layer::poll_gate(self, record)
    }

    fn revoke(
        &self,
        request: RevokeRequest,
    ) -> impl Future<Output = Result<Revocation, RevokeError>> + Send {
        Layer::revoke(self, request)
    }
}
