//! The servers whose addresses the configuration names: their certificates, before anything is asked of them.

use futures::StreamExt;
use jiff::Timestamp;
use url::Url;

use super::endpoint::{Endpoint, Opening};
use super::finding::Finding;
use crate::config::Config;
use crate::consumers::verify::settings::{Proof, Verify};
use crate::http::settings::Proxy;
use crate::stores::settings::StoreSettings;
use crate::tls::Roots;

/// The REST API, the Postgres endpoint where its host is known before a token is, and each Vault; those that use TLS and
/// are reached directly.
pub(super) async fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    let motherduck = &config.motherduck;
    let mut findings = vec![];
    if let Some((host, port)) =
        secured(&motherduck.api_url).filter(|_| is_direct(&motherduck.proxy))
    {
        let rest = Endpoint {
            host,
            port,
            opening: Opening::Tls,
            roots: Roots::system_and(motherduck.ca_file.as_ref()),
            identity: None,
            host_key: "motherduck.api_url",
            ca_key: "motherduck.ca_file",
        };
        findings.push(rest.examine("motherduck.api_url", now).await);
    }
    let postgres = &config.postgres;
    let is_used = config.credentials.values().any(|credential| match &*credential.verify {
        Proof::Connection(Verify::Postgres { .. }) => true,
        Proof::Connection(Verify::Command(_)) | Proof::Admin => false,
    });
    if let Some(host) = postgres.host.as_deref().filter(|_| is_used) {
        let endpoint = Endpoint {
            host,
            port: postgres.port,
            opening: Opening::Postgres,
            roots: Roots::only(postgres.ca_file.as_ref()),
            identity: None,
            host_key: "motherduck.postgres.host",
            ca_key: "motherduck.postgres.ca_file",
        };
        findings.push(endpoint.examine("motherduck.postgres", now).await);
    }
    let vaults = config.stores.iter().map(|(name, settings)| async move {
        let StoreSettings::Vault(vault) = settings else { return None };
        let (host, port) = secured(&vault.address).filter(|_| is_direct(&vault.proxy))?;
        let endpoint = Endpoint {
            host,
            port,
            opening: Opening::Tls,
            roots: Roots::system_and(vault.ca_file.as_ref()),
            identity: vault.client_certificate.as_ref(),
            host_key: &format!("stores.{name}.vault.address"),
            ca_key: &format!("stores.{name}.vault.ca_file"),
        };
        Some(endpoint.examine(&format!("store {name}"), now).await)
    });
    let vaults: Vec<_> = futures::stream::iter(vaults).buffered(8).collect().await;
    findings.extend(vaults.into_iter().flatten());
    findings
}

/// Whether a server can be looked at from here. Behind a proxy, the requests that follow tell whether its certificate
/// is believed.
fn is_direct(proxy: &Proxy) -> bool {
    match proxy {
        Proxy::None => true,
        Proxy::Environment | Proxy::At(_) => false,
    }
}

fn secured(url: &Url) -> Option<(&str, u16)> {
    (url.scheme() == "https").then_some(())?;
    Some((url.host_str()?, url.port_or_known_default()?))
}
