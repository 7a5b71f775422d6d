//! Which secrets are looked at: named, listed in a file, met by a pattern, or configured.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use futures::StreamExt;

use crate::cli::ExitCode;
use crate::cli::arguments::Import;
use crate::cli::error::CliError;
use crate::engine::Engine;
use crate::glob;
use crate::names::CredentialName;
use crate::stores::settings::Format;
use crate::stores::{Role, SecretRef};

/// A hundred thousand paths are not as long.
const MOST_BYTES: u64 = 32 << 20;

/// One secret to look at.
pub(super) struct Target {
    pub(super) store: String,
    pub(super) location: SecretRef,
    /// The credential that is configured to have it.
    pub(super) credential: Option<CredentialName>,
    /// Whether a pattern met it: it need not be a secret with a token.
    pub(super) is_guessed: bool,
}

/// The secrets that `arguments` mean, each once.
pub(super) async fn targets(outside: &Engine, arguments: &Import) -> Result<Vec<Target>, CliError> {
    let config = &outside.config;
    if let Some(store) = arguments.store.as_ref().filter(|it| !config.stores.contains_key(*it)) {
        let known: Vec<_> = config.stores.keys().map(|name| format!("`{name}`")).collect();
        let hint = format!("configured are {}", known.join(", "));
        return Err(CliError::usage(format!("there is no store `{store}`"), Some(hint)));
    }
    let mut paths = arguments.paths.clone();
    if let Some(file) = &arguments.paths_from {
        paths.extend(listed(file)?);
    }
    if paths.is_empty() {
        let is_there = |store: &String| arguments.store.as_ref().is_none_or(|it| it == store);
        let configured = config.credentials.values().filter(|one| is_there(&one.store));
        return Ok(configured
            .map(|credential| Target {
                store: credential.store.clone(),
                location: SecretRef { role: Role::Source, ..SecretRef::from(credential) },
                credential: Some(credential.name.clone()),
                is_guessed: true,
            })
            .collect());
    }
    let Some(store) = &arguments.store else {
        return Err(CliError::usage("say which store: --store NAME", None));
    };
    let mut met = BTreeSet::new();
    let mut targets = vec![];
    for path in &paths {
        let is_guessed = path.contains(['*', '?']);
        let found =
            if is_guessed { expand(outside, store, path).await? } else { vec![path.clone()] };
        for path in found {
            if met.insert(path.clone()) {
                targets.push(target(outside, store, path, arguments, is_guessed));
            }
        }
    }
    targets.sort_by(|one, other| one.location.path.cmp(&other.location.path));
    Ok(targets)
}

fn target(
    outside: &Engine,
    store: &str,
    path: String,
    arguments: &Import,
    is_guessed: bool,
) -> Target {
    let configured = outside.config.credentials.values();
    let credential = configured.into_iter().find(|one| one.store == store && one.path == path);
    Target {
        store: store.to_owned(),
        location: SecretRef {
            path,
            token_field: credential
                .map_or_else(|| arguments.token_field.clone(), |one| one.token_field.clone()),
            token_id_field: None,
            format: Format::Json,
            role: Role::Source,
        },
        credential: credential.map(|one| one.name.clone()),
        is_guessed,
    }
}

fn listed(file: &Path) -> Result<Vec<String>, CliError> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(MOST_BYTES).read_to_string(&mut text))
    };
    let read = read.map_err(|error| {
        CliError::usage(format!("cannot read {}: {error}", file.display()), None)
    })?;
    if u64::try_from(read).is_ok_and(|read| read == MOST_BYTES) {
        return Err(CliError::usage(format!("{} is too large", file.display()), None));
    }
    let lines = text.lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// The paths that a pattern meets, name by name between its slashes.
async fn expand(outside: &Engine, store: &str, pattern: &str) -> Result<Vec<String>, CliError> {
    let mut met = vec![String::new()];
    for part in pattern.split('/') {
        if !part.contains(['*', '?']) {
            for path in &mut met {
                *path = joined(path, part);
            }
            continue;
        }
        let width = outside.config.daemon.concurrency;
        let lists: Vec<_> = futures::stream::iter(&met)
            .map(|path| async move { (path, outside.children(store, path).await) })
            .buffered(width)
            .collect()
            .await;
        let mut next = vec![];
        for (path, children) in lists {
            let children = children.map_err(|fault| CliError::fault(fault, ExitCode::Failed))?;
            let Some(children) = children else {
                let hint = "name the secrets: --path PATH, or --paths-from FILE".to_owned();
                let message = format!("store `{store}` cannot be listed by patterns");
                return Err(CliError::usage(message, Some(hint)));
            };
            let fits = |name: &&String| glob::matches(part.as_bytes(), name.as_bytes());
            next.extend(children.iter().filter(fits).map(|name| joined(path, name)));
        }
        met = next;
    }
    Ok(met)
}

fn joined(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}/{part}") }
}
