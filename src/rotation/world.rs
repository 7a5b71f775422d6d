//! The one seam between the core and everything outside it: what a rotation needs of the world, and what it may trust.

use jiff::Timestamp;
use std::fmt;

use crate::fault::Fault;
use crate::names::{RotationId, TokenId, TokenName};
use crate::record::{Record, SecretContent, UserKeys};
use crate::rotation::clock::Clock;
use crate::rotation::decide::Reason;
use crate::secret::Token;

/// One version of a secret, as its store names it. Equal versions are the same write; `ABSENT` is "no secret yet".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// A version by the store's own name for it, never empty.
    pub fn new(name: impl fmt::Display) -> Self {
        Self(name.to_string())
    }

    /// The secret does not exist; the first write must create it.
    pub fn absent() -> Self {
        Self(String::new())
    }

    /// Whether the secret did not exist.
    pub fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    /// The store's own name for the version; empty if absent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one look at the store found.
#[derive(Debug)]
pub struct Reading {
    /// The version that was read; a publication over this reading succeeds only while it is current.
    pub version: Version,
    /// What stands where the token is kept.
    pub content: SecretContent,
    /// The user's own keys in the same secret.
    pub others: UserKeys,
}

/// A token as MotherDuck lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// Its ID.
    pub id: TokenId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// When it was created, by MotherDuck's clock.
    pub created_at: Timestamp,
    /// When it expires, by MotherDuck's clock; never, if absent.
    pub expires_at: Option<Timestamp>,
}

/// A token that was just created; its text is shown this once.
#[derive(Debug)]
pub struct CreatedToken {
    /// Its ID.
    pub id: TokenId,
    /// Its text.
    pub token: Token,
    /// When it was created, by MotherDuck's clock.
    pub created_at: Timestamp,
    /// When it expires, by MotherDuck's clock; never, if absent.
    pub expires_at: Option<Timestamp>,
}

/// Why a creation gave no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// Certainly not created.
    #[error(transparent)]
    Refused(Fault),
    /// It may have happened, or may yet happen; the text of such a token is lost.
    #[error(transparent)]
    Unknown(Fault),
}

/// Why a publication did not take place, or is not known to have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The secret is no longer at the version that was read: certainly not written, now or later.
    #[error("somebody else wrote the secret first")]
    Conflict,
    /// Certainly not written, now or later.
    #[error(transparent)]
    Refused(Fault),
    /// It may have been written, or may yet be.
    #[error(transparent)]
    Unknown(Fault),
}

/// Why a list did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// There is no such account, by the service's own word.
    #[error(transparent)]
    NoAccount(Fault),
    /// Nothing is known of the tokens.
    #[error(transparent)]
    Failed(#[from] Fault),
}

/// Why a revocation is not known to have taken place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// Certainly not revoked, now or later.
    #[error(transparent)]
    Refused(Fault),
    /// It may have been revoked, or may yet be.
    #[error(transparent)]
    Unknown(Fault),
}

impl From<ListError> for Fault {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NoAccount(fault) | ListError::Failed(fault) => fault,
        }
    }
}

impl From<RevokeError> for Fault {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Refused(fault) | RevokeError::Unknown(fault) => fault,
        }
    }
}

/// What a token is to its credential, when a connection is made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRole {
    /// It was created a moment ago, for that reason, and is not served yet.
    New(Reason),
    /// It is served, and was read back from the store.
    Served,
    /// It was served before, or is not served yet.
    Other,
    /// It was revoked, and should be refused.
    Revoked,
}

/// Which token a connection is made with, for whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// What it is to the credential.
    pub role: TokenRole,
    /// The token.
    pub token_id: TokenId,
    /// The token that it replaces, if it replaces one.
    pub previous_token_id: Option<TokenId>,
    /// The rotation.
    pub rotation_id: RotationId,
}

impl Identity {
    /// The served token of `record`.
    pub fn served(record: &Record) -> Self {
        Self {
            role: TokenRole::Served,
            token_id: record.token_id,
            previous_token_id: record.previous_token_ids.first().copied(),
            rotation_id: record.rotation_id,
        }
    }

    /// The token of a `record` that is not the served one.
    pub fn unserved(record: &Record) -> Self {
        Self { role: TokenRole::Other, ..Self::served(record) }
    }

    /// A token that was revoked in the rotation that `record` tells of.
    pub fn revoked(id: TokenId, record: &Record) -> Self {
        Self {
            role: TokenRole::Revoked,
            token_id: id,
            previous_token_id: None,
            rotation_id: record.rotation_id,
        }
    }
}

/// What an endpoint said when it was asked which account a connection opens. It comes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The account, as it was named: on one line, without the token.
    pub account: String,
    /// Which endpoint said so.
    pub endpoint: String,
}

/// What a fresh connection with a token told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It connects, and this is which account that opens, where somebody was asked and said so.
    Works(Option<Answer>),
    /// The service, or the verifying command, refused it. The text says how, without secrets.
    Refused(String),
}

/// What one poll of the gate told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The consumers are healthy.
    Healthy,
    /// They are not, or did not answer. The text says how.
    Unhealthy(String),
}

/// How a revocation ended; either way the token is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// It was revoked now.
    Revoked,
    /// It was gone already.
    AlreadyGone,
}

