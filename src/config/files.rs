//! The files that a configuration is read from: those that were named, and the `*.toml` of a named directory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use super::error::ConfigError;
use super::sources::Sources;
use super::{Config, sections};

/// No file of a configuration is larger.
const MOST_BYTES: u64 = 64 << 20;

/// Where a configuration is read from, now and whenever it may have changed.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    environment: Vec<(String, String)>,
    /// What named pipes held. They can be read once, and never again.
    pipes: Pipes,
}

/// The texts of pipes by their paths, shared by all that read the same configuration.
type Pipes = Arc<Mutex<BTreeMap<PathBuf, Arc<Zeroizing<String>>>>>;

/// What stood in the files at some time. Two that are equal hold the same configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// What becomes of a pipe whose text is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NewPipe {
    /// It is read to its end, however long its writer takes.
    Read,
    /// It is refused: nobody may ever write into it.
    Refuse,
}

impl Files {
    /// Files and directories (later ones win), and the variables that come on top of them.
    pub fn new(
        paths: Vec<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let environment = environment.into_iter().collect();
        Self { paths, environment, pipes: Pipes::default() }
    }

    /// Reads and checks everything. A pipe that was named is read once; later it holds what it held then.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not TOML; otherwise all problems at once, each with its source and key.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.load_with(NewPipe::Read)
    }

    /// The same for a process that has a configuration: it waits for nobody who may write into a pipe.
    pub fn load_again(&self) -> Result<Config, ConfigError> {
        self.load_with(NewPipe::Refuse)
    }

    fn load_with(&self, new: NewPipe) -> Result<Config, ConfigError> {
        // In a directory a pipe is a slip; whoever names one means it.
        let read = |file: &Path, group: &Group| {
            self.text(file, if group.is_directory { NewPipe::Refuse } else { new })
        };
        sections::check(&Sources::read(&self.paths, self.environment.iter().cloned(), read)?)
    }

    /// The files, those of directories one by one.
    pub fn each(&self) -> Vec<PathBuf> {
        self.paths
            .iter()
            .filter_map(|path| Group::of(path).ok())
            .flat_map(|one| one.files)
            .collect()
    }

    /// The files and directories that were named.
    pub fn named(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The pipes that were read: what they held stays in force whatever becomes of them.
    pub fn pipes(&self) -> Vec<PathBuf> {
        self.known().keys().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Zeroizing<String>>>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, file: &Path, new: NewPipe) -> std::io::Result<Arc<Zeroizing<String>>> {
        let kind = std::fs::metadata(file)?.file_type();
        if kind.is_file() {
            return read(file).map(Arc::new);
        }
        if let Some(known) = self.known().get(file) {
            return Ok(known.clone());
        }
        match new {
            NewPipe::Refuse => {
                Err(Error::new(ErrorKind::InvalidInput, "it is a pipe or a device, and no file"))
            }
            NewPipe::Read => {
                let text = read(file)?;
                if kind.is_fifo() && text.trim().is_empty() {
                    let why =
                        "the pipe held nothing: look at what the command says that writes into it";
                    return Err(Error::new(ErrorKind::InvalidData, why));
                }
                let text = Arc::new(text);
                self.known().insert(file.to_owned(), text.clone());
                Ok(text)
            }
        }
    }

    /// What stands in the files now. That one cannot be read is as good a state as any: it differs from all others.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint_by(|file| content(file).unwrap_or_default())
    }

    /// The same for whoever looks again and again; `None` while this process has too many files open to tell.
    pub fn look(&self) -> Option<Fingerprint> {
        let is_starved = Cell::new(File::open("/dev/null").as_ref().is_err_and(is_starving));
        let fingerprint = self.fingerprint_by(|file| {
            let read = content(file);
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

/// A text to its end. Of what is no file the end may take long to come.
fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        let why = format!("it is larger than {MOST_BYTES} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}

/// What a file holds, for comparison. Of pipes it is the same at any time: looking must not empty them.
fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if about.is_file() && about.len() <= MOST_BYTES {
        std::fs::read(path)
    } else {
        Ok(b"pipe".to_vec())
    }
}

fn is_starving(error: &Error) -> bool {
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
    use nix::sys::stat::Mode;

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

    #[test]
    fn a_pipe_is_read_once_and_only_where_it_was_named() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe.toml");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let among = Files::new(vec![dir.path().to_owned()], []).load().unwrap_err();
        assert!(among.to_string().contains("pipe.toml"), "{among}");
        let files = Files::new(vec![pipe.clone()], []);
        assert!(files.load_again().is_err(), "nobody waits for a writer");
        let before = files.fingerprint();

        let text = "owner = \"test\"\n[motherduck]\nadmin_token.env = \"ADMIN\"\n";
        let writer = std::thread::spawn(move || std::fs::write(pipe, text).unwrap());
        assert_eq!(files.load().unwrap().owner.to_string(), "test");
        writer.join().unwrap();
        assert_eq!(files.load_again().unwrap().owner.to_string(), "test", "nobody writes again");
        assert_eq!(files.look(), Some(before), "a reading is no change");
        assert_eq!(files.pipes().len(), 1);
    }
}
