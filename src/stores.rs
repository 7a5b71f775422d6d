//! The stores: where consumers read the secret, and the compare-and-set contract that all kinds of store keep.

mod aws;
mod caveat;
mod file;
mod kubernetes;
pub mod settings;
mod template;
mod vault;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use self::settings::{Format, StoreSettings};
use crate::fault::{Diagnostic, FaultKind};
use crate::kubernetes::Right;
use crate::names::TokenId;
use crate::record::{
    Fields, Object, Record, RecordError, SecretContent, UserKeys, decode, decode_to_read,
};
use crate::rotation::world::{Reading, Version};
use crate::secret::Token;

pub use aws::{Aws, AwsError};
pub use caveat::{Caveat, Severity};
pub use file::{FileError, Files};
pub use kubernetes::{KubernetesError, Secrets};
pub use template::{Template, TemplateError};
pub use vault::{Capability, MissingCapability, Vault, VaultError};

/// The stores' judgement of a publication, which the simulation of the core runs as it ships.
#[cfg(test)]
pub(crate) mod judgement {
    pub(crate) use super::aws::answer::Answer as AwsAnswer;
    pub(crate) use super::aws::labels::{CURRENT, PENDING, version_id};
    pub(crate) use super::aws::publication::{Next, Publication};
    pub(crate) use super::file::version::{Unswitched, VersionName, failed_switch};
    pub(crate) use super::kubernetes::publication::{
        Edition, Next as KubernetesNext, Publication as KubernetesPublication,
    };
    pub(crate) use super::vault::answer::{Answer as VaultAnswer, Unwritten, cas};
    pub(crate) use crate::kubernetes::Answer as KubernetesAnswer;
}

/// A place where consumers read secrets.
///
/// # Guarantees
///
/// - [`publish`](Store::publish) is one compare-and-set write: of several publishers over the same reading, in this
///   process or elsewhere, at most one ever succeeds. A version is never used twice.
/// - [`PublishError::Conflict`] and [`PublishError::Refused`] mean that the secret was not written and never will be
///   by that call: no write is repeated by a layer below after an answer was lost.
/// - The user's own keys survive every write, with not a byte of their values changed that the store itself keeps, and
///   in their order. Where one of them has a name that pintail would write under, the secret is not read at all, so
///   that nobody begins what could not be written. A plain secret has no keys: it is read as a token that nothing is
///   known of, and what is no token is not written over.
/// - No error's text and no `Debug` holds a secret.
///
/// # Assumptions
///
/// - Other writers keep to the store's own rules: they write new versions, and do not make an old one current again.
///
/// # Caveats
///
/// - A publication that ended as [`PublishError::Unknown`] may still take effect at any later time, until another
///   write has made the version that it was made over an old one.
#[derive(Debug)]
pub enum Store {
    /// Files in the layout of Kubernetes' mounted secrets.
    File(Files),
    /// HashiCorp Vault or OpenBao, KV version 2.
    Vault(Vault),
    /// AWS Secrets Manager.
    AwsSecretsManager(Aws),
    /// Secrets of Kubernetes.
    Kubernetes(Secrets),
}

/// Where in a store one credential's secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The secret's path or name.
    pub path: String,
    /// The key of the token's text in the secret.
    pub token_field: String,
    /// The key of the token's ID beside it, if it is to stand there.
    pub token_id_field: Option<String>,
    /// What the secret looks like. Plain has a meaning in AWS Secrets Manager alone; other stores take no notice.
    pub format: Format,
    /// What pintail does there.
    pub role: Role,
}

/// What pintail does with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It keeps a credential's token and record there.
    Primary,
    /// It keeps a copy there: there are records elsewhere of what was here before.
    Mirror,
    /// It reads a token there, and writes nothing: to whom the other keys belong does not matter.
    Source,
}

impl SecretRef {
    /// The keys that consumers read.
    fn fields(&self) -> Fields<'_> {
        Fields { token: &self.token_field, token_id: self.token_id_field.as_deref() }
    }
}

impl Store {
    /// Makes the store `name` as `settings` describe it. It contacts nothing; what can be checked offline is checked.
    pub async fn open(name: &str, settings: &StoreSettings) -> Result<Self, StoreError> {
        let settings = settings.clone();
        // Certificates and groups are read from files, and a group may be looked up far away.
        let opened = tokio::task::spawn_blocking(move || match &settings {
            StoreSettings::File(file) => Ok(Self::File(Files::open(file)?)),
            StoreSettings::Vault(vault) => Ok(Self::Vault(Vault::open(vault)?)),
            StoreSettings::AwsSecretsManager(aws) => Ok(Self::AwsSecretsManager(Aws::open(aws)?)),
            StoreSettings::Kubernetes(store) => Ok(Self::Kubernetes(Secrets::open(store)?)),
        });
        opened.await.unwrap_or_else(|_| Err(StoreError::Interrupted { name: name.to_owned() }))
    }