/// One of the places where a credential's secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// The store: what it serves decides.
    Store,
    /// A mirror, by its number among [`Subject::mirrors`](crate::rotation::decide::Subject::mirrors).
    Mirror(usize),
}

/// What a record and its token are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A new token is served.
    Serve,
    /// The predecessor is served again.
    RollBack,
    /// The predecessors are retiring: none of them is served again.
    Seal,
    /// Nothing is changed but the version: who meant to write over the one before can no longer do so.
    Fence,
    /// The same token in the same phase, with what has become known of others.
    Amend,
    /// A mirror gets what the store serves.
    Mirror,
    /// A token that was made by hand becomes managed.
    Adopt,
    /// A person pauses the credential.
    Pause,
    /// A person ends that.
    Resume,
}

/// A record and its token, to be written over what was read.
#[derive(Debug, Clone, Copy)]
pub struct PublishRequest<'a> {
    /// Where.
    pub site: Site,
    /// What for.
    pub purpose: Purpose,
    /// What was read there; it succeeds only while that is current.
    pub over: &'a Reading,
    /// The record.
    pub record: &'a Record,
    /// The token that it describes.
    pub token: &'a Token,
}

impl<'a> PublishRequest<'a> {
    /// A write into the store.
    pub fn to_store(
        purpose: Purpose,
        over: &'a Reading,
        record: &'a Record,
        token: &'a Token,
    ) -> Self {
        Self { site: Site::Store, purpose, over, record, token }
    }

    /// A write of what the store serves into a mirror.
    pub fn to_mirror(
        number: usize,
        over: &'a Reading,
        record: &'a Record,
        token: &'a Token,
    ) -> Self {
        Self { site: Site::Mirror(number), purpose: Purpose::Mirror, over, record, token }
    }
}

/// A token that is to be revoked, and what it was to its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeRequest {
    /// A predecessor of the served token.
    Predecessor {
        /// The token.
        id: TokenId,
        /// The rotation that ends with this.
        rotation_id: Option<RotationId>,
    },
    /// A token that was never served, and that nobody can serve any more.
    Unserved {
        /// The token.
        id: TokenId,
        /// The rotation that it was made in, as far as its name tells.
        rotation_id: Option<RotationId>,
    },
}

impl RevokeRequest {
    /// The token.
    pub fn id(&self) -> TokenId {
        match self {
            Self::Predecessor { id, .. } | Self::Unserved { id, .. } => *id,
        }
    }
}

/// Everything that the rotation of *one credential* needs from outside.
///
/// What is done is told with what it is done for, so that whoever stands in between, such as the audit log, need not
/// guess. Who changes only some of it is a [`Layer`](crate::rotation::layer::Layer).
///
/// # Guarantees
///
/// - [`publish`](World::publish) is one compare-and-set write: of several publishers over the same reading at most
///   one ever succeeds, and a version is never used twice. The user's own keys are preserved.
/// - [`read`](World::read) is fresh: it never returns a version older than a write that was acknowledged before it
///   began.
/// - [`list`](World::list) is complete or an error; a list cut short is an error and never a short list.
/// - [`revoke`](World::revoke) of a token that is gone is success, and only the service's own word counts as gone.
/// - [`create`](World::create) is sent at most once.
///
/// # Assumptions
///
/// - One `World` belongs to one credential, and is used by one rotation at a time.
///
/// # Caveats
///
/// - The list may lag behind creations and revocations.
/// - A request that failed with `Unknown` may still take effect, at any later time.
pub trait World: Clock {
    /// Reads the secret at `site`.
    fn read(&self, site: Site) -> impl Future<Output = Result<Reading, Fault>> + Send;

    /// Lists all tokens of the account.
    fn list(&self) -> impl Future<Output = Result<Vec<ListedToken>, ListError>> + Send;

    /// Finds out, without changing the secret, whether it could be written over `reading`: so that a store that
    /// refuses is known before a token exists.
    fn ensure_writable(&self, reading: &Reading) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Creates a token of the credential's type and lifetime under `name`: a rotation begins, for `reason`.
    fn create(
        &self,
        name: &TokenName,
        reason: Reason,
    ) -> impl Future<Output = Result<CreatedToken, CreateError>> + Send;

    /// Connects freshly with `token`, and closes at once.
    fn connect(
        &self,
        token: &Token,
        identity: &Identity,
    ) -> impl Future<Output = Result<Verdict, Fault>> + Send;

    /// Whether there is an account of that name, or a person's: one is configured, or MotherDuck lists it.
    fn is_account(&self, name: &str) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Writes a record and its token, if the secret there is still at the version that was read.
    fn publish(
        &self,
        write: PublishRequest<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;

    /// The text and the record of the token that was served as `id` before, if the store still has that version.
    fn recall(
        &self,
        id: TokenId,
    ) -> impl Future<Output = Result<Option<(Record, Token)>, Fault>> + Send;

    /// Makes the clients reload. May be called more than once for one record.
    fn deploy(&self, record: &Record) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Asks once whether the consumers are healthy with `record`'s token.
    fn poll_gate(&self, record: &Record) -> impl Future<Output = Health> + Send;

    /// Revokes the token.
    fn revoke(
        &self,
        request: RevokeRequest,
    ) -> impl Future<Output = Result<Revocation, RevokeError>> + Send;
}
