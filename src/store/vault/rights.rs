//! What Vault lets pintail do, by Vault's own word.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use vaultrs::client::VaultClient;

use super::answer::Answer;
use super::{Vault, session};

/// What pintail does with a secret, and must be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The first version is written.
    Create,
    /// The record and earlier versions are read.
    Read,
    /// Every later version is written.
    Update,
}

impl Capability {
    const ALL: [Self; 3] = [Self::Create, Self::Read, Self::Update];

    /// Vault's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
        }
    }

    /// What is done by it.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Create | Self::Update => "write",
            Self::Read => "read",
        }
    }
}

/// What may not be done with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The path as a policy names it, the mount included.
    pub policy_path: String,
    /// What is not allowed there.
    pub capabilities: Vec<Capability>,
}

/// Vault answers for many paths at once, but within its limit for a request's size.
const BATCH: usize = 500;

#[derive(Deserialize)]
struct Reply {
    data: BTreeMap<String, Vec<String>>,
}

impl Vault {
    /// What the policies withhold at each of `paths`. The default policy allows everybody to ask that about itself;
    /// `None` where it may not be asked.
    pub(in crate::store) async fn lacking(&self, paths: &[&str]) -> Option<BTreeMap<String, Lack>> {
        let mut found = BTreeMap::new();
        for batch in paths.chunks(BATCH) {
            let named: Vec<_> =
                batch.iter().map(|path| format!("{}/data/{path}", self.mount)).collect();
            let reply = self.session.with(|client| self.capabilities(client, &named)).await.ok()?;
            for (path, policy_path) in batch.iter().zip(named) {
                let held = reply.data.get(&policy_path)?;
                let is_missing = |one: &Capability| {
                    !held.iter().any(|word| word == "root" || word == one.as_str())
                };
                let capabilities: Vec<_> = Capability::ALL.into_iter().filter(is_missing).collect();
                if !capabilities.is_empty() {
                    found.insert((*path).to_owned(), Lack { policy_path, capabilities });
                }
            }
        }
        Some(found)
    }

    async fn capabilities(&self, client: VaultClient, paths: &[String]) -> Result<Reply, Answer> {
        let mut url = self.address.clone();
        url.set_path("/v1/sys/capabilities-self");
        let request = self.http.post(url).headers(session::headers(&client));
        let response = request.json(&json!({ "paths": paths })).send().await?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(Answer::Status { status, errors: vec![] });
        }
        response.json().await.map_err(|_| Answer::Nonsense)
    }
}
