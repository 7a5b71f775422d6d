//! Why a line could not be written.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::fault::{Diagnostic, FaultKind};

/// Why a line could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The operating system refuses.
    #[error("cannot {doing} {path}, of the audit log")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Something else stands where the log should be.
    #[error("{path} is not a plain file, as the audit log must be")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Another process has held the log for too long.
    #[error("{path} stayed locked by another process, so that the audit log cannot be written")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file system does not answer.
    #[error("{path} does not answer, so that the audit log cannot be written")]
    Slow {
        /// The file.
        path: PathBuf,
    },
}

impl Diagnostic for AuditError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Io { source, .. } => {
                let needs_a_person = [
                    ErrorKind::PermissionDenied,
                    ErrorKind::NotFound,
                    ErrorKind::NotADirectory,
                    ErrorKind::ReadOnlyFilesystem,
                ];
                if needs_a_person.contains(&source.kind()) {
                    FaultKind::Permanent
                } else {
                    FaultKind::Transient
                }
            }
            Self::NotAFile { .. } => FaultKind::Permanent,
            Self::Locked { .. } | Self::Slow { .. } => FaultKind::Transient,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                "make its directory, for pintail's user alone"
            }
            Self::Io { source, .. }
                if [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&source.kind()) =>
            {
                "make room on its disk"
            }
            Self::Io { .. } => {
                "let pintail's user write it and its directory; nothing new begins before"
            }
            Self::NotAFile { .. } => "name a file in audit_log.file, not a link or a directory",
            Self::Locked { path } => {
                return Some(format!("find who holds it: `fuser {}`", path.display()));
            }
            Self::Slow { .. } => "look at its disk; nothing new begins before it answers",
        };
        Some(hint.to_owned())
    }
}
