//! Where a secret is, as tokens tell what they were made for.

use crate::config::{Config, StoreSettings};
use crate::names::PlaceMark;

/// The mark of `path` in the store called `store`. What does not change where the secret is, such as how pintail logs
/// in, does not change it.
pub(super) fn mark(config: &Config, store: &str, path: &str) -> PlaceMark {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (kind, server, part) = match config.stores.get(store) {
        Some(StoreSettings::File(files)) => {
            ("file", files.dir.to_string_lossy().into_owned(), String::new())
        }
        Some(StoreSettings::Vault(vault)) => {
            let part = format!("{}\n{}", text(&vault.namespace), vault.mount);
            ("vault", vault.address.to_string(), part)
        }
        Some(StoreSettings::AwsSecretsManager(aws)) => {
            let endpoint = aws.endpoint_url.as_ref().map(ToString::to_string).unwrap_or_default();
            (
                "aws_secrets_manager",
                endpoint,
                format!("{}\n{}", text(&aws.region), text(&aws.role_arn)),
            )
        }
        Some(StoreSettings::Kubernetes(secrets)) => {
            ("kubernetes", secrets.cluster.server(), secrets.namespace.clone())
        }
        None => ("", store.to_owned(), String::new()),
    };
    PlaceMark::of(&[kind, &server, &part, path])
}
