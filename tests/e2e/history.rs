//! Which token was served when, and that none was revoked while it was.

use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use crate::place::Kind;
use crate::scene::{ETL, Scene};

/// What was seen of a credential in the course of time.
#[derive(Default)]
pub struct History {
    seen: Vec<String>,
}

/// A version of the secret, as the store kept it.
#[derive(Debug)]
struct Version {
    /// It was served from then on at the earliest.
    from: Timestamp,
    token_id: String,
}

impl History {
    /// Looks now: what is served after a token was revoked must be another one.
    pub fn look(&mut self, scene: &Scene) {
        // The events first: what is read afterwards must not have been revoked before.
        let events = scene.sandbox.events();
        let Some(secret) = scene.place.read(&scene.clients, ETL) else { return };
        let id = secret["token_id"].as_str().unwrap();
        let revoked = events
            .iter()
            .any(|event| event.kind == "token_revoked" && event.token_id.as_deref() == Some(id));
        assert!(!revoked, "{id} is served and was revoked: {events:#?}");
        if self.seen.last().is_none_or(|last| last != id) {
            self.seen.push(id.to_owned());
        }
    }

    /// The tokens that were seen to be served, in order.
    pub fn served(&self) -> &[String] {
        &self.seen
    }
}

/// By the versions that the store kept: each token that was ever served was revoked only after a version with
/// another token had taken its place, and was not served again.
pub fn assert_nothing_served_was_revoked(scene: &Scene) {
    let versions = versions(scene);
    assert!(versions.len() >= 2 && versions.is_sorted_by_key(|version| version.from));
    for event in scene.sandbox.events() {
        let Some(id) = event.token_id.filter(|_| event.kind == "token_revoked") else {
            continue;
        };
        let Some(last) = versions.iter().rposition(|version| version.token_id == id) else {
            continue;
        };
        let next = versions.get(last + 1);
        assert!(
            next.is_some_and(|next| next.from <= event.at),
            "{id} was revoked at {} and replaced by {next:?}",
            event.at
        );
    }
}

fn versions(scene: &Scene) -> Vec<Version> {
    match scene.place.kind {
        Kind::File => {
            let directory = scene.place.directory(ETL);
            let names = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names
                .map(|name| name.to_str().unwrap().to_owned())
                .filter(|name| name.starts_with("..0"))
                .collect();
            names.sort_unstable();
            let version = |name: String| {
                let file = directory.join(name).join("record.json");
                let written = fs::metadata(&file).unwrap().modified().unwrap();
                let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                Version { from: written.try_into().unwrap(), token_id: text(&record["token_id"]) }
            };
            names.into_iter().map(version).collect()
        }
        Kind::Vault => {
            let version = |secret: Value| Version {
                from: text(&secret["metadata"]["created_time"]).parse().unwrap(),
                token_id: text(&secret["data"]["token_id"]),
            };
            scene.place.vault_versions(ETL).into_iter().map(version).collect()
        }
        Kind::Aws => panic!("it keeps no times that are fine enough"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