    /// The store's clock minus this machine's, as of its last answer, where it has one of its own.
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        match self {
            Self::File(_) => None,
            Self::Vault(vault) => vault.clock_skew(),
            Self::AwsSecretsManager(aws) => aws.clock_skew(),
            Self::Kubernetes(secrets) => secrets.clock_skew(),
        }
    }

    /// Reads the secret as it is now.
    pub async fn read(&self, at: &SecretRef) -> Result<Reading, StoreError> {
        match self {
            Self::File(files) => files.read(at).await,
            Self::Vault(vault) => vault.read(at).await,
            Self::AwsSecretsManager(aws) => aws.read(at).await,
            Self::Kubernetes(secrets) => secrets.read(at).await,
        }
    }

    /// The names right below `path`, of secrets and of what leads to some; `None` where this store is not listed. An
    /// empty path is where all paths begin.
    pub async fn children(&self, path: &str) -> Result<Option<Vec<String>>, StoreError> {
        match self {
            Self::File(files) => files.children(path).await.map(Some),
            Self::Vault(vault) => vault.children(path).await.map(Some),
            Self::AwsSecretsManager(_) | Self::Kubernetes(_) => Ok(None),
        }
    }

    /// Finds out whether the secret could be written over `over`, as far as that can be known without changing it.
    pub async fn ensure_writable(&self, at: &SecretRef, over: &Reading) -> Result<(), StoreError> {
        match self {
            Self::File(files) => files.ensure_writable(at).await,
            Self::Vault(vault) => vault.ensure_writable(at, over).await,
            Self::AwsSecretsManager(aws) => aws.ensure_writable(at, over).await,
            Self::Kubernetes(secrets) => secrets.ensure_writable(at, over).await,
        }
    }

    /// What pintail may not do at each of `paths`, by the store's own word, and nothing where it may do all; `None` if
    /// this store does not tell. It is told of what will be needed some day too, which no probe can find out.
    pub async fn lacking(&self, paths: &[&str]) -> Option<BTreeMap<String, MissingCapability>> {
        match self {
            Self::Vault(vault) => vault.lacking(paths).await,
            Self::File(_) | Self::AwsSecretsManager(_) | Self::Kubernetes(_) => None,
        }
    }

    /// What pintail may not do with the secret, where it is Kubernetes that is asked.
    pub async fn missing_rights(&self, at: &SecretRef) -> Vec<Right> {
        match self {
            Self::Kubernetes(secrets) => secrets.missing_rights(at).await,
            Self::File(_) | Self::Vault(_) | Self::AwsSecretsManager(_) => vec![],
        }
    }

    /// Whether what pintail logs in with here may be given back; `None` if it does not log in, or this is not told.
    pub async fn may_log_out(&self) -> Option<bool> {
        match self {
            Self::Vault(vault) => vault.may_log_out().await,
            Self::File(_) | Self::AwsSecretsManager(_) | Self::Kubernetes(_) => None,
        }
    }

    /// What the store's own settings do to a secret that is written `every` so often, as far as it may be asked.
    pub async fn caveats(&self, at: &SecretRef, every: Duration) -> Vec<Caveat> {
        match self {
            // One previous version is kept at least, for ever.
            Self::File(_) | Self::Kubernetes(_) => vec![],
            Self::Vault(vault) => vault.caveats(at, every).await,
            Self::AwsSecretsManager(aws) => aws.caveats(at).await,
        }
    }

    /// Writes `record` and `token` over `over`, if the secret is still at that version.
    pub async fn publish(
        &self,
        at: &SecretRef,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        match self {
            Self::File(files) => files.publish(at, over, record, token).await,
            Self::Vault(vault) => vault.publish(at, over, record, token).await,
            Self::AwsSecretsManager(aws) => aws.publish(at, over, record, token).await,
            Self::Kubernetes(secrets) => Box::pin(secrets.publish(at, over, record, token)).await,
        }
    }

    /// The record and the text of token `id` from an older version of the secret, as far as the store still has one.
    pub async fn recall(
        &self,
        at: &SecretRef,
        id: TokenId,
    ) -> Result<Option<(Record, Token)>, StoreError> {
        match self {
            Self::File(files) => files.recall(at, id).await,
            Self::Vault(vault) => vault.recall(at, id).await,
            Self::AwsSecretsManager(aws) => aws.recall(at, id).await,
            Self::Kubernetes(secrets) => secrets.recall(at, id).await,
        }
    }
}

/// Waits, for a few seconds at most, until the stores that are no longer used have taken back what pintail logged in
/// with. Call it when the last [`Store`] is dropped, before the runtime ends.
pub async fn logged_out() {
    vault::logged_out().await;
}

/// Why a publication did not take place, or is not known to have.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The secret is no longer at the version that was read: certainly not written, now or later.
    #[error("somebody else wrote the secret first")]
    Conflict,
    /// Certainly not written, now or later.
    #[error(transparent)]
    Refused(StoreError),
    /// It may have been written, or may yet be.
    #[error(transparent)]
    Unknown(StoreError),
}

