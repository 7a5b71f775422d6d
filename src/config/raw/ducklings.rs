//! `ducklings` of a credential as it is written: every value is optional.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::scalar::{Number, Span};

/// `ducklings`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Ducklings {
    /// The Duckling that reads and writes.
    #[schemars(extend("examples" = [json!({"size": "standard"})]))]
    pub(in crate::config) read_write: Option<ReadWrite>,
    /// The Ducklings that read at scale.
    #[schemars(extend("examples" = [json!({"size": "pulse", "flock_size": 4})]))]
    pub(in crate::config) read_scaling: Option<ReadScaling>,
}

/// `ducklings.read_write`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct ReadWrite {
    /// The size, in MotherDuck's own word.
    #[schemars(extend("examples" = ["standard"]))]
    pub(in crate::config) size: Option<String>,
    /// How long a Duckling stays up after its last session.
    #[schemars(extend("examples" = ["5m"]))]
    pub(in crate::config) cooldown: Option<Span>,
}

/// `ducklings.read_scaling`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct ReadScaling {
    /// The size, in MotherDuck's own word.
    #[schemars(extend("examples" = ["standard"]))]
    pub(in crate::config) size: Option<String>,
    /// How long a Duckling stays up after its last session.
    #[schemars(extend("examples" = ["5m"]))]
    pub(in crate::config) cooldown: Option<Span>,
    /// How many Ducklings there are at most.
    #[schemars(extend("examples" = [4]))]
    pub(in crate::config) flock_size: Option<Number>,
}
