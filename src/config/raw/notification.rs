//! `[notifications.NAME]` as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::scalar::{FilePath, Proxy, Span, Url, Word};
use super::secret::{Headers, Secret};
use crate::notifications::settings::Occasion;

/// A sink, of whichever kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Notification {
    /// A Slack-compatible incoming webhook.
    #[schemars(extend("examples" = [json!({"url": {"file": "/etc/pintail/slack-url"}})]))]
    pub(in crate::config) slack: Option<Slack>,
    /// CloudEvents 1.0 as JSON, to any URL.
    #[schemars(extend("examples" = [json!({"url": "https://events.example.com/pintail"})]))]
    pub(in crate::config) webhook: Option<Webhook>,
    /// What is told of; by default everything.
    #[schemars(extend("examples" = [json!(["held", "refused", "expiring"])]))]
    pub(in crate::config) events: Option<Vec<Word<Occasion>>>,
    /// While a state lasts it is told again after this time: 1 s to 365 days.
    #[schemars(extend("default" = "1d", "examples" = ["12h"]))]
    pub(in crate::config) repeat_after: Option<Span>,
    /// A token that has less than this to live nears its expiry: 1 s to 365 days. By default half of the credential's `renew_before`.
    #[schemars(extend("examples" = ["3d"]))]
    pub(in crate::config) expiry_within: Option<Span>,
}

/// `slack`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Slack {
    /// Where the webhook's URL is read from: whoever has it can write there.
    #[schemars(extend("examples" = [json!({"file": "/etc/pintail/slack-url"})]))]
    pub(in crate::config) url: Secret,
    /// The limit for one request: 100 ms to 1 min.
    #[schemars(extend("default" = "10s", "examples" = ["3s"]))]
    pub(in crate::config) timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
}

/// `webhook`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(in crate::config) struct Webhook {
    /// The URL: https, or http to a loopback address.
    #[schemars(extend("examples" = ["https://events.example.com/pintail"]))]
    pub(in crate::config) url: Url,
    /// Headers; a value may be a text, or the place of a secret.
    #[schemars(extend("examples" = [json!({"Authorization": {"env": "HEALTH_TOKEN"}})]))]
    #[serde(default)]
    pub(in crate::config) headers: Headers,
    /// The limit for one request: 100 ms to 1 min.
    #[schemars(extend("default" = "10s", "examples" = ["3s"]))]
    pub(in crate::config) timeout: Option<Span>,
    /// Certificate authorities beside the system's, PEM.
    #[schemars(extend("examples" = ["/etc/pintail/ca.pem"]))]
    pub(in crate::config) ca_file: Option<FilePath>,
    /// How requests get out: the URL of a proxy, `environment` for what `HTTPS_PROXY` and `NO_PROXY` say, or `none`.
    #[schemars(extend("default" = "none", "examples" = ["http://proxy.example.com:3128"]))]
    pub(in crate::config) proxy: Option<Proxy>,
}
