//! The file that holds the state: a line for each change, so that keeping one costs the same however many there were.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::SandboxError;
use super::state::{Change, Organisation};
use super::storage::{self, Privacy};

/// The file, open for further lines.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Where the next line begins.
    end: u64,
}

/// The organisation that the file at `path` tells of; an empty one, if there is none.
pub(super) fn read(path: &Path) -> Result<Organisation, SandboxError> {
    let mut organisation = Organisation::default();
    let text = storage::read(path)?.unwrap_or_default();
    // A line that a crash cut short was never answered.
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    for line in whole.lines() {
        let change = serde_json::from_str(line)
            .map_err(|source| SandboxError::Damaged { path: path.to_owned(), source })?;
        organisation.apply(change);
    }
    Ok(organisation)
}

impl Journal {
    /// Begins the file anew with what makes up `organisation`, and forgets how that came about.
    pub(super) fn begin(
        path: PathBuf,
        organisation: &mut Organisation,
    ) -> Result<Self, SandboxError> {
        organisation.take_changes();
        let lines = lines(&path, organisation.all())?;
        let file = storage::write(&path, &lines, Privacy::Private)?;
        Ok(Self { path, file, end: u64::try_from(lines.len()).unwrap_or(u64::MAX) })
    }

    /// Writes down what has changed. What cannot be written is left to the next time.
    pub(super) fn keep(&mut self, organisation: &mut Organisation) -> Result<(), SandboxError> {
        let changes = organisation.take_changes();
        let kept = self.append(&changes);
        if kept.is_err() {
            organisation.put_back(changes);
        }
        kept
    }

    fn append(&mut self, changes: &[Change]) -> Result<(), SandboxError> {
        let lines = lines(&self.path, changes.iter())?;
        // From where the last whole line ended: one that was cut short by a full disk is written over.
        let written = self
            .file
            .set_len(self.end)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.end)))
            .and_then(|_| self.file.write_all(&lines));
        written.map_err(|source| SandboxError::Write { path: self.path.clone(), source })?;
        self.end += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

fn lines<T: serde::Serialize>(
    path: &Path,
    changes: impl Iterator<Item = T>,
) -> Result<Vec<u8>, SandboxError> {
    let mut lines = Vec::new();
    for change in changes {
        serde_json::to_writer(&mut lines, &change)
            .map_err(|source| SandboxError::Damaged { path: path.to_owned(), source })?;
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use jiff::Timestamp;

    use super::*;
    use crate::record::TokenType;
    use crate::sandbox::state::{Nature, NewToken, Role};

    fn token(text: &str) -> NewToken {
        let (name, sha256) = (text.to_owned(), text.to_owned());
        NewToken { name, token_type: TokenType::ReadWrite, lifetime: None, sha256 }
    }

    #[test]
    fn what_ten_thousand_accounts_cost_grows_with_their_number_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        let mut organisation = Organisation::default();
        let mut journal = Journal::begin(path.clone(), &mut organisation).unwrap();
        let file = std::fs::metadata(&path).unwrap().ino();
        let mut sizes = vec![];
        for number in 10_000..20_000 {
            let name = format!("account_{number}");
            organisation.add_user(&name, Role::Member, Nature::ServiceAccount, true);
            journal.keep(&mut organisation).unwrap();
            let user = organisation.user(&name).unwrap().clone();
            organisation.add_token(&user, token(&name), Timestamp::UNIX_EPOCH);
            journal.keep(&mut organisation).unwrap();
            sizes.push(journal.end);
        }
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.ino(), metadata.len()), (file, journal.end), "it is never begun anew");
        let steps: Vec<_> = sizes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| step == &steps[0]), "the last costs what the first does");
        let again = read(&path).unwrap();
        assert_eq!(again.users().count(), 10_000);
        assert_eq!(again.all().count(), 20_000);
    }

    #[test]
    fn a_line_that_was_cut_short_is_dropped_and_one_that_is_wrong_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        let mut organisation = Organisation::default();
        organisation.add_user("kept", Role::Member, Nature::ServiceAccount, true);
        drop(Journal::begin(path.clone(), &mut organisation).unwrap());
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"user\":{{\"id\":")).unwrap();
        assert_eq!(read(&path).unwrap().users().count(), 1);
        std::fs::write(&path, format!("{whole}{{\"user\":{{\"id\":\n{whole}")).unwrap();
        assert!(matches!(read(&path), Err(SandboxError::Damaged { .. })));
    }
}
