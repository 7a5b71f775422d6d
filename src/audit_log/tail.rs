//! The end of the file: the line that the next one follows, and what a crash may have left behind it.

use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};

use super::entry::{Entry, Event};
use super::line::{Head, Read, read, sha256};

/// As much of the end is read. A line is a few hundred bytes; none can be nearly as long.
const SPAN: u64 = 1 << 20;

/// How the file ends.
#[derive(Default)]
pub(super) struct Tail {
    /// The last line that is whole; none in an empty file.
    pub(super) head: Option<Head>,
    /// Whether a line break is missing at the end.
    pub(super) is_open: bool,
    /// What stands behind the last whole line.
    pub(super) torn: Option<Vec<u8>>,
}

impl Tail {
    /// Reads the end of `file`.
    pub(super) fn of(file: &mut File) -> std::io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let start = length.saturating_sub(SPAN);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(SPAN).read_to_end(&mut bytes)?;
        let is_open = bytes.last().is_some_and(|byte| *byte != b'\n');
        let lines = bytes.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty());
        let mut torn = None;
        for line in lines {
            if let Read::Whole(link) = read(line) {
                return Ok(Self { head: Some(link.head()), is_open, torn });
            }
            torn.get_or_insert_with(|| line.to_vec());
        }
        Ok(Self { head: None, is_open, torn })
    }

    /// The line that tells of what was cut short, if anything was.
    pub(super) fn recovery(&self) -> Option<Entry> {
        let torn = self.torn.as_ref()?;
        Some(Entry {
            torn_bytes: Some(torn.len()),
            torn_sha256: Some(sha256(torn)),
            ..Entry::of(Event::Recovered)
        })
    }
}
