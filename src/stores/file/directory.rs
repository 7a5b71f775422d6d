//! Directories by file descriptor: every step is relative to one that was checked, and follows no symbolic link.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, UnlinkatFlags, fchown, fsync, geteuid, symlinkat, unlinkat};
use secrecy::zeroize::Zeroizing;

use super::error::FileError;

/// Who may read what the store makes: its own user, and perhaps a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub(super) group: Option<Gid>,
}

impl Access {
    fn directory_mode(self) -> u32 {
        if self.group.is_some() { 0o750 } else { 0o700 }
    }

    fn file_mode(self) -> u32 {
        if self.group.is_some() { 0o640 } else { 0o600 }
    }

    /// Sets mode and group on what was just made; the mode explicitly, since the umask may have narrowed it.
    fn apply(self, fd: &OwnedFd, mode: u32, path: &Path) -> Result<(), FileError> {
        if let Some(group) = self.group {
            fchown(fd, None, Some(group))
                .map_err(|errno| FileError::io("give the group access to", path, errno))?;
        }
        fchmod(fd, Mode::from_bits_truncate(mode))
            .map_err(|errno| FileError::io("set the mode of", path, errno))
    }
}

/// What a name in a directory stands for.
pub(super) enum Entry {
    Absent,
    Link(OsString),
    Other,
}

/// An open directory that only we, or root, can change.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

