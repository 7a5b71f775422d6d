//! One secret in one store, with its requests counted: the credential's own, or a mirror's.

use std::sync::Arc;

use crate::config::{Credential, Mirror};
use crate::fault::{Diagnostic, Fault, FaultKind};
use crate::names::TokenId;
use crate::record::Record;
use crate::request_stats::{Reach, RequestStats};
use crate::rotation::world::{PublishError, Reading};
use crate::secret::Token;
use crate::stores::settings::Format;
use crate::stores::{self, Role, SecretRef, Store, StoreError};

/// Where one secret is kept, and the way there.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) store: Arc<Store>,
    pub(super) stats: Arc<RequestStats>,
    pub(super) location: SecretRef,
}

impl Place {
    pub(super) async fn read(&self) -> Result<Reading, Fault> {
        self.counted("read", self.store.read(&self.location).await)
    }

    pub(super) async fn ensure_writable(&self, over: &Reading) -> Result<(), Fault> {
        self.counted("ensure_writable", self.store.ensure_writable(&self.location, over).await)
    }

    /// Whether what people keep there is in the way of every write. Trouble on the way there says nothing of it.
    pub(super) async fn ensure_free(&self) -> Result<(), Fault> {
        let read = self.store.read(&self.location).await;
        let problem = read.as_ref().err().filter(|error| error.is_about_keys()).map(Fault::from);
        self.counted("read", read).ok();
        problem.map_or(Ok(()), Err)
    }

    pub(super) async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        self.counted("recall", self.store.recall(&self.location, id).await)
    }

    pub(super) async fn publish(
        &self,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let published = self.store.publish(&self.location, over, record, token).await;
        let (word, reach) = match &published {
            Ok(()) => ("ok", Reach::Answered),
            Err(stores::PublishError::Conflict) => ("conflict", Reach::Answered),
            Err(stores::PublishError::Refused(error)) => judged(error),
            Err(stores::PublishError::Unknown(_)) => ("unknown", Reach::Unreachable),
        };
        self.stats.note("publish", word, reach);
        published.map_err(|error| match error {
            stores::PublishError::Conflict => PublishError::Conflict,
            stores::PublishError::Refused(error) => PublishError::Refused(error.into()),
            stores::PublishError::Unknown(error) => PublishError::Unknown(error.into()),
        })
    }

    fn counted<T>(
        &self,
        operation: &'static str,
        result: Result<T, StoreError>,
    ) -> Result<T, Fault> {
        let (word, reach) = match &result {
            Ok(_) => ("ok", Reach::Answered),
            Err(error) => judged(error),
        };
        self.stats.note(operation, word, reach);
        Ok(result?)
    }
}

/// What became of a request, and what it says of the whole store. One secret that is damaged says nothing of it.
fn judged(error: &StoreError) -> (&'static str, Reach) {
    let word = match error.kind() {
        FaultKind::Transient => "failed",
        FaultKind::Permanent => "refused",
    };
    let reach = match error {
        StoreError::NotAnObject { .. }
        | StoreError::NotPlain { .. }
        | StoreError::Damaged { .. }
        | StoreError::RecordAmbiguous { .. }
        | StoreError::KeyTaken { .. }
        | StoreError::Unwritable { .. } => Reach::Answered,
        StoreError::Kubernetes(error) if error.is_of_one_secret() => Reach::Answered,
        StoreError::File(_)
        | StoreError::Vault(_)
        | StoreError::Aws(_)
        | StoreError::Kubernetes(_)
        | StoreError::Interrupted { .. } => Reach::Unreachable,
    };
    (word, reach)
}

impl From<&Credential> for SecretRef {
    /// The secret with the record.
    fn from(credential: &Credential) -> Self {
        Self {
            path: credential.path.clone(),
            token_field: credential.token_field.clone(),
            token_id_field: credential.token_id_field.clone(),
            format: Format::Json,
            role: Role::Primary,
        }
    }
}

impl From<&Mirror> for SecretRef {
    fn from(mirror: &Mirror) -> Self {
        Self {
            path: mirror.path.clone(),
            token_field: mirror.token_field.clone(),
            token_id_field: mirror.token_id_field.clone(),
            format: mirror.format,
            role: Role::Mirror,
        }
    }
}
