//! `ducklings` of a credential as it is written: every value is optional.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{Number, Span};

/// `ducklings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Ducklings {
    pub(in crate::config) read_write: Option<ReadWrite>,
    pub(in crate::config) read_scaling: Option<ReadScaling>,
}

/// `ducklings.read_write`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct ReadWrite {
    pub(in crate::config) size: Option<String>,
    pub(in crate::config) cooldown: Option<Span>,
}

/// `ducklings.read_scaling`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct ReadScaling {
    pub(in crate::config) size: Option<String>,
    pub(in crate::config) cooldown: Option<Span>,
    pub(in crate::config) flock_size: Option<Number>,
}
