//! Where a secret is kept: a sound path, and no two credentials in one place.

use std::collections::{BTreeMap, HashMap};

use super::findings::{Findings, Key};
use crate::config::{Credential, StoreSettings};
use crate::names::CredentialName;

/// The longest name that AWS Secrets Manager takes.
const AWS_LONGEST: usize = 512;

/// The path, if it is relative and without parts that lead elsewhere, and the store can take it.
pub(super) fn sound(path: String, store: Option<&StoreSettings>) -> Result<String, String> {
    if path.chars().any(char::is_control) {
        return Err("the path must not hold control characters".to_owned());
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("the path must be relative, without empty, `.` or `..` parts and without a slash at its end"
            .to_owned());
    }
    match store {
        Some(StoreSettings::File(_)) if path.split('/').any(|part| part.starts_with("..")) => {
            Err("no part of the path may begin with `..`, which the file store keeps for itself"
                .to_owned())
        }
        Some(StoreSettings::AwsSecretsManager(_)) if !aws_takes(&path) => Err(format!(
            "AWS Secrets Manager refuses this name: use up to {AWS_LONGEST} of a-z, A-Z, 0-9 and /_+=.@-"
        )),
        Some(
            StoreSettings::File(_) | StoreSettings::Vault(_) | StoreSettings::AwsSecretsManager(_),
        )
        | None => Ok(path),
    }
}

fn aws_takes(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    path.len() <= AWS_LONGEST && path.chars().all(plain)
}

/// Finds credentials that would overwrite one another.
pub(super) fn check(
    stores: &BTreeMap<String, Option<StoreSettings>>,
    credentials: &BTreeMap<CredentialName, Credential>,
    findings: &mut Findings,
) {
    let targets: HashMap<&str, String> = stores
        .iter()
        .filter_map(|(name, store)| Some((name.as_str(), target(store.as_ref()?))))
        .collect();
    let mut places: HashMap<(&str, &str), &CredentialName> = HashMap::new();
    let section = Key::root("credentials");
    for (name, credential) in credentials {
        let Some(target) = targets.get(credential.store.as_str()) else { continue };
        if let Some(other) = places.insert((target, &credential.path), name) {
            findings.problem(
                &section.child(name.as_str()).child("path"),
                format!(
                    "{other} is kept in the same place ({} in store {}); give each credential its own path",
                    credential.path, credential.store
                ),
            );
        }
    }
    for (name, credential) in credentials {
        let is_file = matches!(stores.get(&credential.store), Some(Some(StoreSettings::File(_))));
        let Some(target) = targets.get(credential.store.as_str()).filter(|_| is_file) else {
            continue;
        };
        let parents =
            credential.path.match_indices('/').filter_map(|(at, _)| credential.path.get(..at));
        for outer in parents.filter_map(|parent| places.get(&(target.as_str(), parent))) {
            findings.problem(
                &section.child(name.as_str()).child("path"),
                format!(
                    "{} lies inside the directory that {outer} is kept in; the file store needs them side by side",
                    credential.path
                ),
            );
        }
    }
}

/// What two stores under different names have in common if they are one and the same.
fn target(store: &StoreSettings) -> String {
    match store {
        StoreSettings::File(store) => format!("file\n{}", store.dir.display()),
        StoreSettings::Vault(store) => {
            let namespace = store.namespace.as_deref().unwrap_or_default();
            format!("vault\n{}\n{namespace}\n{}", store.address, store.mount)
        }
        StoreSettings::AwsSecretsManager(store) => {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let endpoint = store.endpoint_url.as_ref().map(ToString::to_string);
            format!("aws\n{}\n{}\n{}", text(&store.region), text(&endpoint), text(&store.role_arn))
        }
    }
}
