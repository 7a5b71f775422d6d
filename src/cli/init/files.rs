//! New files: all of them or none, and never one in another's place.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::ExitCode;
use super::super::error::CliError;

/// A file that is to be written.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) path: PathBuf,
    text: String,
    mode: u32,
}

impl NewFile {
    /// One that everybody may read: it holds no secret.
    pub(super) fn of(path: &Path, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into(), mode: 0o644 }
    }

    /// One that may be executed.
    pub(super) fn program(path: &Path, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into(), mode: 0o755 }
    }
}

/// Writes all of them, and the directories above them. Where one of them exists already, nothing is written.
pub(super) fn write(all: &[NewFile]) -> Result<(), CliError> {
    if let Some(there) = all.iter().find(|one| one.path.symlink_metadata().is_ok()) {
        return Err(exists(&there.path));
    }
    all.iter().try_for_each(write_one)
}

fn write_one(file: &NewFile) -> Result<(), CliError> {
    let NewFile { path, text, mode } = file;
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_directory(above, 0o755)?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(*mode).open(path);
    match opened.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        // It was made in this moment, by somebody else.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(error) => Err(failed("write", path, &error)),
    }
}

/// Makes a directory, and those above it, unless it is there.
pub(super) fn make_directory(path: &Path, mode: u32) -> Result<(), CliError> {
    let result = DirBuilder::new().recursive(true).mode(mode).create(path);
    result.map_err(|error| failed("make directory", path, &error))
}

fn exists(path: &Path) -> CliError {
    let hint = "nothing is ever overwritten: move it away, or name another place with --config";
    CliError::usage(format!("{} exists already", path.display()), Some(hint.to_owned()))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> CliError {
    CliError {
        code: ExitCode::Failed,
        message: format!("cannot {what} {}: {error}", path.display()),
        hint: Some("choose another place with --config, or make room".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_file_exists_none_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["a/first", "second"].map(|name| dir.path().join(name));
        std::fs::write(&second, "mine").unwrap();
        let all = [NewFile::of(&first, "new"), NewFile::of(&second, "new")];
        let error = write(&all).unwrap_err();
        assert_eq!(error.code, ExitCode::Usage);
        assert!(error.message.contains("second"), "{error}");
        assert!(!first.exists());
        assert_eq!(std::fs::read_to_string(&second).unwrap(), "mine");
        // Neither is what a link that leads nowhere would become.
        std::fs::remove_file(&second).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &second).unwrap();
        assert!(write(&all).is_err());
        assert!(!dir.path().join("elsewhere").exists());
    }
}
