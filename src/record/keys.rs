//! The keys of a secret: those that pintail writes, and those that people keep beside them.

use std::fmt;

use super::error::Part;
use super::object::{Member, has_number_beyond_doubles};

/// The key of the record.
pub const RECORD_KEY: &str = "pintail";
/// The key of the token's ID beside the token, unless another is configured.
pub const TOKEN_ID_FIELD: &str = "token_id";

pub(super) const MANAGED_BY: &str = "managed_by";
pub(super) const PINTAIL: &str = "pintail";
/// Where a record says under which key the token's ID stands beside it, if that is not the usual one.
pub(super) const ID_FIELD: &str = "token_id_field";
/// The fields of a record.
pub(super) const FIELDS: [&str; 18] = [
    "token_id",
    "token_name",
    "token_type",
    "username",
    "created_at",
    "expires_at",
    "rotation_id",
    "published_at",
    "previous_token_ids",
    "elsewhere_token_ids",
    "first_token_at",
    "unconfirmed_revocations",
    "renewal_ttl_seconds",
    "pause",
    "phase",
    "token_sha256",
    "owner",
    MANAGED_BY,
];

/// The keys that consumers read.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    /// The key of the token's text.
    pub token: &'a str,
    /// The key of its ID, if that is to stand beside it.
    pub token_id: Option<&'a str>,
}

/// What stands in a secret besides what a record says, kept for the next write: the user's own keys, byte for byte and
/// in their order, and what a newer pintail put into the record. They may be secrets: never printed.
#[derive(Default, Clone)]
pub struct UserKeys {
    pub(super) entries: Vec<Entry>,
    /// Fields of the record that this version does not know.
    pub(super) unknown: Vec<Member>,
}

/// One key of a secret.
#[derive(Clone)]
pub(super) enum Entry {
    Theirs(Member),
    /// The place of one of ours, so that a rewrite moves nothing.
    Ours(Part),
}

impl fmt::Debug for UserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKeys({} keys)", self.theirs().count())
    }
}

impl UserKeys {
    fn theirs(&self) -> impl Iterator<Item = &Member> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Theirs(member) => Some(member),
            Entry::Ours(_) => None,
        })
    }

    /// How many bytes they take up in a secret's text, about.
    pub fn size(&self) -> usize {
        // Beside a name and a value stand quotes, a colon and a comma.
        let size =
            |member: &Member| member.name().unwrap_or_default().len() + member.value().len() + 4;
        self.theirs().chain(&self.unknown).map(size).sum()
    }

    /// The first of the user's keys that holds a number too large for a double.
    pub fn beyond_doubles(&self) -> Option<String> {
        let mut theirs = self.theirs();
        let found = theirs.find(|member| has_number_beyond_doubles(member.value()))?;
        Some(found.name().unwrap_or_default())
    }
}
