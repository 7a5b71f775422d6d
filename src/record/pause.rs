//! A pause that a person set by hand, kept in the record, so that every pintail that reads it obeys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Nothing is begun while it lasts, unless a person asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; if absent, not before a person ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who set it, as their machine knows them: a help for people, and no proof. It comes from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words. It comes from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a newer version wrote beside that.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}
