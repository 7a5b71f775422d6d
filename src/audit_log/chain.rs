//! Whether the lines of one file, or of several that follow one another, are those that were written.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::entry::Event;
use super::file::read_head;
use super::line::{Head, Link, Read, read, sha256};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// What is wrong with a chain, at the first place where something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum ChainProblem {
    /// The line is none of the log's, and no crash explains it.
    UnknownLine,
    /// The line's text is not the one that its digest was made of.
    Changed,
    /// Lines are missing before this one.
    Missing {
        /// The number of the first.
        first: u64,
        /// The number of the last.
        last: u64,
    },
    /// The line stands at another's place.
    Moved {
        /// The number that belongs here.
        expected: u64,
        /// Its own number.
        found: u64,
    },
    /// The line before is not the one that this was written after: it was replaced.
    Unlinked,
    /// Lines are missing at the end.
    CutOff {
        /// The number that the log had come to.
        last: u64,
    },
    /// No line has the digest that one must have.
    Rewritten {
        /// The digest.
        hash: String,
    },
}

impl fmt::Display for ChainProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLine => {
                f.write_str("this is no line of the log, and no crash explains it")
            }
            Self::Changed => f.write_str("it was changed: its text does not have its digest"),
            Self::Missing { first, last } if first == last => {
                write!(f, "number {first} is missing before it")
            }
            Self::Missing { first, last } => {
                write!(f, "numbers {first} to {last} are missing before it")
            }
            Self::Moved { expected, found } => {
                write!(f, "it was moved: it is number {found}, where number {expected} belongs")
            }
            Self::Unlinked => {
                f.write_str("the line before was replaced: it is not the one that this one follows")
            }
            Self::CutOff { last } => {
                write!(f, "the end was cut off: the log had come to number {last}")
            }
            Self::Rewritten { hash } => {
                write!(f, "it was written anew: no line has the digest {hash}")
            }
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// How many lines are whole and linked.
    pub lines: u64,
    /// The number of the first; more than 1 where older files came before.
    pub first: Option<u64>,
    /// The last.
    pub head: Option<Head>,
    /// Lines that crashes cut short, each told of by the next one; the last of all may not be yet.
    pub torn: Vec<Spot>,
    /// Where something is wrong first, and what.
    pub broken: Option<Broken>,
}

/// Where something is wrong, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Where.
    pub at: Spot,
    /// What.
    #[serde(flatten)]
    pub problem: ChainProblem,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The operating system says so.
    #[error("cannot read audit log {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// It is packed, as logrotate leaves files behind.
    #[error("audit log {path} is compressed")]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The program that unpacks it.
        unpack: &'static str,
    },
}

impl Unread {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. } => None,
            Self::Compressed { path, unpack } => Some(format!(
                "unpack it, and name what comes of it: {unpack} <{} >audit.jsonl",
                path.display()
            )),
        }
    }
}

/// What unpacks a file that begins like this, if it is packed. No line of the log begins so.
fn unpacks(start: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] = [
        (&[0x1f, 0x8b], "gunzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd -d"),
        (b"BZh", "bunzip2"),
        (b"\xfd7zXZ", "unxz"),
    ];
    kinds.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, program)| program)
}

/// Reads `files`, the oldest first, and finds the first place where the chain is broken. One line must have the digest
/// `anchor`, and the last file must go as far as the head beside it says.
pub fn verify(files: &[PathBuf], anchor: Option<&str>) -> Result<Chain, Unread> {
    let known = files.last().and_then(|file| read_head(file));
    let mut walk = Walk { wanted: Wanted::new(anchor, known), ..Walk::default() };
    for file in files {
        let unread = |source| Unread::File { path: file.clone(), source };
        let mut reader = BufReader::new(File::open(file).map_err(unread)?);
        if let Some(unpack) = unpacks(reader.fill_buf().map_err(unread)?) {
            return Err(Unread::Compressed { path: file.clone(), unpack });
        }
        let mut line = Vec::new();
        let mut number = 0;
        while reader.read_until(b'\n', &mut line).map_err(unread)? > 0 {
            number += 1;
            walk.step(&line, file, number);
            line.clear();
        }
    }
    Ok(walk.end(files.last().map_or(Path::new(""), PathBuf::as_path)))
}

/// Digests that must be found.
#[derive(Default)]
struct Wanted {
    anchor: Option<String>,
    known: Option<Head>,
}

