//! The organisation's users: listed, and service accounts made, found and deleted.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::error::{Error, Failure};
use super::operation::Operation;
use super::pages::{End, circle};
use crate::names::AccountName;

/// The largest page that the service was seen to accept.
const PAGE: &str = "1000";

/// A user of the organisation: a person or a service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The service's own ID of it.
    pub id: String,
    /// Its name; not necessarily one that pintail would accept.
    pub username: String,
    /// A person's address.
    #[serde(default)]
    pub email: Option<String>,
    /// What it is, where the service says so.
    #[serde(default)]
    pub is_service_account: Option<bool>,
    /// Whether it was taken out of the organisation.
    #[serde(default)]
    pub is_deprovisioned: bool,
    /// Its roles, such as `Admin`.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl User {
    /// Whether it is a service account. Where the service does not say, it is one that has no address.
    pub fn is_service_account(&self) -> bool {
        self.is_service_account.unwrap_or(self.email.is_none())
    }
}

/// Whether an account exists, by MotherDuck's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It does.
    Exists,
    /// It does not.
    Absent,
}

/// What became of an account that should exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It was created now.
    Created,
    /// It existed already, or its creation was answered by an error and it exists.
    Exists,
}

/// How a deletion ended; either way the account is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It was deleted now.
    Deleted,
    /// It was gone already.
    AlreadyGone,
}

impl Client {
    /// All users of the organisation, each once, people and deprovisioned ones included.
    ///
    /// Not every deployment of the service has this list: [`Failure::Forbidden`], [`Failure::NotFound`] and
    /// [`Failure::PlainNotFound`] may mean just that. Pages that point back are known of the service, and count as
    /// the end, unless fewer users came than it counts itself.
    pub async fn list_users(&self) -> Result<Vec<User>, Error> {
        let operation = Operation::ListUsers;
        let listing = self.pages::<User>(&operation, &[("limit", PAGE)], "users").await?;
        let mut seen = HashSet::new();
        let mut users = listing.entries;
        users.retain(|user| seen.insert(user.id.clone()));
        let came = u64::try_from(users.len()).unwrap_or(u64::MAX);
        match listing.end {
            End::Circle if listing.total.is_some_and(|total| total > came) => {
                Err(operation.failed(circle()))
            }
            End::Circle | End::Reached => Ok(users),
        }
    }

    /// The same, as far as it is certain that nobody is left out: a list that holds fewer users than it counts, or none
    /// at all, is an error. Whoever asks is a user of the organisation.
    pub async fn list_all_users(&self) -> Result<Vec<User>, Error> {
        let operation = Operation::ListUsers;
        let listing = self.pages::<User>(&operation, &[("limit", PAGE)], "users").await?;
        let mut seen = HashSet::new();
        let mut users = listing.entries;
        users.retain(|user| seen.insert(user.id.clone()));
        let failed = |reason: String| Err(operation.failed(Failure::Malformed { reason }));
        let came = u64::try_from(users.len()).unwrap_or(u64::MAX);
        match (listing.end, listing.total) {
            (_, Some(total)) if total > came => {
                failed(format!("it holds {came} users and counts {total}"))
            }
            (End::Circle, None) => Err(operation.failed(circle())),
            (End::Circle | End::Reached, _) if users.is_empty() => {
                failed("it holds no user at all, not even the one who asks".to_owned())
            }
            (End::Circle | End::Reached, _) => Ok(users),
        }
    }

    /// Creates a service account. The request takes effect at most once; after an error that
    /// [`may have effect`](Error::may_have_effect), ask whether the account [exists](Self::find_account).
    pub async fn create_account(&self, account: &AccountName) -> Result<(), Error> {
        let body = json!({ "username": account });
        self.call(&Operation::CreateAccount(account.clone()), &[], Some(&body)).await.map(drop)
    }

    /// Asks whether `account` exists.
    pub async fn find_account(&self, account: &AccountName) -> Result<Existence, Error> {
        match self.call(&Operation::GetDucklings(account.clone()), &[], None).await {
            Ok(_) => Ok(Existence::Exists),
            Err(error) if error.is_absence() => Ok(Existence::Absent),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that `account` exists. May be repeated.
    ///
    /// How the service refuses a name that is taken is not documented, and the outcome of a creation can be lost:
    /// after either, the account counts as existing only when the service says that it exists.
    pub async fn ensure_account(&self, account: &AccountName) -> Result<Creation, Error> {
        if self.find_account(account).await? == Existence::Exists {
            return Ok(Creation::Exists);
        }
        let Err(error) = self.create_account(account).await else { return Ok(Creation::Created) };
        let may_exist = error.may_have_effect()
            || matches!(error.failure(), Some(Failure::Validation(_) | Failure::Conflict(_)));
        if may_exist && self.find_account(account).await? == Existence::Exists {
            return Ok(Creation::Exists);
        }
        Err(error)
    }

    /// Deletes a service account with all its data, for good; its tokens are refused from then on. Only MotherDuck's
    /// own word counts as "already gone".
    pub async fn delete_account(&self, account: &AccountName) -> Result<Deletion, Error> {
        match self.call(&Operation::DeleteAccount(account.clone()), &[], None).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(error) if error.is_absence() => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }
}
