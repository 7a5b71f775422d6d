//! `[motherduck]`, `[daemon]` and `[server]`, checked.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use url::{Host, Url};

use super::findings::{Findings, Key};
use crate::config::{Daemon, raw};
use crate::consumers::verify::settings::Postgres;
use crate::http::is_loopback;
use crate::motherduck::settings::MotherDuck;
use crate::server::settings::Server;

const API_URL: &str = "https://api.motherduck.com";
const POSTGRES_PORT: u16 = 5432;
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9187);
const DAY: Duration = Duration::from_hours(24);

/// `[motherduck]`.
pub(super) fn motherduck(
    raw: raw::MotherDuck,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<(MotherDuck, Postgres)> {
    let api_url = raw.api_url.map_or_else(|| Url::parse(API_URL).ok(), |url| Some(url.0));
    if let Some(url) = &api_url {
        base_url(url, &key.child("api_url"), findings);
    }
    let admin_token = findings.require(
        &key.child("admin_token"),
        raw.admin_token,
        "this is required: { file = \"…\" }, { env = \"NAME\" } or { store = \"…\", path = \"…\" }, where a read/write token of a user with the Admin \
         role is kept",
    );
    let rate_key = key.child("requests_per_second");
    let requests_per_second = findings.number(&rate_key, raw.requests_per_second, 10, 1..=1000);
    let postgres = postgres(raw.postgres.unwrap_or_default(), &key.child("postgres"), findings);
    let motherduck = MotherDuck {
        api_url: api_url?,
        admin_token: admin_token?.into(),
        requests_per_second,
        ca_file: raw.ca_file.map(|path| path.0),
        proxy: raw.proxy.map(|proxy| proxy.0).unwrap_or_default(),
    };
    Some((motherduck, postgres))
}

fn postgres(raw: raw::Postgres, key: &Key<'_>, findings: &mut Findings) -> Postgres {
    if let Some(host) = &raw.host
        && Host::parse(host).is_err()
    {
        findings.problem(
            &key.child("host"),
            "this must be a host name or an address alone, without a scheme and a port",
        );
    }
    Postgres {
        port: findings.number(&key.child("port"), raw.port, POSTGRES_PORT, 1..=u16::MAX),
        host: raw.host,
        ca_file: raw.ca_file.map(|path| path.0),
    }
}

/// An account at rest is listed every so many sweeps, unless the configuration says otherwise.
const SWEEPS_A_LIST: u32 = 6;

/// `[daemon]`.
pub(super) fn daemon(raw: &raw::Daemon, key: &Key<'_>, findings: &mut Findings) -> Daemon {
    let second = Duration::from_secs(1);
    let (sweep, grace) = (Duration::from_mins(10), Duration::from_secs(30));
    let hour = Duration::from_hours(1);
    let sweep = findings.span(&key.child("sweep"), raw.sweep, sweep, second..=DAY);
    Daemon {
        concurrency: usize::from(findings.number(
            &key.child("concurrency"),
            raw.concurrency,
            8_u16,
            1..=256,
        )),
        sweep,
        relist: findings.span(
            &key.child("relist"),
            raw.relist,
            sweep.saturating_mul(SWEEPS_A_LIST),
            second..=DAY * 7,
        ),
        shutdown_grace: findings.span(
            &key.child("shutdown_grace"),
            raw.shutdown_grace,
            grace,
            Duration::ZERO..=hour,
        ),
        watch: findings.span(&key.child("watch"), raw.watch, Duration::from_secs(5), second..=DAY),
        dumpable: raw.dumpable.is_some_and(|flag| flag.0),
    }
}

/// `[server]`; `None` where the section is not written.
pub(super) fn server(
    raw: Option<raw::Server>,
    key: &Key<'_>,
    findings: &mut Findings,
) -> Option<Server> {
    let is_asked_for = raw.is_some();
    let raw = raw.unwrap_or_default();
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
        credential_label: raw.credential_label.is_none_or(|flag| flag.0),
        unreachable_after: findings.span(
            &key.child("unreachable_after"),
            raw.unreachable_after,
            Duration::from_mins(10),
            Duration::from_secs(1)..=DAY,
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

/// A URL that secrets are sent to, and paths are put behind.
pub(super) fn base_url(url: &Url, key: &Key<'_>, findings: &mut Findings) {
    if url.scheme() != "https" && !is_loopback(url) {
        findings.problem(
            key,
            "tokens travel over this connection, so the URL must begin with https:// (http:// is for loopback \
             addresses only)",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        findings.problem(key, "the URL must not have a query or a fragment");
    }
}
