//! `[notifications.NAME]` as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::{FilePath, Proxy, Span, Url, Word};
use super::secret::{Headers, Secret};
use crate::notify::settings::Occasion;

/// A sink, of whichever kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Notification {
    pub(in crate::config) slack: Option<Slack>,
    pub(in crate::config) webhook: Option<Webhook>,
    pub(in crate::config) events: Option<Vec<Word<Occasion>>>,
    pub(in crate::config) repeat_after: Option<Span>,
    pub(in crate::config) expiry_within: Option<Span>,
}

/// `slack`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Slack {
    pub(in crate::config) url: Secret,
    pub(in crate::config) timeout: Option<Span>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
}

/// `webhook`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Webhook {
    pub(in crate::config) url: Url,
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    pub(in crate::config) timeout: Option<Span>,
    pub(in crate::config) ca_file: Option<FilePath>,
    pub(in crate::config) proxy: Option<Proxy>,
}
