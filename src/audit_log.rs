//! The audit log: what was created, served, verified and revoked, by whom and why, in lines that hold one another.
//!
//! Each line carries the digest of itself and that of the line before, so that whoever changes, removes or moves one
//! breaks the chain from there on. That proves nothing against somebody who may write the file and computes it anew:
//! keep the digest of the last line, or the lines themselves, in another place too.

mod chain;
mod entry;
mod error;
mod file;
mod line;
mod operation;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use self::chain::{Chain, ChainProblem, Spot, Unread, verify};
pub use self::entry::{Cause, Entry, Event, Outcome, Trigger};
pub use self::error::AuditError;
pub use self::file::head_beside;
pub use self::line::Head;
use self::line::Who;
pub use self::operation::{AuditContext, Operation};
use crate::fault::{Diagnostic, chain as causes};
use crate::names::Owner;

/// A file system that does not answer must not keep a rotation from going on.
const PATIENCE: Duration = Duration::from_secs(15);

/// The log of one deployment on one machine. Several processes may write it at once.
pub struct AuditLog {
    path: PathBuf,
    owner: Owner,
    who: Who,
    failures: Arc<AtomicU64>,
}

impl AuditLog {
    /// The log in the file `path`; it is opened anew for each line.
    pub fn new(path: &Path, owner: &Owner) -> Self {
        let (path, owner) = (path.to_owned(), owner.clone());
        Self { path, owner, who: Who::this_process(), failures: Arc::default() }
    }

    /// The same, to take the place of `before`: what could not be written is counted on.
    #[must_use]
    pub fn in_place_of(self, before: &Self) -> Self {
        Self { failures: before.failures.clone(), ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many lines could not be written.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether a line could be written, as far as can be known without writing one.
    pub fn ensure_writable(&self) -> Result<(), AuditError> {
        file::ensure_writable(&self.path)
    }

    /// Writes one line and puts it on the disk. What is about to begin does not begin if this fails.
    pub async fn append(self: &Arc<Self>, entry: Entry) -> Result<(), AuditError> {
        let log = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || log.append_blocking(&entry));
        let result = match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(AuditError::Slow { path: self.path.clone() }),
        };
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Writes one line of what has happened. A failure is told in the log and the metrics, and holds nothing up: it
    /// cannot be undone by stopping half-way.
    pub async fn note(self: &Arc<Self>, entry: Entry) {
        let event = entry.event.as_str();
        if let Err(error) = self.append(entry).await {
            tracing::error!(
                event,
                error = causes(&error),
                hint = error.hint(),
                "audit line not written"
            );
        }
    }

    fn append_blocking(&self, entry: &Entry) -> Result<(), AuditError> {
        file::append(&self.path, &self.owner, &self.who, entry)
    }
}

#[cfg(test)]
mod tests;
