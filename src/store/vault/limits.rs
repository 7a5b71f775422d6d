//! How long Vault keeps versions, as far as it may be asked.

use std::time::Duration;

use rustify::endpoint::Endpoint;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vaultrs::api::kv2::requests::{ReadConfigurationRequest, ReadSecretMetadataRequest};
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use super::Vault;
use crate::store::Location;
use crate::store::caveat::{Caveat, Limits, Severity};
use crate::store::settings::VaultAuth;

/// What KV keeps where nothing is set.
const USUAL: u64 = 10;
/// A Vault token that ends sooner deserves a word.
const SOON: Duration = Duration::from_hours(14 * 24);

/// The settings of a mount, or of one secret. Zero stands for what is set further out.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    #[serde(default)]
    max_versions: u64,
    #[serde(default)]
    delete_version_after: String,
}

impl Settings {
    fn lifetime(&self) -> Option<Duration> {
        humantime::parse_duration(&self.delete_version_after).ok().filter(|time| !time.is_zero())
    }
}

#[derive(Deserialize)]
struct Lookup {
    /// In seconds; 0 for a token that does not expire.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

impl Vault {
    /// What its settings and the Vault token do to a secret that is written `every` so often. What pintail may not ask
    /// is not told: no policy needs to allow it.
    pub(in crate::store) async fn caveats(&self, at: &Location, every: Duration) -> Vec<Caveat> {
        let mount: Option<Settings> =
            self.ask(|| ReadConfigurationRequest { mount: self.mount.clone() }).await;
        let secret: Option<Settings> = self
            .ask(|| ReadSecretMetadataRequest { mount: self.mount.clone(), path: at.path.clone() })
            .await;
        let mut caveats = Vec::new();
        if mount.is_some() || secret.is_some() {
            let (mount, secret) = (mount.unwrap_or_default(), secret.unwrap_or_default());
            let set = [secret.max_versions, mount.max_versions].into_iter().find(|set| *set > 0);
            let limits = Limits {
                versions: set.unwrap_or(USUAL),
                lifetime: secret.lifetime().or_else(|| mount.lifetime()),
            };
            caveats = limits.caveats(every, &format!("mount {}", self.mount));
        }
        caveats.extend(self.ending_token().await);
        caveats
    }

    /// A Vault token that nobody but its owner can replace, and that ends soon.
    async fn ending_token(&self) -> Option<Caveat> {
        if !matches!(self.session.auth(), VaultAuth::Token(_)) {
            return None;
        }
        let lookup: Lookup = self.ask(|| LookupTokenSelfRequest {}).await?;
        let left = Duration::from_secs(lookup.ttl);
        if left.is_zero() || left >= SOON {
            return None;
        }
        let renewable = if lookup.renewable {
            "it can be renewed, which pintail does not do"
        } else {
            "it cannot be renewed"
        };
        Some(Caveat {
            message: format!(
                "the Vault token ends in {}; {renewable}",
                humantime::format_duration(Duration::from_secs(lookup.ttl / 60 * 60))
            ),
            hint: "put a new one into its place before, or let pintail log in by approle, kubernetes or jwt"
                .to_owned(),
            severity: Severity::Warning,
        })
    }

    /// Reads of an answer what is needed. vaultrs' own types insist on more than every server says.
    async fn ask<T: DeserializeOwned, E: Endpoint>(&self, request: impl Fn() -> E) -> Option<T> {
        let asked = self.session.with(|token| {
            let request = request();
            async move { self.session.wire().send(Some(&token), request).await?.data() }
        });
        asked.await.ok()
    }
}
