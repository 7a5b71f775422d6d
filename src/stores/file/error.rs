//! Why the file store did not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::fault::{Diagnostic, FaultKind};

/// Why the file store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The store's directory must be an absolute path.
    #[error("store directory {path} is not an absolute path")]
    Relative {
        /// The directory.
        path: PathBuf,
    },
    /// A secret's path that would leave the store's directory, or collide with the store's own files.
    #[error(
        "{path:?} is not a path for a secret: use plain names that do not start with '..', joined by '/'"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// The group does not exist.
    #[error("there is no group {group:?} on this system")]
    NoSuchGroup {
        /// The group.
        group: String,
    },
    /// The group cannot be looked up.
    #[error("cannot look up group {group:?}")]
    Group {
        /// The group.
        group: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody else could have put it there, or could change it.
    #[error("{path} {why}, and is not trusted with a secret")]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The user's, under the name of a template.
    #[error("{path} is in the way of a template of that name: pintail did not make it")]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// `..data` was not made by pintail.
    #[error("{path} leads to something that pintail did not make")]
    Foreign {
        /// The symbolic link.
        path: PathBuf,
    },
    /// Another process has held the secret's lock for too long.
    #[error("{path} stayed locked by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Other writers changed the secret again and again while it was read.
    #[error("{path} kept changing while it was read")]
    Restless {
        /// The secret's directory.
        path: PathBuf,
    },
    /// The work in hand was cut short, by a shutdown or a bug.
    #[error("work on {path} was cut short")]
    Interrupted {
        /// The secret's directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl FileError {
    /// The operating system refused to do `doing` to `path`.
    pub(super) fn io(doing: &'static str, path: &Path, errno: Errno) -> Self {
        Self::Io { doing, path: path.to_owned(), source: errno.into() }
    }
}

impl Diagnostic for FileError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Relative { .. }
            | Self::Path { .. }
            | Self::NoSuchGroup { .. }
            | Self::Unsafe { .. }
            | Self::InTheWay { .. }
            | Self::Foreign { .. } => FaultKind::Permanent,
            Self::Group { .. }
            | Self::Locked { .. }
            | Self::Restless { .. }
            | Self::Interrupted { .. } => FaultKind::Transient,
            Self::Io { source, .. } => {
                let needs_a_person = matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::AlreadyExists
                );
                if needs_a_person { FaultKind::Permanent } else { FaultKind::Transient }
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Relative { .. }
            | Self::Path { .. }
            | Self::Restless { .. }
            | Self::Interrupted { .. } => return None,
            Self::NoSuchGroup { .. } | Self::Group { .. } => {
                "create the group, or give its number".to_owned()
            }
            Self::Unsafe { path, .. } => format!(
                "{} must belong to pintail's user or root, be no symbolic link, and not be writable for others",
                path.display()
            ),
            Self::InTheWay { path } => format!(
                "move {} away, or give the template another name; nothing was changed",
                path.display()
            ),
            Self::Foreign { path } => {
                format!("choose another path, or remove {} by hand", path.display())
            }
            Self::Locked { path } => format!("find who holds it: `fuser {}`", path.display()),
            Self::Io { source, path, .. } => return os_hint(source.kind(), path),
        })
    }
}

fn os_hint(kind: io::ErrorKind, path: &Path) -> Option<String> {
    if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        Some("make room on the disk; nothing was changed".to_owned())
    } else if kind == io::ErrorKind::ReadOnlyFilesystem {
        Some("mount the file system writable for pintail".to_owned())
    } else if kind == io::ErrorKind::PermissionDenied {
        Some(format!(
            "let pintail's user write to {}, and be a member of the store's group if it has one",
            path.display()
        ))
    } else if kind == io::ErrorKind::NotADirectory {
        Some(format!(
            "{} or what it lies in is a file: move that away, or choose another `dir` or `path`",
            path.display()
        ))
    } else {
        None
    }
}
