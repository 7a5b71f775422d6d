//! The embedded store: files in the layout that Kubernetes uses for mounted secrets, switched by one rename.

mod contents;
mod directory;
mod error;
mod secret;
pub(super) mod version;

use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::{Gid, Group};

pub(super) use self::contents::NAMES;
use self::directory::Access;
pub use self::error::FileError;
use self::secret::Secret;
use super::settings::FileStore;
use super::{PublishError, SecretRef, StoreError, Template};
use crate::names::TokenId;
use crate::record::Record;
use crate::rotation::world::Reading;
use crate::secret::Token;

/// One directory that holds all secrets of the store.
///
/// The secret at `path` is the directory `<dir>/<path>/`:
///
/// ```text
/// ..000000000007-<uuid>/     one version: token, motherduck.env, record.json; never changed once it is served
/// ..data -> ..000000000007-<uuid>          renamed over: the one moment at which all files change
/// token -> ..data/token      and so on: what consumers open
/// ```
///
/// `token` is the bare text; `motherduck.env` suits systemd's `EnvironmentFile` and Docker's `--env-file`; `record.json`
/// is the record and the user's own keys, without the token. Templates add files of one's own shape to each version.
/// Other files in the directory are the user's and are left alone.
#[derive(Debug, Clone)]
pub struct Files {
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Settings {
    dir: PathBuf,
    access: Access,
    keep_versions: usize,
    templates: Vec<Template>,
}

impl Files {
    /// Looks up the group; touches no file.
    pub(super) fn open(settings: &FileStore) -> Result<Self, FileError> {
        if !settings.dir.is_absolute() {
            return Err(FileError::Relative { path: settings.dir.clone() });
        }
        let group = settings.group.as_deref().map(group).transpose()?;
        Ok(Self {
            settings: Arc::new(Settings {
                dir: settings.dir.clone(),
                access: Access { group },
                keep_versions: settings.keep_versions,
                templates: settings.templates.clone(),
            }),
        })
    }

    pub(super) async fn read(&self, at: &SecretRef) -> Result<Reading, StoreError> {
        self.blocking(at, Secret::read).await?
    }

    pub(super) async fn children(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let (settings, path) = (Arc::clone(&self.settings), path.to_owned());
        let directory = settings.dir.join(&path);
        tokio::task::spawn_blocking(move || secret::children(&settings, &path))
            .await
            .map_err(|_| FileError::Interrupted { path: directory })?
            .map_err(StoreError::from)
    }

    pub(super) async fn ensure_writable(&self, at: &SecretRef) -> Result<(), StoreError> {
        Ok(self.blocking(at, Secret::ensure_writable).await??)
    }

    pub(super) async fn publish(
        &self,
        at: &SecretRef,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let files = contents::Files::render(record, &over.others, at.fields(), token)
            .with(&self.settings.templates, token);
        let version = over.version.clone();
        let needed = record.previous_token_ids.clone();
        self.blocking(at, move |secret| secret.publish(&version, &files, &needed))
            .await
            .map_err(|error| PublishError::Unknown(error.into()))?
    }

    pub(super) async fn recall(
        &self,
        at: &SecretRef,
        id: TokenId,
    ) -> Result<Option<(Record, Token)>, StoreError> {
        self.blocking(at, move |secret| secret.recall(id)).await?
    }

    /// Files, locks and `fsync` block, so they are worked on where blocking is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        at: &SecretRef,
        work: impl FnOnce(&Secret) -> T + Send + 'static,
    ) -> Result<T, FileError> {
        let secret = Secret { settings: Arc::clone(&self.settings), at: at.clone() };
        tokio::task::spawn_blocking(move || work(&secret))
            .await
            .map_err(|_| FileError::Interrupted { path: self.settings.dir.join(&at.path) })
    }
}

fn group(name: &str) -> Result<Gid, FileError> {
    if let Ok(number) = name.parse::<u32>() {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(FileError::NoSuchGroup { group: name.to_owned() }),
        Err(source) => Err(FileError::Group { group: name.to_owned(), source: source.into() }),
    }
}
