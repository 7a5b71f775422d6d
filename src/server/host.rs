//! Which names the server answers to: a page of a stranger, whose name was made to lead here, must not read what it shows.
//!
//! An address cannot be rebound, so requests to addresses are answered everywhere.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header;

/// The names that are answered to.
#[derive(Debug, Clone)]
pub(super) enum Hosts {
    /// All: who can reach the address may read what it shows, and no names were chosen.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Hosts {
    /// Those of a server that listens on `address`.
    pub(super) fn of(address: SocketAddr, chosen: &BTreeSet<String>) -> Self {
        let mut names = chosen.clone();
        if address.ip().is_loopback() {
            names.insert("localhost".to_owned());
        } else if names.is_empty() {
            return Self::All;
        }
        Self::Only(names)
    }

    /// Whether a request is answered. One that names no host is none of a browser.
    pub(super) fn allow(&self, request: &Request) -> bool {
        let Self::Only(names) = self else { return true };
        if let Some(host) = request.uri().host() {
            return allows(names, host);
        }
        let mut hosts = request.headers().get_all(header::HOST).iter();
        hosts.all(|host| host.to_str().is_ok_and(|host| allows(names, host)))
    }
}

fn allows(names: &BTreeSet<String>, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if address.parse::<IpAddr>().is_ok() {
        return true;
    }
    names.contains(&name.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn allowed(listen: &str, chosen: &[&str], host: &str) -> bool {
        let chosen = chosen.iter().map(|&name| name.to_owned()).collect();
        let request = Request::get("/").header(header::HOST, host).body(Body::empty()).unwrap();
        Hosts::of(listen.parse().unwrap(), &chosen).allow(&request)
    }

    #[test]
    fn on_loopback_only_addresses_localhost_and_chosen_names_are_answered() {
        for listen in ["127.0.0.1:9187", "[::1]:9187"] {
            for host in
                ["127.0.0.1:9187", "[::1]:9187", "[::1]", "10.1.2.3", "localhost", "LocalHost.:80"]
            {
                assert!(allowed(listen, &[], host), "{host}");
            }
            for host in [
                "evil.example",
                "evil.example:9187",
                "localhost.evil.example",
                "127.0.0.1.nip.io",
                "a:b:c",
                "",
            ] {
                assert!(!allowed(listen, &[], host), "{host}");
            }
            assert!(allowed(listen, &["pintail.internal"], "Pintail.Internal:443"));
        }
    }

    #[test]
    fn elsewhere_every_name_is_answered_unless_some_are_chosen() {
        assert!(allowed("0.0.0.0:80", &[], "anything.example"));
        assert!(!allowed("0.0.0.0:80", &["pintail.internal"], "anything.example"));
        assert!(allowed("0.0.0.0:80", &["pintail.internal"], "10.1.2.3:80"));
        assert!(!allowed("0.0.0.0:80", &["pintail.internal"], "localhost"));
    }

    #[test]
    fn the_host_of_the_request_line_counts_and_none_is_no_browsers() {
        let hosts = Hosts::of("127.0.0.1:1".parse().unwrap(), &BTreeSet::new());
        let line = Request::get("http://evil.example/").header(header::HOST, "localhost");
        assert!(!hosts.allow(&line.body(Body::empty()).unwrap()));
        assert!(hosts.allow(&Request::get("/").body(Body::empty()).unwrap()));
        let two = Request::get("/")
            .header(header::HOST, "localhost")
            .header(header::HOST, "evil.example");
        assert!(!hosts.allow(&two.body(Body::empty()).unwrap()));
    }

    const WORDS: &[&str] = &[
        "localhost",
        "LOCALHOST",
        "pintail.internal",
        "evil.example",
        "127.0.0.1",
        "[::1]",
        "::1",
        ":80",
        ":",
        ".",
        "[",
        "]",
        "@",
        "%25",
        "0x7f",
        "127.1",
        "\u{ff0e}",
        ":99999999999",
        "/",
        "#",
        "\\",
    ];

    /// By another way of reckoning: whose page a browser would take the answer for.
    fn is_an_address_or_known(host: &str) -> bool {
        let Ok(url) = url::Url::parse(&format!("http://{host}/")) else { return true };
        match url.host() {
            Some(url::Host::Domain(name)) => {
                ["localhost", "pintail.internal"].contains(&name.trim_end_matches('.'))
            }
            Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | None => true,
        }
    }

    #[test]
    fn whatever_a_host_says_no_page_of_a_stranger_is_answered() {
        crate::drawn::each("host", WORDS, |bytes| {
            let Ok(value) = axum::http::HeaderValue::from_bytes(bytes) else { return };
            let names = BTreeSet::from(["pintail.internal".to_owned()]);
            let request =
                Request::get("/").header(header::HOST, value).body(Body::empty()).unwrap();
            if Hosts::of("127.0.0.1:1".parse().unwrap(), &names).allow(&request) {
                let host = std::str::from_utf8(bytes).unwrap();
                assert!(is_an_address_or_known(host), "{host}");
            }
        });
    }
}
