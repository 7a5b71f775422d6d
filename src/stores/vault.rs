//! HashiCorp Vault and OpenBao: KV version 2 with check-and-set.

pub(super) mod answer;
mod error;
mod limits;
mod pace;
mod reply;
mod request;
mod rights;
mod session;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use backon::Retryable;
use jiff::SignedDuration;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;
use vaultrs::api::kv2::requests::{ListSecretsRequest, ReadSecretRequest, SetSecretRequest};
use vaultrs::api::kv2::responses::{ListSecretsResponse, SecretVersionMetadata};

use self::answer::{Answer, Unwritten, cas};
pub use self::error::VaultError;
use self::reply::Missing;
use self::request::{Version as Kept, WithText, put};
pub use self::rights::{Capability, MissingCapability};
use self::session::Session;
pub(super) use self::session::logged_out;
use super::settings::VaultStore;
use super::{PublishError, Role, SecretRef, StoreError, object, reading, served};
use crate::names::TokenId;
use crate::record::{Object, Record, encode_with_token};
use crate::retry::VAULT_READ;
use crate::rotation::world::{Reading, Version};
use crate::secret::Token;
use crate::tls::{Roots, http_client_by};

/// How many older versions are searched for a predecessor: one rotation writes a few at most.
const RECALL_DEPTH: u64 = 16;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One KV version 2 mount.
///
/// A version is the number that KV gives it, and the compare-and-set is KV's own `cas`. Deleting the newest version
/// keeps its number, so a publication over a deleted secret is compared too.
pub struct Vault {
    address: Url,
    mount: String,
    session: Session,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} at {})", self.mount, self.address)
    }
}

/// What stands at a path, as far as Vault knows.
enum Existing {
    Nothing,
    /// The newest version, deleted or destroyed.
    Deleted(u64),
    Data(u64, Box<RawValue>),
}

impl Vault {
    pub(super) fn open(settings: &VaultStore) -> Result<Self, VaultError> {
        let plain = settings.address.path() == "/"
            && settings.address.query().is_none()
            && settings.address.username().is_empty()
            && settings.address.password().is_none();
        if !plain {
            return Err(VaultError::Address);
        }
        let http = http_client_by(
            &settings.proxy,
            Roots::system_and(settings.ca_file.as_ref()),
            settings.client_certificate.as_ref(),
            REQUEST_TIMEOUT,
        )?;
        Ok(Self {
            session: Session::new(settings, http)?,
            address: settings.address.clone(),
            mount: settings.mount.trim_matches('/').to_owned(),
        })
    }

    pub(super) fn clock_skew(&self) -> Option<SignedDuration> {
        self.session.wire().skew().latest()
    }

    pub(super) async fn read(&self, at: &SecretRef) -> Result<Reading, StoreError> {
        let (version, object) = match self.find(at, None).await? {
            Existing::Nothing => (Version::absent(), Object::default()),
            Existing::Deleted(version) => (Version::new(version), Object::default()),
            Existing::Data(version, data) => (Version::new(version), object(at, data.get())?),
        };
        let reading = reading(at, version, object)?;
        match (at.role, reading.others.beyond_doubles()) {
            // It would be read and refused again, with a token that was made for nothing each time.
            (Role::Primary | Role::Mirror, Some(key)) => {
                Err(StoreError::Unwritable { path: at.path.clone(), key })
            }
            (Role::Primary | Role::Mirror | Role::Source, _) => Ok(reading),
        }
    }

