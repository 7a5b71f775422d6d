//! The files that a configuration is read from: those that were named, and the `*.toml` of a named directory.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use sha2::{Digest, Sha256};

use super::error::ConfigError;
use super::{Config, check};
use crate::config::sources::Sources;

/// Where a configuration is read from, now and whenever it may have changed.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    environment: Vec<(String, String)>,
}

/// What stood in the files at some time. Two that are equal hold the same configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Files {
    /// Files and directories (later ones win), and the variables that come on top of them.
    pub fn new(
        paths: Vec<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self { paths, environment: environment.into_iter().collect() }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not TOML; otherwise all problems at once, each with its source and key.
    pub fn load(&self) -> Result<Config, ConfigError> {
        check::check(&Sources::read(&self.paths, self.environment.iter().cloned())?)
    }

    /// The files, those of directories one by one.
    pub fn each(&self) -> Vec<PathBuf> {
        self.paths
            .iter()
            .filter_map(|path| Group::of(path).ok())
            .flat_map(|one| one.files)
            .collect()
    }

    /// What stands in the files now. That one cannot be read is as good a state as any: it differs from all others.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint_by(|file| std::fs::read(file).unwrap_or_default())
    }

    /// The same for whoever looks again and again; `None` while this process has too many files open to tell.
    pub fn look(&self) -> Option<Fingerprint> {
        let is_starved =
            Cell::new(std::fs::File::open("/dev/null").as_ref().is_err_and(is_starving));
        let fingerprint = self.fingerprint_by(|file| {
            let read = std::fs::read(file);
            is_starved.set(is_starved.get() || read.as_ref().is_err_and(is_starving));
            read.unwrap_or_default()
        });
        (!is_starved.get()).then_some(fingerprint)
    }

    fn fingerprint_by(&self, read: impl Fn(&Path) -> Vec<u8>) -> Fingerprint {
        let mut digest = Sha256::new();
        for path in &self.paths {
            // A directory's files by name, so that one more is a change and another order of the listing is none.
            let Ok(group) = Group::of(path) else {
                digest.update(b"unlisted");
                continue;
            };
            for file in &group.files {
                let content = Sha256::digest(read(file));
                digest.update(Sha256::digest(file.as_os_str().as_encoded_bytes()));
                digest.update(content);
            }
        }
        Fingerprint(digest.finalize().into())
    }
}

fn is_starving(error: &std::io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EMFILE | Errno::ENFILE))
}

/// What one name on the command line stands for.
pub(super) struct Group {
    /// Whether the files are a directory's.
    pub(super) is_directory: bool,
    /// In the order in which they are read; later ones win.
    pub(super) files: Vec<PathBuf>,
}

impl Group {
    /// The file `path` itself, or the files of the directory `path`: those that end in `.toml`, by name, but for
    /// hidden ones. Kubernetes keeps what it mounts in hidden directories, and editors what they have in hand.
    pub(super) fn of(path: &Path) -> Result<Self, ConfigError> {
        if !path.is_dir() {
            return Ok(Self { is_directory: false, files: vec![path.to_owned()] });
        }
        let failed = |source| ConfigError::ReadFile { path: path.to_owned(), source };
        let mut files = vec![];
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let is_hidden = file
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().first().is_none_or(|c| *c == b'.'));
            let is_toml = file.extension().is_some_and(|extension| extension == "toml");
            if is_toml && !is_hidden && !file.is_dir() {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(ConfigError::EmptyDirectory { path: path.to_owned() });
        }
        files.sort_unstable();
        Ok(Self { is_directory: true, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_out_of_files_does_not_know_what_stands_in_them() {
        for (errno, starves) in
            [(Errno::EMFILE, true), (Errno::ENFILE, true), (Errno::ENOENT, false)]
        {
            assert_eq!(is_starving(&errno.into()), starves, "{errno}");
        }
        let files = Files::new(vec!["/no/such/file.toml".into()], []);
        assert_eq!(files.look(), Some(files.fingerprint()));
    }
}
