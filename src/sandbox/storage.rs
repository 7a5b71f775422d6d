//! The sandbox's directory: who may read it, one sandbox at a time, and files that are replaced whole.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::SandboxError;

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Privacy {
    /// Its owner.
    Private,
    /// Everybody.
    Public,
}

/// The directory, locked for as long as this lives.
#[derive(Debug)]
pub(super) enum Directory {
    /// Kept across restarts.
    Kept { path: PathBuf, _lock: File },
    /// Gone with the sandbox.
    Temporary(TempDir),
}

impl Directory {
    /// Opens `dir`, which is made with mode 0700 if need be, or a temporary directory.
    pub(super) fn open(dir: Option<&Path>) -> Result<Self, SandboxError> {
        let Some(path) = dir else {
            return tempfile::Builder::new()
                .prefix("pintail-sandbox-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir()
                .map(Self::Temporary)
                .map_err(|source| SandboxError::Directory { path: std::env::temp_dir(), source });
        };
        let failed = |source| SandboxError::Directory { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        // Whoever reads the ready line may stand in another directory.
        let path = path.canonicalize().map_err(failed)?;
        let lock = options(Privacy::Private)
            .truncate(false)
            .open(path.join("sandbox.lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::Kept { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(SandboxError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(SandboxError::Directory { path, source }),
        }
    }

    /// The directory's path.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept { path, .. } => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    /// Where the state is kept, if anybody could come back to it.
    pub(super) fn state_file(&self) -> Option<PathBuf> {
        match self {
            Self::Kept { path, .. } => Some(path.join("state.jsonl")),
            Self::Temporary(_) => None,
        }
    }
}

/// Replaces a file whole; it is open still.
pub(super) fn write(path: &Path, content: &[u8], privacy: Privacy) -> Result<File, SandboxError> {
    let temporary = path.with_extension("new");
    let replace = || {
        let mut file = options(privacy).truncate(true).open(&temporary)?;
        file.write_all(content)?;
        std::fs::rename(&temporary, path)?;
        Ok(file)
    };
    replace().map_err(|source| SandboxError::Write { path: path.to_owned(), source })
}

/// Reads a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, SandboxError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SandboxError::Read { path: path.to_owned(), source }),
    }
}

fn options(privacy: Privacy) -> OpenOptions {
    let mode = match privacy {
        Privacy::Private => 0o600,
        Privacy::Public => 0o644,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(mode);
    options
}
