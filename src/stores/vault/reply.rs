//! What Vault answered, read into its type once it is known to be of a bearable size.

use std::sync::Arc;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vaultrs::api::EndpointError;

use super::answer::Answer;
use super::request::Version;
use crate::http::body::{Bytes, Turn, json};
use crate::redact::foreign_text;
use crate::secret::Wiped;

/// What stands in an answer is read value by value.
const MOST_VALUES: usize = 20_000;
/// How many of Vault's words are kept, and how much of each.
const MOST_ERRORS: usize = 8;
const ERROR_CHARACTERS: usize = 1_000;

/// A whole answer. Its body may hold a secret.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// Of a large answer; others wait until it is dropped.
    pub(super) turn: Option<Arc<Turn>>,
}

/// What a login gave. vaultrs' own type would leave the Vault token in memory.
#[derive(Deserialize)]
pub(super) struct Auth {
    pub(super) client_token: Wiped,
    /// In seconds; none for a token that does not expire.
    #[serde(default)]
    pub(super) lease_duration: u64,
}

/// How a secret can be missing.
pub(super) enum Missing {
    /// Nothing was ever there, or everything was removed.
    Never,
    /// The version of this number is deleted or destroyed.
    Deleted(u64),
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl Reply {
    /// What stands in `data` of a success.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        self.read::<Envelope<T>>().map(|envelope| envelope.data)
    }

    /// What stands in `auth` of a success.
    pub(super) fn auth(&self) -> Result<Auth, Answer> {
        #[derive(Deserialize)]
        struct Envelope {
            auth: Auth,
        }
        self.read::<Envelope>().map(|envelope| envelope.auth)
    }

    /// Whether it is a success, whatever stands in it.
    pub(super) fn success(&self) -> Result<(), Answer> {
        if self.status.is_success() { Ok(()) } else { Err(self.refusal()) }
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Answer> {
        self.success()?;
        json(&self.body, MOST_VALUES).map_err(|_| Answer::Nonsense)
    }

    /// The status, and Vault's own words where the body is Vault's.
    pub(super) fn refusal(&self) -> Answer {
        let mut errors = self.errors().unwrap_or_default();
        errors.truncate(MOST_ERRORS);
        let errors =
            errors.into_iter().map(|error| foreign_text(&error, ERROR_CHARACTERS)).collect();
        Answer::Status { status: self.status.as_u16(), errors }
    }

    /// Whether it only says that there is no data at the path. A 404 with words, such as `no handler for route`, is
    /// trouble with the mount; one that is not Vault's says nothing about what exists.
    pub(super) fn missing(&self) -> Option<Missing> {
        if self.status != StatusCode::NOT_FOUND {
            return None;
        }
        if let Some(errors) = self.errors() {
            return errors.is_empty().then_some(Missing::Never);
        }
        let body: Envelope<Version> = json(&self.body, MOST_VALUES).ok()?;
        Some(Missing::Deleted(body.data.metadata.version))
    }

    fn errors(&self) -> Option<Vec<String>> {
        json::<EndpointError>(&self.body, MOST_VALUES).ok().map(|body| body.errors)
    }
}
