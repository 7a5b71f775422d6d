//! AWS Secrets Manager: a new version under a label of ours, then AWSCURRENT moved to it from the version that was read.

pub(super) mod answer;
mod bounded;
mod connect;
mod endpoint;
mod error;
pub(super) mod labels;
pub(super) mod publication;
mod text;
mod words;

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{Builder, Config};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::Tag;
use jiff::SignedDuration;
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::answer::{Answer, Code};
pub use self::error::AwsError;
use self::labels::{CURRENT, PENDING, PREVIOUS, PROBE, version_id};
use self::publication::{Next, Publication};
use super::caveat::{Caveat, Severity};
use super::settings::AwsStore;
use super::{PublishError, Role, SecretRef, StoreError, reading};
use crate::http::skew::Skew;
use crate::names::TokenId;
use crate::record::{Object, Record};
use crate::rotation::world::{Reading, Version};
use crate::secret::Token;

/// How many older versions are searched for a predecessor.
const RECALL_DEPTH: usize = 16;
/// No secret is larger: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>.
const MOST: usize = 65_536;
/// More than a record and a token take up.
const RECORD: usize = 6_144;
/// A secret has about a hundred versions, which is one page.
const MOST_PAGES: usize = 32;

/// The secrets of one account and region.
///
/// # The compare-and-set
///
/// `PutSecretValue` has none, so a publication takes two requests. The first puts a version under the label
/// `PINTAIL_PENDING`, which nobody serves: whatever becomes of that request, and however late it lands, consumers do
/// not see it, so its failure is never more than a refusal. The second moves `AWSCURRENT`, naming the version that
/// was read as the one to take it from. AWS refuses where that version no longer has the label: this is the compare,
/// and the set. That request is sent once: repeated by the SDK after a lost answer, the repetition would be refused
/// because the first had worked, and would read as a conflict.
///
/// The loser of a race leaves a version that was never served. It costs nothing to leave it: its label moves on with
/// the next publication, and AWS removes versions without labels by itself. Removing it here would be a request that
/// can fail, for nothing.
pub struct Aws {
    settings: AwsStore,
    client: OnceCell<Client>,
    skew: Arc<Skew>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws")
            .field("region", &self.settings.region)
            .field("role_arn", &self.settings.role_arn)
            .finish_non_exhaustive()
    }
}

