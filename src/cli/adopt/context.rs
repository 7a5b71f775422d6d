//! What speaks for and against adoptions, looked at before anything is changed.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::super::ExitCode;
use super::super::error::CliError;
use super::super::observe::with_siblings;
use super::AdoptRequest;
use crate::config::{Config, Credential};
use crate::engine::{Engine, ProductionWorld, subject};
use crate::fault::Fault;
use crate::names::{CredentialName, TokenId};
use crate::record::{Record, SecretContent};
use crate::rotation::adopt::{AdoptRefusal, Adoption, Claim, TakeOver};
use crate::rotation::world::{ListedToken, Reading, Site, World};

/// The secrets of all credentials of some accounts, and then those accounts' tokens.
pub(super) struct AdoptionContext {
    readings: BTreeMap<CredentialName, Result<Reading, Fault>>,
    lists: BTreeMap<String, Result<Vec<ListedToken>, Fault>>,
    /// What is in the way in the mirrors of those that are asked for.
    obstructed: BTreeMap<CredentialName, Fault>,
    now: Timestamp,
}

/// A token that may be adopted.
pub(super) struct Prepared<'g> {
    pub(super) reading: &'g Reading,
    pub(super) claim: Claim<'g>,
    pub(super) record: Record,
}

/// Why a token is not adopted. Nothing was changed.
pub(super) enum AdoptError {
    /// It may not be.
    Refused(AdoptRefusal),
    /// Something could not be found out.
    Fault(Fault),
}

impl AdoptError {
    pub(super) fn into_error(self, credential: &CredentialName) -> CliError {
        match self {
            Self::Refused(refusal) => CliError {
                code: ExitCode::Failed,
                message: format!("{credential}: {refusal}"),
                hint: refusal.hint(credential),
            },
            Self::Fault(fault) => failed(fault, credential),
        }
    }
}

pub(super) fn failed(fault: Fault, credential: &CredentialName) -> CliError {
    let message = format!("{credential}: {}", fault.message);
    CliError { code: ExitCode::Failed, message, hint: fault.hint }
}

impl AdoptionContext {
    /// Reads the secrets of all credentials that share an account with one of `names`, each once, then lists each
    /// account once, and looks whether the mirrors of `names` could be written.
    pub(super) async fn observe(engine: &Engine, names: &[CredentialName]) -> Self {
        let width = engine.config.daemon.concurrency;
        let worlds: Vec<(&Credential, ProductionWorld)> = with_siblings(&engine.config, names)
            .iter()
            .filter_map(|name| {
                let credential = engine.config.credentials.get(name)?;
                Some((credential, engine.world(name, CancellationToken::new())?))
            })
            .collect();
        let readings = futures::stream::iter(&worlds)
            .map(|(credential, world)| async move {
                (credential.name.clone(), world.read(Site::Store).await)
            })
            .buffered(width)
            .collect()
            .await;
        let accounts: BTreeMap<String, &ProductionWorld> = worlds
            .iter()
            .map(|(credential, world)| (credential.username.canonical(), world))
            .collect();
        let lists =
            futures::stream::iter(accounts)
                .map(|(account, world)| async move {
                    (account, world.list().await.map_err(Fault::from))
                })
                .buffered(width)
                .collect()
                .await;
        let asked = worlds.iter().filter(|(credential, _)| names.contains(&credential.name));
        let obstructed = futures::stream::iter(asked)
            .map(|(credential, world)| async move {
                let fault = world.ensure_mirrors_free().await.err();
                fault.map(|fault| (credential.name.clone(), fault))
            })
            .buffered(width)
            .filter_map(std::future::ready)
            .collect()
            .await;
        Self { readings, lists, obstructed, now: engine.now() }
    }

    /// Whether `request` may be fulfilled, and the record that does it.
    pub(super) fn prepare(
        &self,
        config: &Config,
        request: &AdoptRequest,
        take_over: TakeOver,
        disproved: Option<TokenId>,
    ) -> Result<Prepared<'_>, AdoptError> {
        let missing = || {
            AdoptError::Fault(Fault {
                kind: crate::fault::FaultKind::Permanent,
                message: "it is not configured".to_owned(),
                hint: None,
            })
        };
        let credential = config.credentials.get(&request.name).ok_or_else(missing)?;
        let reading = self.readings.get(&request.name).ok_or_else(missing)?;
        let reading = reading.as_ref().map_err(|fault| AdoptError::Fault(fault.clone()))?;
        let subject = subject(config, credential);
        let adoption =
            Adoption { subject: &subject, token_id: request.token_id, take_over, disproved };
        let claim = adoption.claim(&reading.content).map_err(AdoptError::Refused)?;
        let others = self.others(config, credential)?;
        let listing = self.lists.get(&credential.username.canonical()).ok_or_else(missing)?;
        let listing = listing.as_ref().map_err(|fault| AdoptError::Fault(fault.clone()))?;
        let record =
            adoption.record(&claim, listing, others, self.now).map_err(AdoptError::Refused)?;
        if let Some(fault) = self.obstructed.get(&request.name) {
            return Err(AdoptError::Fault(fault.clone()));
        }
        Ok(Prepared { reading, claim, record })
    }

    /// What stands in the credential's secret, if it could be read.
    pub(super) fn content(&self, name: &CredentialName) -> Option<&SecretContent> {
        self.readings.get(name)?.as_ref().ok().map(|reading| &reading.content)
    }

    /// The records of the account's other credentials. Each must be read: whichever serves the token would revoke it.
    fn others<'g>(
        &'g self,
        config: &Config,
        credential: &Credential,
    ) -> Result<Vec<(&'g CredentialName, &'g Record)>, AdoptError> {
        let account = credential.username.canonical();
        let is_sibling = |name: &CredentialName| {
            let other = config.credentials.get(name).map(|other| other.username.canonical());
            *name != credential.name && other.is_some_and(|other| other == account)
        };
        let mut records = Vec::new();
        for (name, reading) in self.readings.iter().filter(|(name, _)| is_sibling(name)) {
            let reading = reading.as_ref().map_err(|fault| {
                let hint = format!(
                    "{name} has the same account: whether it serves the token must be known first"
                );
                AdoptError::Fault(Fault { hint: Some(hint), ..fault.clone() })
            })?;
            match &reading.content {
                SecretContent::Managed { record, .. } | SecretContent::Edited { record, .. }
                    if record.owner == config.owner =>
                {
                    records.push((name, &**record));
                }
                SecretContent::Managed { .. }
                | SecretContent::Edited { .. }
                | SecretContent::Unmanaged { .. }
                | SecretContent::Vacant => {}
            }
        }
        Ok(records)
    }
}
