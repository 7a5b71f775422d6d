//! The further places where a credential's token is kept.

use crate::stores::settings::Format;

/// A further place where a credential's token is kept: a copy of what [`Credential::path`](super::Credential::path)
/// in [`Credential::store`](super::Credential::store) serves. The copy decides nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The store's name; it exists in [`Config::stores`](super::Config::stores).
    pub store: String,
    /// Where in the store the copy is, placeholders filled in: relative, without empty, `.` or `..` parts.
    pub path: String,
    /// The key of the token's text; of no meaning in a plain one.
    pub token_field: String,
    /// The key of the token's ID beside it, if it is to stand there; of no meaning in a plain one.
    pub token_id_field: Option<String>,
    /// What the copy looks like; plain only in AWS Secrets Manager.
    pub format: Format,
}

impl Mirror {
    /// The place, for people.
    pub fn place(&self) -> String {
        format!("{} in store {}", self.path, self.store)
    }
}

/// Where the record of a credential with `format = "plain"` is kept, below the secret that consumers read.
pub(super) const RECORD: &str = "pintail";
