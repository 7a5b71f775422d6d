//! One line: an entry between the digest of the line before and its own.

use jiff::Timestamp;
use nix::unistd::{Pid, Uid, User};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{Entry, Event};
use crate::names::Owner;

/// Stands before a line's own digest, which covers everything before this.
const SEAL: &str = ",\"hash\":\"";
const DIGITS: usize = 64;

/// Where a chain ends: the number of its last line, and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the line, from 1.
    pub seq: u64,
    /// Its digest.
    pub hash: String,
}

impl Head {
    /// Before the first line.
    pub(super) fn nothing() -> Self {
        Self { seq: 0, hash: "0".repeat(DIGITS) }
    }
}

/// Which process writes, and as whom.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Who {
    uid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    pid: i32,
}

impl Who {
    pub(super) fn this_process() -> Self {
        let uid = Uid::current();
        let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
        Self { uid: uid.as_raw(), user, pid: Pid::this().as_raw() }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: Timestamp,
    owner: &'a Owner,
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(flatten)]
    who: &'a Who,
    prev: &'a str,
}

/// The line that follows `head`, without a line break, and the head that it makes.
pub(super) fn write(
    head: &Head,
    owner: &Owner,
    who: &Who,
    entry: &Entry,
) -> serde_json::Result<(String, Head)> {
    let seq = head.seq.saturating_add(1);
    let line = Line { seq, time: Timestamp::now(), owner, entry, who, prev: &head.hash };
    let mut text = serde_json::to_string(&line)?;
    text.pop();
    let hash = sha256(text.as_bytes());
    text.push_str(SEAL);
    text.push_str(&hash);
    text.push_str("\"}");
    Ok((text, Head { seq, hash }))
}

/// What a line says of its place in the chain.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) event: Event,
    pub(super) prev: String,
    pub(super) hash: String,
    pub(super) torn_sha256: Option<String>,
}

impl Link {
    pub(super) fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash.clone() }
    }
}

/// What a line turned out to be.
pub(super) enum Read {
    /// A line as it was written.
    Whole(Link),
    /// A line of this log whose text is not the one that its digest was made of.
    Changed,
    /// No line of this log.
    UnknownLine,
}

/// Reads a line, given without its line break.
pub(super) fn read(bytes: &[u8]) -> Read {
    let Ok(link) = serde_json::from_slice::<Link>(bytes) else { return Read::UnknownLine };
    let text = std::str::from_utf8(bytes).ok();
    let sealed = text.and_then(|text| text.rsplit_once(SEAL));
    match sealed {
        Some((body, rest))
            if rest.strip_suffix("\"}") == Some(&link.hash)
                && sha256(body.as_bytes()) == link.hash =>
        {
            Read::Whole(link)
        }
        Some(_) | None => Read::Changed,
    }
}

/// The digest as lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
