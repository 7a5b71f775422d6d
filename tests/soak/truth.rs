//! What really happened, as the sandbox tells it: which tokens live, which were revoked, and what went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::http::ask;

/// The sandbox's events, summed up.
#[derive(Debug, Default)]
pub struct Truth {
    url: String,
    last: u64,
    live: BTreeMap<String, BTreeSet<String>>,
    revoked: BTreeSet<String>,
    /// Requests that met a fault.
    pub faults: u64,
    /// The most tokens that one credential had at once.
    pub most_live: usize,
}

impl Truth {
    /// Of the sandbox at `url`.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// Takes in what has happened since the last time.
    pub fn look(&mut self) {
        let (status, body) =
            ask("GET", &format!("{}/_sandbox/events?since={}", self.url, self.last), "");
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        for event in answer["events"].as_array().unwrap() {
            let seq = event["seq"].as_u64().unwrap();
            assert!(
                seq == self.last + 1,
                "the sandbox has forgotten what came after {}",
                self.last
            );
            self.last = seq;
            let kind = event["kind"].as_str().unwrap();
            if kind == "request_failed" {
                self.faults += 1;
            }
            let Some(credential) = credential(&event["name"]) else { continue };
            let id = event["token_id"].as_str().unwrap().to_owned();
            let live = self.live.entry(credential).or_default();
            if kind == "token_created" {
                live.insert(id);
                self.most_live = self.most_live.max(live.len());
            } else if kind == "token_revoked" {
                live.remove(&id);
                self.revoked.insert(id);
            }
        }
    }

    /// The sandbox has ended, and its events with it: what it has kept tells which tokens live and which were revoked.
    /// The next events are those of a new one.
    pub fn forget_events(&mut self, state_file: &Path) {
        let state = std::fs::read_to_string(state_file).unwrap();
        self.last = 0;
        self.live.clear();
        // A line for each change, of which a kill may have cut the last one short.
        for line in state.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let change: Value = serde_json::from_str(line).unwrap();
            let token = &change["token"];
            let Some(credential) = credential(&token["name"]) else { continue };
            let id = token["id"].as_str().unwrap().to_owned();
            let live = self.live.entry(credential).or_default();
            if token["gone"].is_null() {
                live.insert(id);
            } else {
                live.remove(&id);
                self.revoked.insert(id);
            }
        }
    }

    /// The tokens of a credential that live.
    pub fn live(&self, credential: &str) -> BTreeSet<String> {
        self.live.get(credential).cloned().unwrap_or_default()
    }

    /// The rotations that were carried through: tokens that consumers had connected with, and that were revoked.
    pub fn rotations(&self, seen: &BTreeSet<String>) -> usize {
        self.revoked.intersection(seen).count()
    }
}

/// The credential that a token of this name was made for, if it is one of the soak's.
fn credential(name: &Value) -> Option<String> {
    // pintail/OWNER/CREDENTIAL/ROTATION
    let rest = name.as_str()?.strip_prefix("pintail/soak/")?;
    Some(rest.split('/').next().unwrap().to_owned())
}
