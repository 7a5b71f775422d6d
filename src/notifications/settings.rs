//! Who is told that a person may have to act, of what, and how often.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

use crate::http::settings::{HeaderSource, Proxy};
use crate::secret::SecretSource;

/// `[notifications.NAME]`: one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Where to, and in which form.
    pub form: SinkForm,
    /// What it is told of, at least one (default: everything).
    pub events: BTreeSet<EventKind>,
    /// While a state lasts the notification is repeated after this time (1 s to 365 d, default 24 h).
    pub repeat_after: Duration,
    /// A token that has less than this to live nears its expiry; by default half of the credential's `renew_before`.
    pub expiry_within: Option<Duration>,
    /// The limit for one request (default 10 s).
    pub timeout: Duration,
    /// Extra certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests get out.
    pub proxy: Proxy,
}

/// Where to, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkForm {
    /// A Slack-compatible incoming webhook. Whoever has its URL can write there: it is a secret.
    Slack {
        /// The place of the URL; https, or http to a loopback address, which is seen when it is read.
        url: SecretSource,
    },
    /// CloudEvents 1.0 as JSON.
    CloudEvents {
        /// The URL; https, or http to a loopback address.
        url: Url,
        /// Headers; a value may be a secret's place.
        headers: BTreeMap<String, HeaderSource>,
    },
}

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something does not work that may pass by itself.
    Failed,
    /// Both tokens stay valid until the consumers, the hook or the proof are well again.
    Held,
    /// The predecessor is served again.
    RolledBack,
    /// Nothing will get better until a person acts.
    Refused,
    /// It is looked after as before: what is configured now would leave consumers with tokens that nobody keeps.
    Blocked,
    /// A token that is known to others was replaced and revoked.
    Compromised,
    /// All is well again.
    Recovered,
    /// The served token nears its expiry, and was not replaced.
    Expiring,
    /// An account has tokens that nobody manages.
    Unmanaged,
    /// A person paused it by hand, or changed the pause.
    Paused,
    /// A pause by hand has ended, by itself or by a person.
    Resumed,
    /// This machine's clock and MotherDuck's differ much, and nothing tells which is right.
    ClockDisagrees,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Failed,
        Self::Held,
        Self::RolledBack,
        Self::Refused,
        Self::Blocked,
        Self::Compromised,
        Self::Recovered,
        Self::Expiring,
        Self::Unmanaged,
        Self::Paused,
        Self::Resumed,
        Self::ClockDisagrees,
    ];

    /// The occasion's word in configurations and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Held => "held",
            Self::RolledBack => "rolled_back",
            Self::Refused => "refused",
            Self::Blocked => "blocked",
            Self::Compromised => "compromised",
            Self::Recovered => "recovered",
            Self::Expiring => "expiring",
            Self::Unmanaged => "unmanaged",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::ClockDisagrees => "clock_disagrees",
        }
    }
}
