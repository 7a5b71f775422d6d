//! An account's tokens: listed, created once, revoked by their ID.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Client;
use super::answer::Answer;
use super::error::{CreateTokenError, Error, Failure};
use super::operation::Operation;
use super::timestamp;
use crate::names::{AccountName, TokenId};
use crate::record::TokenType;
use crate::rotation::world::{CreatedToken, ListedToken, Revocation};
use crate::secret::{Token, Wiped};

/// A token to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Its name, 1 to 255 characters; unique, if a lost one is to be found again.
    pub name: &'a str,
    /// How long it lives, in whole seconds; for ever if `None`.
    pub ttl: Option<Duration>,
    /// What it may do.
    pub token_type: TokenType,
    /// What it is for, 1 to 1000 characters. Regions that know no descriptions drop it silently.
    pub description: Option<&'a str>,
}

/// Names that MotherDuck keeps to itself.
pub const RESERVED_TOKEN_NAMES: [&str; 2] = ["MotherDuck Extension", "MotherDuck Flights"];

/// A token as MotherDuck lists it, with what only people need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDetails {
    /// What every reader needs.
    pub listed: ListedToken,
    /// What it may do, as MotherDuck spells it; not told by every version of the service.
    pub token_type: Option<String>,
}

#[derive(Deserialize)]
struct ListedRow {
    id: Uuid,
    #[serde(default)]
    name: Option<String>,
    #[serde(deserialize_with = "timestamp::required")]
    created_ts: Timestamp,
    #[serde(default, deserialize_with = "timestamp::optional")]
    expire_at: Option<Timestamp>,
    #[serde(default)]
    token_type: Option<String>,
}

#[derive(Deserialize)]
struct CreatedRow {
    id: Uuid,
    token: Wiped,
    #[serde(default, deserialize_with = "timestamp::optional")]
    created_ts: Option<Timestamp>,
    #[serde(default, deserialize_with = "timestamp::optional")]
    expire_at: Option<Timestamp>,
}

impl Client {
    /// All tokens of `account`, complete, each once.
    pub async fn list_tokens(&self, account: &AccountName) -> Result<Vec<ListedToken>, Error> {
        let tokens = self.list_token_details(account).await?;
        Ok(tokens.into_iter().map(|token| token.listed).collect())
    }

    /// All tokens of `account`, complete, each once, with what only people need to know.
    pub async fn list_token_details(
        &self,
        account: &AccountName,
    ) -> Result<Vec<TokenDetails>, Error> {
        let rows: Vec<ListedRow> =
            self.list(&Operation::ListTokens(account.clone()), "tokens").await?;
        // Rows are known to repeat where a list comes in pages.
        let mut seen = HashSet::new();
        let tokens = rows.into_iter().filter(|row| seen.insert(row.id)).map(|row| TokenDetails {
            listed: ListedToken {
                id: TokenId(row.id),
                name: row.name,
                created_at: row.created_ts,
                expires_at: row.expire_at,
            },
            token_type: row.token_type,
        });
        Ok(tokens.collect())
    }

    /// Creates a token for `account`. The request takes effect at most once, as far as it is ours: something on the way
    /// may send it twice, and the second answer is then that the name exists.
    pub async fn create_token(
        &self,
        account: &AccountName,
        new: &NewToken<'_>,
    ) -> Result<CreatedToken, CreateTokenError> {
        let operation = Operation::CreateToken(account.clone());
        let mut body = json!({ "name": new.name, "token_type": new.token_type.as_str() });
        if let Some(fields) = body.as_object_mut() {
            let ttl = new.ttl.map(|ttl| ("ttl".to_owned(), ttl.as_secs().into()));
            let description = new.description.map(|text| ("description".to_owned(), text.into()));
            fields.extend(ttl.into_iter().chain(description));
        }
        let answer = self.call(&operation, &[], Some(&body)).await.map_err(CreateTokenError::of)?;
        // It was created. Without its text or its ID it is of no use to us, and alive.
        created(&answer, new, self.earlier_now())
            .map_err(|failure| CreateTokenError::Unknown(operation.failed(failure)))
    }

    /// Revokes the token. Only MotherDuck's own word counts as "already gone".
    pub async fn revoke_token(
        &self,
        account: &AccountName,
        id: TokenId,
    ) -> Result<Revocation, Error> {
        let operation = Operation::RevokeToken(account.clone(), id);
        match self.call(&operation, &[], None).await {
            Ok(_) => Ok(Revocation::Revoked),
            Err(Error::Operation { source, .. }) if matches!(*source, Failure::NotFound(_)) => {
                Ok(Revocation::AlreadyGone)
            }
            Err(error) => Err(error),
        }
    }
}

/// What the description calls optional may be missing: the time of creation is then now, and the expiry follows from
/// what we asked for. A time that is there must be readable.
fn created(answer: &Answer, new: &NewToken<'_>, now: Timestamp) -> Result<CreatedToken, Failure> {
    let row: CreatedRow = answer.json()?;
    let token = Token::new(&row.token.0)
        .map_err(|_| Failure::Malformed { reason: "its `token` is not one word".to_owned() })?;
    let created_at = row.created_ts.unwrap_or(now);
    let asked = new.ttl.and_then(|ttl| created_at.checked_add(ttl).ok());
    Ok(CreatedToken { id: TokenId(row.id), token, created_at, expires_at: row.expire_at.or(asked) })
}

#[cfg(test)]
mod hostile;
