//! The admin token: read when first needed, kept, and read again when the service no longer accepts it.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderValue;

use super::error::Failure;
use crate::secret::{SecretSource, Token};

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

    /// `text` without this token: nobody promised that the service never echoes it.
    pub(super) fn strike_from(&self, text: &str) -> String {
        self.token.lend(|token| text.replace(token, "[redacted]"))
    }
}

/// The admin token and its place.
pub(super) struct Admin {
    source: SecretSource,
    current: Mutex<Option<Arc<Bearer>>>,
}

impl Admin {
    pub(super) fn new(source: SecretSource) -> Self {
        Self { source, current: Mutex::new(None) }
    }

    /// Where it is read from, for hints.
    pub(super) fn place(&self) -> String {
        self.source.to_string()
    }

    /// The token as it was last read.
    pub(super) fn bearer(&self) -> Result<Arc<Bearer>, Failure> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bearer) = &*current {
            return Ok(Arc::clone(bearer));
        }
        let bearer = self.read()?;
        *current = Some(Arc::clone(&bearer));
        Ok(bearer)
    }

    /// Another token than `refused`, if there is one by now; reads the source again.
    pub(super) fn newer_than(&self, refused: &Bearer) -> Result<Option<Arc<Bearer>>, Failure> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let bearer = self.read()?;
        *current = Some(Arc::clone(&bearer));
        let is_new = bearer.token.sha256() != refused.token.sha256();
        Ok(is_new.then_some(bearer))
    }

    fn read(&self) -> Result<Arc<Bearer>, Failure> {
        let token = self.source.read().map_err(Failure::AdminToken)?;
        let header = token.header("Bearer ").map_err(Failure::AdminTokenText)?;
        Ok(Arc::new(Bearer { token, header }))
    }
}
