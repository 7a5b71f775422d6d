//! A configured credential as the core knows it, with the marks of where its secret is.

use std::time::Duration;

use url::Url;

use crate::config::{Config, Credential};
use crate::consumers::gate::settings;
use crate::consumers::verify::settings::{Proof, Verify};
use crate::http::is_loopback;
use crate::names::PlaceMark;
use crate::rotation::decide::{MirrorPlace, Subject};
use crate::stores::settings::StoreSettings;

/// Who asks for `credential`'s rotation, and by which rules.
pub fn subject(config: &Config, credential: &Credential) -> Subject {
    Subject {
        owner: config.owner.clone(),
        credential: credential.name.clone(),
        username: credential.username.clone(),
        token_type: credential.token_type,
        policy: (*credential.policy).clone(),
        has_deploy_hook: credential.deploy.is_some(),
        is_made_by_rule: credential.fleet.is_some(),
        settle: credential.deploy.as_deref().map_or(Duration::ZERO, settings::Hook::settle),
        endpoint: match &*credential.verify {
            Proof::Connection(Verify::Postgres { identity, .. }) => Some(*identity),
            Proof::Connection(Verify::Command(_)) | Proof::Admin => None,
        },
        place: mark(config, &credential.store, &credential.path),
        mirrors: credential
            .mirrors
            .iter()
            .map(|mirror| MirrorPlace {
                name: mirror.place(),
                place: mark(config, &mirror.store, &mirror.path),
            })
            .collect(),
    }
}

/// The mark of `path` in the store called `store`. What does not change where the secret is, such as how pintail logs
/// in, does not change it.
fn mark(config: &Config, store: &str, path: &str) -> PlaceMark {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (kind, server, part) = match config.stores.get(store) {
        Some(StoreSettings::File(files)) => {
            ("file", files.dir.to_string_lossy().into_owned(), String::new())
        }
        Some(StoreSettings::Vault(vault)) => {
            let part = format!("{}\n{}", text(&vault.namespace), vault.mount);
            ("vault", server(&vault.address), part)
        }
        Some(StoreSettings::AwsSecretsManager(aws)) => {
            let endpoint = aws.endpoint_url.as_ref().map(server).unwrap_or_default();
            (
                "aws_secrets_manager",
                endpoint,
                format!("{}\n{}", text(&aws.region), text(&aws.role_arn)),
            )
        }
        Some(StoreSettings::Kubernetes(secrets)) => {
            let named = secrets.cluster.server();
            let server = Url::parse(&named).map_or(named, |url| server(&url));
            ("kubernetes", server, secrets.namespace.clone())
        }
        None => ("", store.to_owned(), String::new()),
    };
    PlaceMark::of(&[kind, &server, &part, path])
}

/// What tells one server from another. On a loopback address there may be the end of a tunnel to any of them, at one
/// port today and at another tomorrow: it tells nothing.
fn server(url: &Url) -> String {
    if is_loopback(url) { String::new() } else { url.to_string() }
}
