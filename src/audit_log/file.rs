//! The file of the log, and beside it the head: how far the chain has come, and the lock of all who write it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access};

use super::entry::Entry;
use super::error::AuditError;
use super::line::{self, Head, Who};
use super::tail::Tail;
use crate::names::Owner;

/// How long another process may hold the lock: a line takes milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The file beside `log` that tells how far the chain has come. It stays where it is when the log is renamed.
pub fn head_beside(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".head");
    PathBuf::from(name)
}

/// The head that stands beside `log`, if there is one that can be read.
pub(super) fn read_head(log: &Path) -> Option<Head> {
    serde_json::from_slice(&std::fs::read(head_beside(log)).ok()?).ok()
}

/// Whether a line could be written; changes nothing.
pub(super) fn ensure_writable(log: &Path) -> Result<(), AuditError> {
    for path in [log, &head_beside(log)] {
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let directory = path.parent().unwrap_or(path);
                may_write(directory, AccessFlags::W_OK | AccessFlags::X_OK)?;
                continue;
            }
            Err(source) => return Err(io("look at", path, source)),
        };
        if !metadata.is_file() {
            return Err(AuditError::NotAFile { path: path.to_owned() });
        }
        may_write(path, AccessFlags::R_OK | AccessFlags::W_OK)?;
    }
    Ok(())
}

fn may_write(path: &Path, how: AccessFlags) -> Result<(), AuditError> {
    access(path, how).map_err(|errno| io("write", path, errno.into()))
}

/// Appends one line and puts it on the disk, so that whoever asks next finds it there.
pub(super) fn append(
    log: &Path,
    owner: &Owner,
    who: &Who,
    entry: &Entry,
) -> Result<(), AuditError> {
    let beside = head_beside(log);
    let mut lock = open(&beside, OpenOptions::new().read(true).write(true).create(true))?;
    hold(&lock, &beside)?;
    // Opened under the lock: it may have been renamed since the last line.
    let is_new = !log.exists();
    let mut file = open(log, OpenOptions::new().read(true).append(true).create(true))?;
    let tail = Tail::of(&mut file).map_err(|source| io("read", log, source))?;
    let mut bytes = Vec::new();
    if tail.is_open {
        bytes.push(b'\n');
    }
    let mut head = newest(tail.head.clone(), known_head(&mut lock));
    for entry in tail.recovery().iter().chain([entry]) {
        let (text, next) = line::write(&head, owner, who, entry)
            .map_err(|error| io("write", log, error.into()))?;
        bytes.extend(text.as_bytes());
        bytes.push(b'\n');
        head = next;
    }
    file.write_all(&bytes)
        .and_then(|()| file.sync_data())
        .and_then(|()| if is_new { sync_directory(log) } else { Ok(()) })
        .map_err(|source| io("write", log, source))?;
    // The line is on the disk already: a head that is behind does no harm.
    if let Err(error) = write_head(&mut lock, &head) {
        tracing::debug!(error = %error, "head of the audit log not written");
    }
    Ok(())
}

/// The chain goes on from whichever knows more. Where lines were cut off the end, that leaves a gap for all to see.
fn newest(tail: Option<Head>, known: Option<Head>) -> Head {
    match (tail, known) {
        (Some(tail), Some(known)) if known.seq >= tail.seq => known,
        (Some(tail), _) => tail,
        (None, known) => known.unwrap_or_else(Head::nothing),
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, AuditError> {
    // Without O_NONBLOCK, a pipe in the file's place would hold us for ever.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = options.mode(0o600).custom_flags(flags.bits()).open(path);
    let file = file.map_err(|source| match source.raw_os_error().map(nix::Error::from_raw) {
        Some(nix::Error::ELOOP | nix::Error::EISDIR) => {
            AuditError::NotAFile { path: path.to_owned() }
        }
        _ => io("open", path, source),
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(AuditError::NotAFile { path: path.to_owned() }),
        Err(source) => Err(io("look at", path, source)),
    }
}

/// The lock belongs to this opening of the file, so threads exclude one another as processes do.
fn hold(file: &File, path: &Path) -> Result<(), AuditError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_PATIENCE => {
                // A lock that waits in the kernel could not give up on a stopped process.
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(AuditError::Locked { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock", path, source)),
        }
    }
}

fn known_head(file: &mut File) -> Option<Head> {
    let mut text = Vec::new();
    file.take(4096).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// In place, since the lock is on this very file.
fn write_head(file: &mut File, head: &Head) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(head)?;
    text.push(b'\n');
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&text)?;
    file.set_len(text.len() as u64)
}

fn sync_directory(log: &Path) -> std::io::Result<()> {
    let parent = log.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> AuditError {
    AuditError::Io { doing, path: path.to_owned(), source }
}
