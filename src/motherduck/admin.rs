//! The admin token: read when first needed, kept, and read again when the service no longer accepts it.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use reqwest::header::HeaderValue;

use super::error::Failure;
use crate::fault::Fault;
use crate::secret::{SecretSource, Token};

/// A place other than a file or a variable where the admin token is kept: a secret in a store.
pub trait TokenPlace: Send + Sync {
    /// Reads it anew: it may have been rotated.
    fn read(&self) -> BoxFuture<'_, Result<Token, Fault>>;

    /// The place, for people.
    fn name(&self) -> String;
}

/// Where the admin token comes from.
pub enum AdminSource {
    /// A file or a variable.
    Secret(SecretSource),
    /// A secret in a store.
    Elsewhere(Box<dyn TokenPlace>),
    /// This one and no other.
    Given(Token),
}

/// One reading of the admin token.
pub(super) struct Bearer {
    token: Token,
    header: HeaderValue,
}

impl Bearer {
    /// The `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// The admin token and its place.
pub(super) struct Admin {
    source: AdminSource,
    current: Mutex<Option<Arc<Bearer>>>,
}

impl Admin {
    pub(super) fn new(source: AdminSource) -> Self {
        Self { source, current: Mutex::new(None) }
    }

    /// Where it is read from, for hints.
    pub(super) fn place(&self) -> String {
        match &self.source {
            AdminSource::Secret(source) => source.to_string(),
            AdminSource::Elsewhere(place) => place.name(),
            AdminSource::Given(_) => "the credential's secret".to_owned(),
        }
    }

    /// The token as it was last read.
    pub(super) async fn bearer(&self) -> Result<Arc<Bearer>, Failure> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match current {
            Some(bearer) => Ok(bearer),
            None => self.read().await,
        }
    }

    /// Another token than `refused`, if there is one by now; reads the source again.
    pub(super) async fn newer_than(
        &self,
        refused: &Bearer,
    ) -> Result<Option<Arc<Bearer>>, Failure> {
        let bearer = self.read().await?;
        let is_new = bearer.token.sha256() != refused.token.sha256();
        Ok(is_new.then_some(bearer))
    }

    /// Reads the source anew and goes on with what it says.
    pub(super) async fn read(&self) -> Result<Arc<Bearer>, Failure> {
        let token = match &self.source {
            AdminSource::Secret(source) => source.read_token().map_err(Failure::AdminToken)?,
            AdminSource::Elsewhere(place) => {
                place.read().await.map_err(Failure::AdminTokenElsewhere)?
            }
            AdminSource::Given(token) => token.duplicate(),
        };
        let header = token.header("Bearer ").map_err(Failure::AdminTokenText)?;
        let bearer = Arc::new(Bearer { token, header });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&bearer));
        Ok(bearer)
    }
}
