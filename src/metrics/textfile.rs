//! Metrics of a one-shot run as a file that node_exporter picks up: whole, or as it was before.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::fault::{Diagnostic, FaultKind};

/// Why the metrics were not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write metrics file {path}")]
pub struct TextfileError {
    path: PathBuf,
    source: std::io::Error,
}

impl Diagnostic for TextfileError {
    fn kind(&self) -> FaultKind {
        FaultKind::Permanent
    }

    fn hint(&self) -> Option<String> {
        Some("the rotation is not affected; name a file in a directory that exists and that pintail may write to".to_owned())
    }
}

/// Puts `text` into `path`, by renaming a finished file. Other users may read it: it holds no secret.
pub fn write_textfile(path: &Path, text: &str) -> Result<(), TextfileError> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .prefix(".pintail-metrics-")
            .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        // Set, and not asked for at the creation: the umask of a unit or a cron job takes nothing away from it.
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| TextfileError { path: path.to_owned(), source })
}
