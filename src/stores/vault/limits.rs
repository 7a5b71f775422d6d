//! How long Vault keeps versions, as far as it may be asked.

use std::time::Duration;

use rustify::endpoint::Endpoint;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vaultrs::api::kv2::requests::{ReadConfigurationRequest, ReadSecretMetadataRequest};
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use super::Vault;
use crate::stores::SecretRef;
use crate::stores::caveat::{Caveat, Limits, Severity};
use crate::stores::settings::VaultAuth;

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

    /// Whether it says that nothing is ever deleted, by a time below zero.
    fn deletes_nothing(&self) -> bool {
        self.delete_version_after.starts_with('-')
    }
}

/// How long a version stays, and whether the mount or the secret says so: the shorter of both counts, and a mount may
/// take the right from every secret. <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>
fn lifetime(mount: &Settings, secret: &Settings) -> Option<(Duration, Setter)> {
    if mount.deletes_nothing() {
        return None;
    }
    let of = |settings: &Settings, setter| settings.lifetime().map(|lifetime| (lifetime, setter));
    [of(secret, Setter::Secret), of(mount, Setter::Mount)]
        .into_iter()
        .flatten()
        .min_by_key(|(lifetime, _)| *lifetime)
}

/// How many versions stay, and whether the mount or the secret says so.
fn versions(mount: &Settings, secret: &Settings) -> (u64, Setter) {
    let set = [(secret.max_versions, Setter::Secret), (mount.max_versions, Setter::Mount)];
    set.into_iter().find(|(set, _)| *set > 0).unwrap_or((USUAL, Setter::Mount))
}

/// Where something is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setter {
    Mount,
    Secret,
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
    pub(in crate::stores) async fn caveats(&self, at: &SecretRef, every: Duration) -> Vec<Caveat> {
        let mount: Option<Settings> =
            self.ask(|| ReadConfigurationRequest { mount: self.mount.clone() }).await;
        let secret: Option<Settings> = self
            .ask(|| ReadSecretMetadataRequest { mount: self.mount.clone(), path: at.path.clone() })
            .await;
        let mut caveats = Vec::new();
        if mount.is_some() || secret.is_some() {
            let (mount, secret) = (mount.unwrap_or_default(), secret.unwrap_or_default());
            let set = |setter| match setter {
                Setter::Mount => format!("mount {}", self.mount),
                Setter::Secret => format!("the metadata of {} on mount {}", at.path, self.mount),
            };
            let (versions, versions_set) = versions(&mount, &secret);
            let lifetime = lifetime(&mount, &secret);
            let limits = Limits { versions, lifetime: lifetime.map(|(lifetime, _)| lifetime) };
            let lifetime_set = lifetime.map_or(versions_set, |(_, setter)| setter);
            caveats = limits.caveats(every, &set(versions_set), &set(lifetime_set));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(delete_version_after: &str) -> Settings {
        Settings { delete_version_after: delete_version_after.to_owned(), ..Settings::default() }
    }

    #[test]
    fn of_two_lifetimes_the_shorter_counts_and_a_mount_may_forbid_them_all() {
        let hours = |hours| Duration::from_hours(hours);
        for (mount, secret, expected) in [
            ("0s", "0s", None),
            ("3h0m0s", "0s", Some((hours(3), Setter::Mount))),
            ("0s", "3h0m0s", Some((hours(3), Setter::Secret))),
            ("3h0m0s", "800h0m0s", Some((hours(3), Setter::Mount))),
            ("800h0m0s", "3h0m0s", Some((hours(3), Setter::Secret))),
            ("-1s", "3h0m0s", None),
        ] {
            let found = lifetime(&settings(mount), &settings(secret));
            assert_eq!(found, expected, "mount {mount}, secret {secret}");
        }
    }

    #[test]
    fn a_secrets_own_number_of_versions_counts_before_the_mounts() {
        let keeps = |max_versions| Settings { max_versions, ..Settings::default() };
        for (mount, secret, expected) in [
            (0, 0, (USUAL, Setter::Mount)),
            (1, 0, (1, Setter::Mount)),
            (1, 5, (5, Setter::Secret)),
            (5, 1, (1, Setter::Secret)),
        ] {
            assert_eq!(versions(&keeps(mount), &keeps(secret)), expected, "{mount} {secret}");
        }
    }
}
