//! What keeps the daemon from being through with its start.

use jiff::Timestamp;

/// Something that may pass by itself, and is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Since when.
    pub since: Timestamp,
    /// What it is.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}