/// A version of a secret, by its ID or by a label.
enum Which<'a> {
    Id(&'a str),
    Label(&'a str),
}

impl Aws {
    pub(super) fn open(settings: &AwsStore) -> Result<Self, AwsError> {
        connect::check(settings)?;
        Ok(Self { settings: settings.clone(), client: OnceCell::new(), skew: Arc::default() })
    }

    pub(super) fn clock_skew(&self) -> Option<SignedDuration> {
        self.skew.latest()
    }

    pub(super) async fn read(&self, at: &SecretRef) -> Result<Reading, StoreError> {
        match self.get(at, Which::Label(CURRENT)).await? {
            None => reading(at, Version::absent(), Object::default()),
            Some(output) => {
                let version = output.version_id().ok_or_else(|| {
                    AwsError::new("read", &at.path, Answer::nonsense("no version ID"))
                })?;
                text::read(at, Version::new(version), &output)
            }
        }
    }

    /// Asks to move a label of ours away from a version that does not exist, and to put a version without a value under
    /// that label: AWS looks at the permission first and refuses the request itself next, so that nothing changes; and
    /// if it did not refuse, the label has no meaning, and nobody is served what is under it.
    ///
    /// That `CreateSecret` is allowed cannot be asked without doing it, so for an absent secret nothing is asked at
    /// all.
    pub(super) async fn ensure_writable(
        &self,
        at: &SecretRef,
        over: &Reading,
    ) -> Result<(), StoreError> {
        if over.version.is_absent() {
            return Ok(());
        }
        let outcome = self
            .client()
            .await?
            .update_secret_version_stage()
            .secret_id(&at.path)
            .version_stage(PROBE)
            .remove_from_version_id(Uuid::new_v4().to_string())
            .move_to_version_id(over.version.as_str())
            .send()
            .await;
        let moved = outcome.map(drop).map_err(|error| Answer::of(&error));
        let nothing = self
            .client()
            .await?
            .put_secret_value()
            .secret_id(&at.path)
            .version_stages(PROBE)
            .send()
            .await;
        let put = nothing.map(drop).map_err(|error| Answer::of(&error));
        for answer in [moved, put].into_iter().filter_map(Result::err) {
            // A request that makes no sense is what was sent. What else it may be about tells its matter.
            let makes_no_sense = [
                Code::InvalidParameter,
                Code::ResourceNotFound,
                Code::InvalidRequest,
                Code::Validation,
            ]
            .into_iter()
            .any(|code| answer.is(code));
            if answer.matter().is_some() || !makes_no_sense {
                return Err(AwsError::new("write", &at.path, answer).into());
            }
        }
        room(at, over)
    }

    /// What AWS itself does with the secret. What pintail may not ask is not told: no policy needs to allow it.
    pub(super) async fn caveats(&self, at: &SecretRef) -> Vec<Caveat> {
        let Ok(client) = self.client().await else { return vec![] };
        let Ok(told) = client.describe_secret().secret_id(&at.path).send().await else {
            return vec![];
        };
        let rotates = told.rotation_enabled() == Some(true);
        Vec::from_iter(rotates.then(|| Caveat {
            message: format!(
                "AWS rotates secret {} by a schedule of its own, and would put something else there",
                at.path
            ),
            hint: format!("`aws secretsmanager cancel-rotate-secret --secret-id {}` ends that", at.path),
            severity: Severity::Error,
        }))
    }

    pub(super) async fn publish(
        &self,
        at: &SecretRef,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let text = text::render(at, over, record, token);
        let id = match at.role {
            // The token may have been here before: a version is never made current twice.
            Role::Mirror => Uuid::new_v4(),
            Role::Primary | Role::Source => version_id(&over.content, record),
        };
        let client = self.client().await.map_err(|error| PublishError::Refused(error.into()))?;
        let (mut publication, mut next) = Publication::begin(&over.version, id);
        loop {
            next = match next {
                Next::Create(id) => Publication::created(self.create(client, at, id, &text).await),
                Next::Look => publication.looked(look(client, at).await),
                Next::Put(id) => publication.put(put(client, at, id, &text).await),
                Next::Move { to, from } => {
                    publication.moved(make_current(client, at, to, from).await)
                }
                Next::Served => return Ok(()),
                Next::Conflict => return Err(PublishError::Conflict),
                Next::Overtaken => {
                    let secret = at.path.clone();
                    return Err(PublishError::Unknown(AwsError::Overtaken { secret }.into()));
                }
                Next::Failed { doing, answer, may_land } => {
                    let error = AwsError::new(doing, &at.path, answer).into();
                    return Err(if may_land {
                        PublishError::Unknown(error)
                    } else {
                        PublishError::Refused(error)
                    });
                }
            };
        }
    }

    pub(super) async fn recall(
        &self,
        at: &SecretRef,
        id: TokenId,
    ) -> Result<Option<(Record, Token)>, StoreError> {
        // The predecessor is AWSPREVIOUS from the publication to the seal, and a version with its ID after that.
        let own = id.to_string();
        for which in [Which::Label(PREVIOUS), Which::Id(&own)] {
            if let Some(found) = self.serving(at, which, id).await? {
                return Ok(Some(found));
            }
        }
        if self.get(at, Which::Label(CURRENT)).await?.is_none() {
            // There is no secret to list; moto answers that with a 500.
            return Ok(None);
        }
        for version in self.older_versions(at).await?.iter().filter(|version| **version != own) {
            if let Some(found) = self.serving(at, Which::Id(version), id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn serving(
        &self,
        at: &SecretRef,
        which: Which<'_>,
        id: TokenId,
    ) -> Result<Option<(Record, Token)>, StoreError> {
        let Some(output) = self.get(at, which).await? else { return Ok(None) };
        Ok(text::recall(at, &output, id))
    }

    /// The IDs of the versions that are not current, the newest first.
    async fn older_versions(&self, at: &SecretRef) -> Result<Vec<String>, StoreError> {
        let mut pages = self
            .client()
            .await?
            .list_secret_version_ids()
            .secret_id(&at.path)
            .include_deprecated(true)
            .into_paginator()
            .send();
        let mut versions = vec![];
        let mut left = MOST_PAGES;
        while let Some(page) = pages.next().await {
            left = left.checked_sub(1).ok_or_else(|| {
                AwsError::new("list versions of", &at.path, Answer::nonsense("pages without end"))
            })?;
            let page = page
                .map_err(|error| AwsError::new("list versions of", &at.path, Answer::of(&error)))?;
            for entry in page.versions() {
                let is_current = entry.version_stages().iter().any(|label| label == CURRENT);
                if let Some(id) = entry.version_id().filter(|_| !is_current) {
                    versions.push((entry.created_date().copied(), id.to_owned()));
                }
            }
        }
        versions.sort_by_key(|(created, _)| Reverse(*created));
        Ok(versions.into_iter().map(|(_, id)| id).take(RECALL_DEPTH).collect())
    }

    async fn get(
        &self,
        at: &SecretRef,
        which: Which<'_>,
    ) -> Result<Option<GetSecretValueOutput>, StoreError> {
        let found = get(self.client().await?, at, which).await;
        found.map_err(|answer| AwsError::new("read", &at.path, answer).into())
    }

    /// Creates the secret with its first version.
    async fn create(
        &self,
        client: &Client,
        at: &SecretRef,
        id: Uuid,
        text: &str,
    ) -> Result<(), Answer> {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags: Vec<Tag> = self.settings.tags.iter().map(tag).collect();
        let request = client
            .create_secret()
            .name(&at.path)
            .client_request_token(id.to_string())
            .secret_string(text)
            .set_kms_key_id(self.settings.kms_key_id.clone())
            .set_tags((!tags.is_empty()).then_some(tags));
        let outcome = request.customize().config_override(once()).send().await;
        outcome.map(|_| ()).map_err(|error| Answer::of(&error))
    }

    async fn client(&self) -> Result<&Client, AwsError> {
        self.client.get_or_try_init(|| connect::client(&self.settings, &self.skew)).await
    }
}

/// Whether a record and a token find room beside what people keep in the secret.
fn room(at: &SecretRef, over: &Reading) -> Result<(), StoreError> {
    let taken = over.others.size();
    if taken + RECORD > MOST {
        return Err(AwsError::TooLarge { secret: at.path.clone(), taken }.into());
    }
    Ok(())
}

/// A request that is sent at most once, since a repetition could not be told from somebody else's.
fn once() -> Builder {
    Config::builder().retry_config(RetryConfig::disabled())
}

async fn get(
    client: &Client,
    at: &SecretRef,
    which: Which<'_>,
) -> Result<Option<GetSecretValueOutput>, Answer> {
    let request = client.get_secret_value().secret_id(&at.path);
    let request = match which {
        Which::Id(id) => request.version_id(id),
        Which::Label(label) => request.version_stage(label),
    };
    match request.send().await.map_err(|error| Answer::of(&error)) {
        Ok(output) => Ok(Some(output)),
        Err(answer) if answer.is(Code::ResourceNotFound) => Ok(None),
        Err(answer) => Err(answer),
    }
}

/// Whether the secret has a version that is served.
async fn look(client: &Client, at: &SecretRef) -> Result<bool, Answer> {
    get(client, at, Which::Label(CURRENT)).await.map(|found| found.is_some())
}

/// Puts a version under our label, and tells its labels.
async fn put(client: &Client, at: &SecretRef, id: Uuid, text: &str) -> Result<Vec<String>, Answer> {
    let request = client
        .put_secret_value()
        .secret_id(&at.path)
        .client_request_token(id.to_string())
        .secret_string(text)
        .version_stages(PENDING);
    let outcome = request.send().await;
    outcome.map(|output| output.version_stages().to_vec()).map_err(|error| Answer::of(&error))
}

async fn make_current(
    client: &Client,
    at: &SecretRef,
    id: Uuid,
    from: Option<String>,
) -> Result<(), Answer> {
    let request = client
        .update_secret_version_stage()
        .secret_id(&at.path)
        .version_stage(CURRENT)
        .move_to_version_id(id.to_string())
        .set_remove_from_version_id(from);
    let outcome = request.customize().config_override(once()).send().await;
    outcome.map(|_| ()).map_err(|error| Answer::of(&error))
}

#[cfg(test)]
mod hostile;
