//! Files that an operator named, read whole: only files, and only so large. What waits for a writer, or has no end, must
//! not hold up whoever reads it.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use secrecy::zeroize::Zeroizing;

/// What `path` holds, `most` bytes at most. It may be a secret, and is wiped when it is dropped.
pub fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>> {
    // A pipe without a writer would let its reader wait even to open it.
    let flags = OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a pipe or a device, and no file"));
    }
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    // With the room that it needs, so that no copy of a secret stays behind.
    let length = usize::try_from(about.len()).unwrap_or(most).min(most).saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(length));
    file.take(room).read_to_end(&mut content)?;
    if content.len() > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(content)
}

/// Whether what the operating system said of a file or an address may pass by itself: what is not there yet may come, what
/// is taken may be let go. A right, a name or a content that is wrong needs a person.
pub fn may_pass(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::InvalidFilename
            | ErrorKind::FileTooLarge
            | ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn what_is_no_file_or_too_large_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        nix::unistd::mkfifo(&path("pipe"), Mode::S_IRWXU).unwrap();
        std::fs::write(path("ten"), "0123456789").unwrap();
        std::os::unix::fs::symlink(path("ten"), path("link")).unwrap();
        assert_eq!(*read(&path("link"), 10).unwrap(), b"0123456789");
        for (path, said) in [
            (path("ten"), "it is larger than 9 bytes"),
            (path("pipe"), "it is a pipe or a device, and no file"),
            ("/dev/zero".into(), "it is a pipe or a device, and no file"),
            (dir.path().to_owned(), "is a directory"),
        ] {
            let error = read(&path, 9).unwrap_err().to_string();
            assert_eq!(error, said, "{}", path.display());
        }
    }
}