const OPEN_DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Directory {
    /// The store's own directory. The path above it is the operator's choice, and may have symbolic links.
    pub(super) fn root(path: &Path) -> Result<Option<Self>, FileError> {
        match nix::fcntl::open(path, OPEN_DIRECTORY, Mode::empty()) {
            Ok(fd) => Self { fd, path: path.to_owned() }.checked().map(Some),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(FileError::io("open directory", path, errno)),
        }
    }

    /// The store's own directory, made if it is missing.
    pub(super) fn root_or_make(path: &Path, access: Access) -> Result<Self, FileError> {
        if let Some(root) = Self::root(path)? {
            return Ok(root);
        }
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(access.directory_mode())
            .create(path)
            .map_err(|source| FileError::Io {
                doing: "make directory",
                path: path.to_owned(),
                source,
            })?;
        let root = Self::root(path)?
            .ok_or_else(|| FileError::io("open directory", path, Errno::ENOENT))?;
        access.apply(&root.fd, access.directory_mode(), path)?;
        Ok(root)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory `name` in this one, if it exists.
    pub(super) fn enter(&self, name: &str) -> Result<Option<Self>, FileError> {
        let path = self.path.join(name);
        match openat(&self.fd, name, OPEN_DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty()) {
            Ok(fd) => Self { fd, path }.checked().map(Some),
            Err(Errno::ENOENT) => Ok(None),
            // Linux says ENOTDIR for a symbolic link when a directory is asked for.
            Err(Errno::ELOOP | Errno::ENOTDIR) => {
                Err(FileError::Unsafe { path, why: "is a symbolic link or not a directory" })
            }
            Err(errno) => Err(FileError::io("open directory", &path, errno)),
        }
    }

    /// The directory `name` in this one, made if it is missing.
    pub(super) fn enter_or_make(&self, name: &str, access: Access) -> Result<Self, FileError> {
        if let Some(found) = self.enter(name)? {
            return Ok(found);
        }
        self.make(name, access)
    }

    /// Makes the directory `name`. Where another writer was faster, theirs is taken.
    pub(super) fn make(&self, name: &str, access: Access) -> Result<Self, FileError> {
        let path = self.path.join(name);
        let made = match mkdirat(&self.fd, name, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(FileError::io("make directory", &path, errno)),
        };
        let directory = self
            .enter(name)?
            .ok_or_else(|| FileError::io("open directory", &path, Errno::ENOENT))?;
        if made {
            access.apply(&directory.fd, access.directory_mode(), &path)?;
            self.sync()?;
        }
        Ok(directory)
    }

    fn checked(self) -> Result<Self, FileError> {
        trusted(&self.fd, &self.path)?;
        Ok(self)
    }

    /// What `name` stands for.
    pub(super) fn entry(&self, name: &str) -> Result<Entry, FileError> {
        match readlinkat(&self.fd, name) {
            Ok(target) => Ok(Entry::Link(target)),
            Err(Errno::ENOENT) => Ok(Entry::Absent),
            Err(Errno::EINVAL) => Ok(Entry::Other),
            Err(errno) => Err(FileError::io("read", &self.path.join(name), errno)),
        }
    }

    /// The contents of the plain file `name`, if it exists.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let path = self.path.join(name);
        // Without O_NONBLOCK, a pipe in the file's place would hold us for ever.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => {
                return Err(FileError::Unsafe { path, why: "is a symbolic link" });
            }
            Err(errno) => return Err(FileError::io("open", &path, errno)),
        };
        if trusted(&fd, &path)? != SFlag::S_IFREG {
            return Err(FileError::Unsafe { path, why: "is not a plain file" });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        File::from(fd).take(1 << 20).read_to_end(&mut bytes).map_err(|source| FileError::Io {
            doing: "read",
            path,
            source,
        })?;
        Ok(Some(bytes))
    }

    /// Makes the plain file `name`, which must not exist, and puts it on the disk.
    pub(super) fn write(&self, name: &str, bytes: &[u8], access: Access) -> Result<(), FileError> {
        let path = self.path.join(name);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| FileError::io("make", &path, errno))?;
        access.apply(&fd, access.file_mode(), &path)?;
        let mut file = File::from(fd);
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| FileError::Io {
            doing: "write",
            path,
            source,
        })
    }

    /// Opens the lock file `name`.
    pub(super) fn lock_file(&self, name: &str) -> Result<File, FileError> {
        let path = self.path.join(name);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| FileError::io("open lock", &path, errno))?;
        trusted(&fd, &path)?;
        Ok(File::from(fd))
    }

    /// Lets the symbolic link `name` lead to `target`, in one step for whoever opens it.
    pub(super) fn point(&self, name: &str, target: &str) -> Result<(), FileError> {
        let temporary = format!("{}_tmp", if name.starts_with("..") { name } else { "..link" });
        match unlinkat(&self.fd, temporary.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(FileError::io("remove", &self.path.join(temporary), errno)),
        }
        symlinkat(target, &self.fd, temporary.as_str())
            .map_err(|errno| FileError::io("make link", &self.path.join(&temporary), errno))?;
        renameat(&self.fd, temporary.as_str(), &self.fd, name).map_err(|errno| {
            // What cannot be renamed should not be left lying about; that it is there does no harm.
            let _ = unlinkat(&self.fd, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
            FileError::io("replace", &self.path.join(name), errno)
        })
    }

    /// Puts the directory's names on the disk.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        fsync(&self.fd).map_err(|errno| FileError::io("put on disk", &self.path, errno))
    }

    /// The names in the directory, those that are text.
    pub(super) fn names(&self) -> Result<Vec<String>, FileError> {
        let failed =
            |source| FileError::Io { doing: "list directory", path: self.path.clone(), source };
        let mut names = vec![];
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Removes a plain file.
    pub(super) fn remove_file(&self, name: &str) -> Result<(), FileError> {
        unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir)
            .map_err(|errno| FileError::io("remove", &self.path.join(name), errno))
    }

    /// Removes the directory `name` and the files in it.
    pub(super) fn remove(&self, name: &str) -> Result<(), FileError> {
        let Some(inner) = self.enter(name)? else { return Ok(()) };
        for file in inner.names()? {
            inner.remove_file(&file)?;
        }
        unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir)
            .map_err(|errno| FileError::io("remove", &self.path.join(name), errno))
    }
}

/// The kind of an open file, if nobody but us and root could have made it or can change it.
fn trusted(fd: &OwnedFd, path: &Path) -> Result<SFlag, FileError> {
    let stat = fstat(fd).map_err(|errno| FileError::io("examine", path, errno))?;
    let unsafe_since = |why| Err(FileError::Unsafe { path: path.to_owned(), why });
    if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
        return unsafe_since("belongs to another user");
    }
    if stat.st_mode & 0o022 != 0 {
        return unsafe_since("is writable for its group or for everybody");
    }
    Ok(SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()))
}
