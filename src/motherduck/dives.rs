//! Dives: sessions that embed one in a page.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::error::{Error, Failure};
use super::operation::Operation;
use crate::names::AccountName;
use crate::secret::{Token, Wiped};

/// A dive's ID, which is opaque to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DiveId(String);

/// A text that cannot be a dive's ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "dive ID {0:?} must be 1 to 255 characters, none of them a control character, and not a path"
)]
pub struct DiveIdError(String);

impl DiveId {
    /// The ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DiveId {
    type Err = DiveIdError;
    fn from_str(text: &str) -> Result<Self, DiveIdError> {
        let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits && !matches!(text, "." | "..") {
            Ok(Self(text.to_owned()))
        } else {
            Err(DiveIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for DiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Opened {
    session: Wiped,
}

impl Client {
    /// Opens a session that shows `dive` as the service account `account` sees it. The session is a secret, is shown
    /// this once, and ends by itself after 24 hours; nobody can end it sooner.
    pub async fn embed_dive(
        &self,
        dive: &DiveId,
        account: &AccountName,
        session_name: Option<&str>,
    ) -> Result<Token, Error> {
        let operation = Operation::EmbedDive(dive.clone(), account.clone());
        let mut body = json!({ "username": account });
        if let (Some(name), Some(fields)) = (session_name, body.as_object_mut()) {
            fields.insert("session_name".to_owned(), name.into());
        }
        let answer = self.call(&operation, &[], Some(&body)).await?;
        let opened: Opened = answer.json().map_err(|failure| operation.failed(failure))?;
        Token::new(&opened.session.0).map_err(|_| {
            let reason = "its `session` is not one word".to_owned();
            operation.failed(Failure::Malformed { reason })
        })
    }
}
