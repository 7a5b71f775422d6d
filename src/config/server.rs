//! `[server]`: where the daemon shows how it stands.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::Host;

use super::findings::{Findings, Key};
use super::limits::{Limits, Range};
use super::scalar::{Flag, Span};
use super::table::table;
use crate::server::settings::Server;

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9187);
const UNREACHABLE_AFTER: Limits<Duration> =
    Range::new(Duration::from_secs(1), Duration::from_hours(24)).or(Duration::from_mins(10));

/// `[server]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Server")]
pub(super) struct Table {
    /// Whether there is a status server at all.
    #[schemars(extend("default" = true, "examples" = [false]))]
    enabled: Option<Flag>,
    /// The address and port of the status server; port 0 picks a free one.
    #[schemars(extend("default" = LISTEN, "examples" = ["0.0.0.0:9187"]))]
    listen: Option<String>,
    /// The host names that requests may be for, beside IP addresses and, on a loopback address, `localhost`. On other addresses all are answered while this is absent.
    #[schemars(extend("examples" = [json!(["pintail.example.com"])]))]
    hosts: Option<Vec<String>>,
    /// Whether metrics tell credentials apart by a label. Unless set, up to 1,000 credentials they do, and above that their series are sums.
    #[schemars(extend("default" = true, "examples" = [false]))]
    credential_label: Option<Flag>,
    /// How long a store or MotherDuck may be out of reach before the daemon counts as not ready.
    #[schemars(extend("examples" = ["30m"]), transform = UNREACHABLE_AFTER.schema())]
    unreachable_after: Option<Span>,
}

/// The section; a server on loopback where it is not written, and none where it is switched off.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Option<Server> {
    let is_asked_for = root.contains_key("server");
    let raw: Table = table(root, "server", findings).unwrap_or_default();
    let key = Key::root("server");
    let listen = raw.listen.map_or(Some(LISTEN), |text| text.trim().parse().ok());
    let listen = findings.require(
        &key.child("listen"),
        listen,
        "this must be an address and a port, such as \"127.0.0.1:9187\" or \"[::1]:9187\"",
    );
    let server = Server {
        listen: listen.unwrap_or(LISTEN),
        is_asked_for,
        hosts: hosts(raw.hosts.unwrap_or_default(), &key.child("hosts"), findings),
        credential_label: raw.credential_label.map(|flag| flag.0),
        unreachable_after: findings.span(
            &key.child("unreachable_after"),
            raw.unreachable_after,
            &UNREACHABLE_AFTER,
        ),
    };
    if raw.enabled.is_some_and(|flag| !flag.0) {
        return None;
    }
    if !server.listen.ip().is_loopback() {
        findings.warn(format!(
            "server.listen is {}, which is not a loopback address: whoever reaches it sees the names of accounts and \
             credentials, the IDs of tokens and what fails, without any password",
            server.listen
        ));
    }
    Some(server)
}

/// Names without a port, as browsers and probes send them.
fn hosts(names: Vec<String>, key: &Key<'_>, findings: &mut Findings) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for name in names {
        let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
        let is_name = matches!(Host::parse(&name), Ok(Host::Domain(parsed)) if parsed == name);
        if is_name {
            hosts.insert(name);
        } else {
            findings.problem(
                key,
                "these must be host names without a port, such as \"pintail.internal\"",
            );
        }
    }
    hosts
}