    /// The names right below `path`, each once: one may be a secret and lead to others.
    pub(super) async fn children(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let list = || self.session.with(|token| self.list(token, path));
        let keys = list
            .retry(VAULT_READ.pauses(path.to_owned()))
            .sleep(tokio::time::sleep)
            .when(|answer| answer.is_worth_repeating() && !answer.was_turned_away())
            .await
            .map_err(|answer| VaultError::new(Capability::List, &self.mount, path, &answer))?;
        let names = keys.iter().map(|key| key.trim_end_matches('/').to_owned());
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn list(&self, token: HeaderValue, path: &str) -> Result<Vec<String>, Answer> {
        let request = ListSecretsRequest { mount: self.mount.clone(), path: path.to_owned() };
        let reply = self.session.wire().send(Some(&token), request).await?;
        match reply.missing() {
            Some(Missing::Never | Missing::Deleted(_)) => Ok(vec![]),
            None => Ok(reply.data::<ListSecretsResponse>()?.keys),
        }
    }

    /// Sends a write without data. A policy is asked before the request is understood, so a denial is seen; and KV
    /// refuses a request without data whatever its version, so that nothing can be written. The two versions' words
    /// differ, which shows a mount of KV version 1 before it swallows a `cas` as if it were the user's data.
    pub(super) async fn ensure_writable(
        &self,
        at: &SecretRef,
        over: &Reading,
    ) -> Result<(), StoreError> {
        let outcome = self.session.with(|token| self.probe(token, at)).await;
        match outcome.map_err(|answer| self.failed(writing(over), at, &answer))? {
            Probe::Writable => Ok(()),
            Probe::VersionOne => Err(VaultError::VersionOne { mount: self.mount.clone() }.into()),
        }
    }

    pub(super) async fn publish(
        &self,
        at: &SecretRef,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let Some(cas) = cas(&over.version) else { return Err(PublishError::Conflict) };
        let data = encode_with_token(record, &over.others, at.fields(), token).to_text();
        let write = |token| self.write(token, at, cas, &data);
        self.session.with(write).await.map_err(|answer| {
            let meaning = answer.of_write();
            let error = self.failed(writing(over), at, &answer).into();
            match meaning {
                Unwritten::Conflict => PublishError::Conflict,
                Unwritten::Refused => PublishError::Refused(error),
                Unwritten::Unknown => PublishError::Unknown(error),
            }
        })
    }

    pub(super) async fn recall(
        &self,
        at: &SecretRef,
        id: TokenId,
    ) -> Result<Option<(Record, Token)>, StoreError> {
        let newest = match self.find(at, None).await? {
            Existing::Nothing => return Ok(None),
            Existing::Deleted(version) | Existing::Data(version, _) => version,
        };
        for version in (1..newest).rev().take(usize::try_from(RECALL_DEPTH).unwrap_or(16)) {
            match self.find(at, Some(version)).await? {
                // Vault forgets from the oldest on.
                Existing::Nothing => break,
                Existing::Data(_, data) => {
                    let object = Object::parse(data.get());
                    if let Some(found) = object.and_then(|object| served(object, at, id)) {
                        return Ok(Some(found));
                    }
                }
                Existing::Deleted(_) => {}
            }
        }
        Ok(None)
    }

    async fn find(&self, at: &SecretRef, version: Option<u64>) -> Result<Existing, StoreError> {
        let read = || self.session.with(|token| self.get(token, at, version));
        read.retry(VAULT_READ.pauses(at.path.clone()))
            .sleep(tokio::time::sleep)
            .when(|answer| answer.is_worth_repeating() && !answer.was_turned_away())
            .await
            .map_err(|answer| self.failed(Capability::Read, at, &answer).into())
    }

    async fn get(
        &self,
        token: HeaderValue,
        at: &SecretRef,
        version: Option<u64>,
    ) -> Result<Existing, Answer> {
        let (mount, path) = (self.mount.clone(), at.path.clone());
        let request = ReadSecretRequest { mount, path, version };
        let reply = self.session.wire().send(Some(&token), request).await?;
        match reply.missing() {
            Some(Missing::Never) => return Ok(Existing::Nothing),
            Some(Missing::Deleted(version)) => return Ok(Existing::Deleted(version)),
            None => {}
        }
        let Kept { data, metadata } = reply.data()?;
        Ok(match data {
            None => Existing::Deleted(metadata.version),
            Some(data) => Existing::Data(metadata.version, data),
        })
    }

    async fn write(
        &self,
        token: HeaderValue,
        at: &SecretRef,
        cas: u32,
        data: &str,
    ) -> Result<(), Answer> {
        let request = self.posted(at, put(cas, data));
        let reply = self.session.wire().send(Some(&token), request).await?;
        reply.data::<SecretVersionMetadata>().map(drop)
    }

    async fn probe(&self, token: HeaderValue, at: &SecretRef) -> Result<Probe, Answer> {
        let nothing = Zeroizing::new("{}".to_owned());
        let request = self.posted(at, nothing);
        let answer = self.session.wire().send(Some(&token), request).await?.refusal();
        if answer.says(400, "no data provided") {
            Ok(Probe::Writable)
        } else if answer.says(400, "missing data fields") {
            Ok(Probe::VersionOne)
        } else {
            Err(answer)
        }
    }

    /// A write of this text. The data stands in it alone.
    fn posted(&self, at: &SecretRef, text: Zeroizing<String>) -> WithText<SetSecretRequest> {
        let (mount, path) = (self.mount.clone(), at.path.clone());
        let request = SetSecretRequest { mount, path, data: Value::Null, options: None };
        WithText { request, text }
    }

    fn failed(&self, doing: Capability, at: &SecretRef, answer: &Answer) -> VaultError {
        VaultError::new(doing, &self.mount, &at.path, answer)
    }
}

/// Vault asks for another right for the first version of a secret than for those after it.
fn writing(over: &Reading) -> Capability {
    if over.version.is_absent() { Capability::Create } else { Capability::Update }
}

enum Probe {
    Writable,
    VersionOne,
}

#[cfg(test)]
mod hostile;
