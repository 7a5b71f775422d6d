//! Secrets that are shown once: where they may go, decided before they exist.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Output;
use super::error::CliError;
use crate::secret::Token;

/// Where a secret goes.
pub(super) enum Destination {
    /// To standard output: a terminal, or the JSON document that was asked for.
    Output,
    /// Into a file of its own.
    File(SecretFile),
}

/// Why a secret was not delivered as asked for.
pub(super) enum Undelivered {
    /// Nobody can be said to have it.
    Lost(anyhow::Error),
    /// It is in its file; what was to be said about it could not be written.
    Unsaid(anyhow::Error),
}

impl Destination {
    /// Makes sure, before the secret exists, that it can be kept or shown.
    pub(super) fn open(output: Output, file: Option<&Path>) -> Result<Self, CliError> {
        match (file, output) {
            (Some(path), _) => SecretFile::create(path).map(Self::File),
            (None, Output::Json) => Ok(Self::Output),
            (None, Output::Text) if io::stdout().is_terminal() => Ok(Self::Output),
            (None, Output::Text) => {
                let message = "standard output is no terminal: a secret is not written to it";
                let hint = "name a --secret-file, or ask for it with --output json";
                Err(CliError::usage(message, Some(hint.to_owned())))
            }
        }
    }

    /// The secret's own file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Output => None,
            Self::File(file) => Some(file.path.clone()),
        }
    }

    /// Delivers the secret. `say` writes the rest of the result, with the secret in it if it is lent.
    pub(super) fn deliver(
        self,
        secret: &Token,
        say: impl FnOnce(Option<&str>) -> anyhow::Result<()>,
    ) -> Result<(), Undelivered> {
        match self {
            Self::Output => secret.lend(|text| say(Some(text))).map_err(Undelivered::Lost),
            Self::File(file) => {
                let path = file.path.clone();
                file.keep(secret).map_err(|error| {
                    let what = format!("cannot write file {}", path.display());
                    Undelivered::Lost(anyhow::Error::new(error).context(what))
                })?;
                say(None).map_err(Undelivered::Unsaid)
            }
        }
    }
}

/// A new file for a secret, which vanishes unless the secret was written to it.
pub(super) struct SecretFile {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl SecretFile {
    /// The file must not exist: what stands there is not overwritten, and a symlink is not followed.
    fn create(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| {
            let exists = error.kind() == io::ErrorKind::AlreadyExists;
            let hint = exists.then(|| "name a file that does not exist".to_owned());
            CliError::usage(format!("cannot create file {}: {error}", path.display()), hint)
        })?;
        Ok(Self { path: path.to_owned(), file, is_kept: false })
    }

    fn keep(mut self, secret: &Token) -> io::Result<()> {
        secret.lend(|text| self.file.write_all(text.as_bytes()))?;
        self.file.sync_all()?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // An empty file that stays behind does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_file_is_new_and_private_and_holds_the_bare_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let file = SecretFile::create(&path).unwrap();
        file.keep(&Token::new("s3cret").unwrap()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "s3cret");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(SecretFile::create(&path).is_err(), "it exists");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "s3cret");
    }

    #[test]
    fn a_symlink_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(SecretFile::create(&path).is_err());
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_file_without_its_secret_vanishes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        drop(SecretFile::create(&path).unwrap());
        assert!(!path.exists());
    }
}
