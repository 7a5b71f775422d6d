//! Where the daemon shows how it stands.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// `[server]`: where the daemon shows how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The address (default 127.0.0.1:9187); port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether the section was written. Where it was not, a daemon whose default address is taken goes on without.
    pub is_asked_for: bool,
    /// The names that requests may be for (`Host`), in lower case: beside IP addresses, and `localhost` on a loopback
    /// address. On any other address all names are answered where this is empty.
    pub hosts: BTreeSet<String>,
    /// Whether metrics tell credentials apart; if nothing is said, up to a thousand of them.
    pub credential_label: Option<bool>,
    /// How long a store or MotherDuck may be out of reach before the daemon counts as not ready (1 s to 1 d, default
    /// 10 min).
    pub unreachable_after: Duration,
}