/// Why a store did not do what was asked. Its texts name the secret and never hold a value of it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Trouble with files.
    #[error(transparent)]
    File(#[from] FileError),
    /// Trouble with Vault or OpenBao.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Trouble with AWS Secrets Manager.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Trouble with Kubernetes.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// The store could not be made, because of a shutdown or a bug.
    #[error("opening store {name:?} was cut short")]
    Interrupted {
        /// The store.
        name: String,
    },
    /// The secret is something else than a JSON object.
    #[error("secret {path} is not a JSON object")]
    NotAnObject {
        /// The secret.
        path: String,
    },
    /// The secret is not the text that a plain one is.
    #[error("secret {path} holds something else than a bare token")]
    NotPlain {
        /// The secret.
        path: String,
    },
    /// The secret says that pintail manages it, and cannot be read as such.
    #[error("cannot read secret {path}")]
    Damaged {
        /// The secret.
        path: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The secret holds two records, and which one is true nobody can say.
    #[error("secret {path} is ambiguous")]
    RecordAmbiguous {
        /// The secret.
        path: String,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The secret has a key of the user's own under a name that pintail would write.
    #[error("secret {path} is not written over")]
    KeyTaken {
        /// The secret.
        path: String,
        /// Which key it is.
        source: RecordError,
    },
    /// The secret holds a value of the user's own that the store would not take back.
    #[error(
        "secret {path} cannot be written back: `{key}` holds a number that the store does not take"
    )]
    Unwritable {
        /// The secret.
        path: String,
        /// The key.
        key: String,
    },
}

impl StoreError {
    /// A secret's object that is neither believed nor written over.
    fn of_record(at: &SecretRef, source: RecordError) -> Self {
        let path = at.path.clone();
        match &source {
            RecordError::Damaged { .. } => Self::Damaged { path, source },
            RecordError::Ambiguous | RecordError::Twice { .. } => {
                Self::RecordAmbiguous { path, source }
            }
            RecordError::Taken { .. } => Self::KeyTaken { path, source },
        }
    }

    /// Whether what people keep in the secret is in the way of every write, however often one tries.
    pub fn is_about_keys(&self) -> bool {
        match self {
            Self::RecordAmbiguous { .. } | Self::KeyTaken { .. } | Self::Unwritable { .. } => true,
            Self::File(_)
            | Self::Vault(_)
            | Self::Aws(_)
            | Self::Kubernetes(_)
            | Self::Interrupted { .. }
            | Self::NotAnObject { .. }
            | Self::NotPlain { .. }
            | Self::Damaged { .. } => false,
        }
    }
}

impl Diagnostic for StoreError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::File(error) => error.kind(),
            Self::Vault(error) => error.kind(),
            Self::Aws(error) => error.kind(),
            Self::Kubernetes(error) => error.kind(),
            Self::Interrupted { .. } => FaultKind::Transient,
            Self::NotAnObject { .. }
            | Self::NotPlain { .. }
            | Self::Damaged { .. }
            | Self::RecordAmbiguous { .. }
            | Self::KeyTaken { .. }
            | Self::Unwritable { .. } => FaultKind::Permanent,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Vault(error) => error.hint(),
            Self::Aws(error) => error.hint(),
            Self::Kubernetes(error) => error.hint(),
            Self::Interrupted { .. } => None,
            Self::NotAnObject { .. } => {
                Some("write a JSON object there, or choose another `path`".to_owned())
            }
            Self::NotPlain { .. } => Some(
                "give the plain secret a path of its own: keep this one, and add a mirror with `format = \"plain\"` \
                 until its readers have moved"
                    .to_owned(),
            ),
            Self::Damaged { source, .. }
            | Self::RecordAmbiguous { source, .. }
            | Self::KeyTaken { source, .. } => Some(source.hint()),
            Self::Unwritable { .. } => {
                Some("write that number as a text; nothing was changed".to_owned())
            }
        }
    }
}

/// A secret's JSON object at one version, taken apart.
fn reading(at: &SecretRef, version: Version, object: Object) -> Result<Reading, StoreError> {
    let parts = match at.role {
        Role::Primary | Role::Mirror => decode(object, at.fields()),
        Role::Source => {
            decode_to_read(object, at.fields()).map(|content| (content, UserKeys::default()))
        }
    };
    let (content, others) = parts.map_err(|source| StoreError::of_record(at, source))?;
    Ok(Reading { version, content, others })
}

/// The JSON object that `text` must be.
fn object(at: &SecretRef, text: &str) -> Result<Object, StoreError> {
    Object::parse(text).ok_or_else(|| StoreError::NotAnObject { path: at.path.clone() })
}

/// The record and the token of an older version, if that version served `id` and was not edited by hand. A version
/// that cannot be read is passed over: it was not ours, or is beyond help.
fn served(object: Object, at: &SecretRef, id: TokenId) -> Option<(Record, Token)> {
    match decode_to_read(object, at.fields()).ok()? {
        SecretContent::Managed { record, token } if record.token_id == id => Some((*record, token)),
        SecretContent::Managed { .. }
        | SecretContent::Edited { .. }
        | SecretContent::Unmanaged { .. }
        | SecretContent::Vacant => None,
    }
}
