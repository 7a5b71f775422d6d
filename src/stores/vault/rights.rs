//! What Vault lets pintail do, by Vault's own word.

use std::collections::BTreeMap;

use reqwest::header::HeaderValue;

use super::Vault;
use super::answer::Answer;
use super::request::CapabilitiesSelf;
use super::session::LOGOUT_PATH;

/// What pintail does with a secret, and must be allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// The first version is written.
    Create,
    /// The record and earlier versions are read.
    Read,
    /// Every later version is written.
    Update,
    /// Paths are listed, which only an import asks for.
    List,
}

impl Capability {
    /// What a rotation needs.
    const ALL: [Self; 3] = [Self::Create, Self::Read, Self::Update];

    /// Vault's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::List => "list",
        }
    }

    /// What is done by it.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Create | Self::Update => "write",
            Self::Read => "read",
            Self::List => "list",
        }
    }
}

/// What may not be done with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingCapability {
    /// The path as a policy names it, the mount included.
    pub policy_path: String,
    /// What is not allowed there.
    pub capabilities: Vec<Capability>,
}

/// Vault answers for many paths at once, but within its limit for a request's size.
const BATCH: usize = 500;

impl Vault {
    /// What the policies withhold at each of `paths`. The default policy allows everybody to ask that about itself;
    /// `None` where it may not be asked.
    pub(in crate::stores) async fn lacking(
        &self,
        paths: &[&str],
    ) -> Option<BTreeMap<String, MissingCapability>> {
        let mut found = BTreeMap::new();
        for batch in paths.chunks(BATCH) {
            let named: Vec<_> =
                batch.iter().map(|path| format!("{}/data/{path}", self.mount)).collect();
            let reply = self.session.with(|token| self.capabilities(token, &named)).await.ok()?;
            for (path, policy_path) in batch.iter().zip(named) {
                let held = reply.get(&policy_path)?;
                let is_missing = |one: &Capability| {
                    !held.iter().any(|word| word == "root" || word == one.as_str())
                };
                let capabilities: Vec<_> = Capability::ALL.into_iter().filter(is_missing).collect();
                if !capabilities.is_empty() {
                    found.insert(
                        (*path).to_owned(),
                        MissingCapability { policy_path, capabilities },
                    );
                }
            }
        }
        Some(found)
    }

    /// Whether the Vault tokens that pintail logs in for may be given back; `None` where it does not log in, or where
    /// that may not be asked.
    pub(in crate::stores) async fn may_log_out(&self) -> Option<bool> {
        if !self.session.logs_in() {
            return None;
        }
        let path = [LOGOUT_PATH.to_owned()];
        let held = self.session.with(|token| self.capabilities(token, &path)).await.ok()?;
        let held = held.get(LOGOUT_PATH)?;
        Some(held.iter().any(|word| word == "root" || word == Capability::Update.as_str()))
    }

    async fn capabilities(
        &self,
        token: HeaderValue,
        paths: &[String],
    ) -> Result<BTreeMap<String, Vec<String>>, Answer> {
        let request = CapabilitiesSelf { paths: paths.to_vec() };
        self.session.wire().send(Some(&token), request).await?.data()
    }
}