impl Wanted {
    fn new(anchor: Option<&str>, known: Option<Head>) -> Self {
        Self { anchor: anchor.map(str::to_owned), known }
    }

    fn seen(&mut self, hash: &str) {
        self.anchor.take_if(|anchor| anchor == hash);
        self.known.take_if(|known| known.hash == hash);
    }
}

#[derive(Default)]
struct Walk {
    wanted: Wanted,
    lines: u64,
    first: Option<u64>,
    head: Option<Head>,
    /// A line that a crash may have cut short: the next one tells.
    torn: Option<(Spot, String)>,
    recovered: Vec<Spot>,
    last: u64,
    /// Whether the last line has no line break.
    is_open: bool,
    broken: Option<Broken>,
}

impl Walk {
    fn step(&mut self, text: &[u8], file: &Path, number: u64) {
        self.last = number;
        self.is_open = !text.ends_with(b"\n");
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let at = Spot { file: file.to_owned(), line: number };
        let link = read(text);
        if let Read::Whole(link) = &link {
            self.reconsider(link);
        }
        if self.broken.is_some() {
            return;
        }
        match link {
            Read::Changed => self.breaks(at, ChainProblem::Changed),
            Read::UnknownLine => {
                if let Some((before, _)) = self.torn.replace((at, sha256(text))) {
                    self.breaks(before, ChainProblem::UnknownLine);
                }
            }
            Read::Whole(link) => match (self.torn.take(), &link.torn_sha256) {
                (Some((spot, digest)), Some(told))
                    if link.event == Event::Recovered && digest == *told =>
                {
                    self.recovered.push(spot);
                    self.follow(at, &link);
                }
                (Some((spot, _)), _) => self.breaks(spot, ChainProblem::UnknownLine),
                (None, _) => self.follow(at, &link),
            },
        }
    }

    fn follow(&mut self, at: Spot, link: &Link) {
        let before = match &self.head {
            Some(head) => Some(head.clone()),
            None if link.seq == 1 => Some(Head::nothing()),
            // The files before this one were put away.
            None => None,
        };
        if let Some(before) = before {
            let expected = before.seq.saturating_add(1);
            let problem = match link.seq.cmp(&expected) {
                std::cmp::Ordering::Greater => Some(ChainProblem::Missing {
                    first: expected,
                    last: link.seq.saturating_sub(1),
                }),
                std::cmp::Ordering::Less => Some(ChainProblem::Moved { expected, found: link.seq }),
                std::cmp::Ordering::Equal if link.prev != before.hash => {
                    Some(ChainProblem::Unlinked)
                }
                std::cmp::Ordering::Equal => None,
            };
            if let Some(problem) = problem {
                return self.breaks(at, problem);
            }
        }
        self.wanted.seen(&link.hash);
        self.first.get_or_insert(link.seq);
        self.head = Some(link.head());
        self.lines += 1;
    }

    /// What is missing here may stand further down.
    fn reconsider(&mut self, link: &Link) {
        if let Some(Broken { problem, .. }) = &mut self.broken
            && let ChainProblem::Missing { first, last } = *problem
            && link.seq == first
        {
            *problem = ChainProblem::Moved { expected: first, found: last.saturating_add(1) };
        }
    }

    fn breaks(&mut self, at: Spot, problem: ChainProblem) {
        self.broken.get_or_insert(Broken { at, problem });
    }

    fn end(mut self, file: &Path) -> Chain {
        let at = Spot { file: file.to_owned(), line: self.last };
        match self.torn.take() {
            // Cut short, and nothing was written since: the next line will tell of it.
            Some((spot, _)) if self.is_open => self.recovered.push(spot),
            Some((spot, _)) => self.breaks(spot, ChainProblem::UnknownLine),
            None => {}
        }
        let last = self.head.as_ref().map_or(0, |head| head.seq);
        match (self.wanted.known.take(), self.wanted.anchor.take()) {
            (Some(known), _) if known.seq > last => {
                self.breaks(at, ChainProblem::CutOff { last: known.seq });
            }
            (Some(Head { hash, .. }), _) | (None, Some(hash)) => {
                self.breaks(at, ChainProblem::Rewritten { hash });
            }
            (None, None) => {}
        }
        Chain {
            lines: self.lines,
            first: self.first,
            head: self.head,
            torn: self.recovered,
            broken: self.broken,
        }
    }
}
