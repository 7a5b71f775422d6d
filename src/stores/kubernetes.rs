//! Secrets of Kubernetes: one holds the token and, as an annotation, its record; another beside it earlier tokens.

mod error;
pub(super) mod publication;
mod secret;

use std::fmt;

use jiff::SignedDuration;

pub use self::error::KubernetesError;
use self::publication::{Edition, Next, Publication};
use self::secret::{Secret, change, empty, forgetting, keeping, publication};
use super::settings::KubernetesStore;
use super::{PublishError, Role, SecretRef, StoreError};
use crate::kubernetes::{Answer, Cluster, Content, Mode, Object, Place, Right, Verb};
use crate::names::TokenId;
use crate::record::{Record, RecordError, SecretContent, UserKeys};
use crate::rotation::world::{Reading, Version};
use crate::secret::Token;

/// What stands behind the name of the Secret with earlier tokens.
const PREVIOUS: &str = "-previous";

/// The Secrets of one namespace.
///
/// A version is the Secret's `uid` and `resourceVersion`, and the compare-and-set is Kubernetes' own: a merge-patch
/// that names both. It names besides only what is pintail's, so that the user's keys, labels and annotations are never
/// sent back.
///
/// Earlier tokens are kept in a second Secret, each under its own ID, so that publishers add to it and never overwrite
/// one another. It has a name that is known beforehand, to which a Role can be narrowed.
pub struct Secrets {
    cluster: Cluster,
    settings: KubernetesStore,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} of {:?})", self.settings.namespace, self.cluster)
    }
}

impl Secrets {
    pub(super) fn open(settings: &KubernetesStore) -> Result<Self, KubernetesError> {
        Ok(Self { cluster: Cluster::open(&settings.cluster)?, settings: settings.clone() })
    }

    pub(super) fn clock_skew(&self) -> Option<SignedDuration> {
        self.cluster.clock_skew()
    }

    pub(super) async fn read(&self, at: &SecretRef) -> Result<Reading, StoreError> {
        let Some(secret) = self.find("read", &at.path).await? else {
            return Ok(Reading {
                version: Version::absent(),
                content: SecretContent::Vacant,
                others: UserKeys::default(),
            });
        };
        let (content, others) = secret.content(at.fields()).map_err(|error| match error {
            RecordError::Damaged { .. } => {
                let (name, namespace) = (at.path.clone(), self.settings.namespace.clone());
                KubernetesError::Damaged { name, namespace }.into()
            }
            RecordError::Ambiguous | RecordError::Twice { .. } | RecordError::Taken { .. } => {
                StoreError::of_record(at, error)
            }
        })?;
        match (at.role, secret.taken(at.fields())) {
            (Role::Primary | Role::Mirror, Some(error)) => {
                return Err(StoreError::of_record(at, error));
            }
            (Role::Primary | Role::Mirror | Role::Source, _) => {}
        }
        if at.role == Role::Mirror {
            // Nobody asks beforehand whether a mirror can be written.
            self.fit(&at.path, &secret)?;
        }
        let version = secret.edition().version();
        Ok(Reading { version, content, others })
    }

    /// Tries a write that would change the version alone, without effect: rights, quotas and admission are asked as
    /// for a real one. What is answered is the Secret, which may yet be unfit.
    pub(super) async fn ensure_writable(
        &self,
        at: &SecretRef,
        over: &Reading,
    ) -> Result<(), StoreError> {
        let name = &at.path;
        if over.version.is_absent() {
            self.may_create(name)?;
            let tried: Result<Object, _> = self
                .cluster
                .create(&self.all(), &empty(&self.settings, name), Content::Plain, Mode::DryRun)
                .await;
            return match tried {
                Ok(_) => Ok(()),
                // Somebody was faster, which the publication will find out.
                Err(answer) if answer.is_presence() => Ok(()),
                Err(answer) => Err(self.failed("create", name, &answer).into()),
            };
        }
        let Some(edition) = Edition::parse(&over.version) else { return Ok(()) };
        let change = change(&self.settings, &edition);
        let tried: Result<Secret, _> =
            self.cluster.patch(&self.one(name), &change, Content::Plain, Mode::DryRun).await;
        match tried {
            Ok(secret) => Ok(self.fit(name, &secret)?),
            Err(answer) if answer.is_conflict() || answer.is_absence() => Ok(()),
            Err(answer) => Err(self.failed("write", name, &answer).into()),
        }
    }

    pub(super) async fn publish(
        &self,
        at: &SecretRef,
        over: &Reading,
        record: &Record,
        token: &Token,
    ) -> Result<(), PublishError> {
        let name = &at.path;
        let refused = |error: KubernetesError| PublishError::Refused(error.into());
        let replaced = match &over.content {
            // What was in a mirror before is kept beside the record.
            SecretContent::Managed { record: old, token } if at.role == Role::Primary => {
                Some((old, token))
            }
            SecretContent::Managed { .. }
            | SecretContent::Edited { .. }
            | SecretContent::Unmanaged { .. }
            | SecretContent::Vacant => None,
        };
        let replaced = replaced.filter(|(old, _)| old.token_id != record.token_id);
        let (publication_, mut next) = Publication::begin(&over.version, replaced.is_some());
        loop {
            next = match next {
                Next::Keep => {
                    let kept = match replaced {
                        Some((old, token)) => self.keep(name, old, token).await,
                        None => Ok(()),
                    };
                    publication_.kept(kept)
                }
                Next::Create => {
                    self.may_create(name).map_err(refused)?;
                    let made: Result<Secret, _> = self
                        .cluster
                        .create(
                            &self.all(),
                            &empty(&self.settings, name),
                            Content::Plain,
                            Mode::Real,
                        )
                        .await;
                    Publication::created(made.map(|secret| secret.edition()))
                }
                Next::Write(edition) => {
                    let written = (record, &over.others);
                    let change = publication(&self.settings, &edition, at.fields(), written, token);
                    let written: Result<Object, _> = self
                        .cluster
                        .patch(&self.one(name), &change, Content::Secret, Mode::Real)
                        .await;
                    Publication::written(written.map(|_| ()))
                }
                Next::Served => return Ok(()),
                Next::Conflict => return Err(PublishError::Conflict),
                Next::Failed { doing, answer, may_land } => {
                    let error = self.failed(doing, name, &answer).into();
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
        let kept = self.find("recall a token from", &previous(&at.path)).await?;
        Ok(kept.and_then(|kept| kept.earlier(id)))
    }

    /// What pintail may not do there, by the API server's own word.
    pub(super) async fn missing_rights(&self, at: &SecretRef) -> Vec<Right> {
        let mut places = vec![self.one(&at.path)];
        if at.role == Role::Primary {
            places.push(self.one(&previous(&at.path)));
        }
        let mut needed: Vec<_> = places
            .into_iter()
            .flat_map(|place| [Verb::Get, Verb::Patch].map(|verb| Right::new(verb, place.clone())))
            .collect();
        if self.settings.create {
            needed.push(Right::new(Verb::Create, self.all()));
        }
        self.cluster.missing(needed).await
    }

    /// Puts the text of a token that is about to be replaced aside.
    async fn keep(&self, name: &str, record: &Record, token: &Token) -> Result<(), Answer> {
        let name = previous(name);
        let change = keeping(record, token);
        let place = self.one(&name);
        let patch = || self.cluster.patch::<Secret>(&place, &change, Content::Secret, Mode::Real);
        let kept = match patch().await {
            Err(answer) if answer.is_absence() && self.settings.create => {
                let whole = secret::keeper(&self.settings, &name, record, token);
                let made: Result<Secret, _> =
                    self.cluster.create(&self.all(), &whole, Content::Secret, Mode::Real).await;
                match made {
                    Err(answer) if answer.is_presence() => patch().await?,
                    made => made?,
                }
            }
            kept => kept?,
        };
        let superfluous = kept.superfluous();
        if !superfluous.is_empty() {
            let change = forgetting(&superfluous);
            let forgotten: Result<Object, _> =
                self.cluster.patch(&place, &change, Content::Plain, Mode::Real).await;
            if let Err(answer) = forgotten {
                // The next one will do it.
                tracing::debug!(
                    secret = name,
                    error = answer.text(),
                    "earlier tokens not forgotten"
                );
            }
        }
        Ok(())
    }

    /// The Secret, if there is one.
    async fn find(
        &self,
        doing: &'static str,
        name: &str,
    ) -> Result<Option<Secret>, KubernetesError> {
        match self.cluster.get(&self.one(name)).await {
            Ok(secret) => Ok(Some(secret)),
            Err(answer) if answer.is_absence() => Ok(None),
            Err(answer) => Err(self.failed(doing, name, &answer)),
        }
    }

    fn may_create(&self, name: &str) -> Result<(), KubernetesError> {
        if self.settings.create {
            return Ok(());
        }
        let namespace = &self.settings.namespace;
        let hint = format!(
            "make it: kubectl --namespace {namespace} create secret generic {name}; and another one, {}",
            previous(name)
        );
        Err(self.unfit(name, "does not exist, and the store says `create = false`", hint))
    }

    /// Whether pintail may keep its token in this Secret.
    fn fit(&self, name: &str, secret: &Secret) -> Result<(), KubernetesError> {
        if secret.immutable == Some(true) {
            let hint =
                "an immutable Secret can only be deleted and made anew, without `immutable: true`";
            return Err(self.unfit(name, "is immutable", hint.to_owned()));
        }
        if secret.metadata.is_going() {
            let hint = "something waits for its finalizers: look at them, or choose another `path`";
            return Err(self.unfit(name, "is being deleted", hint.to_owned()));
        }
        match secret.metadata.controller() {
            Some(owner) => {
                let why =
                    format!("belongs to {} {}, which would overwrite it", owner.kind, owner.name);
                let hint = "let pintail write where that reads from, or choose another `path`";
                Err(self.unfit(name, why, hint.to_owned()))
            }
            None => Ok(()),
        }
    }

    fn unfit(&self, name: &str, why: impl Into<String>, hint: String) -> KubernetesError {
        let (name, namespace) = (name.to_owned(), self.settings.namespace.clone());
        KubernetesError::Unfit { name, namespace, why: why.into(), hint }
    }

    fn failed(&self, doing: &'static str, name: &str, answer: &Answer) -> KubernetesError {
        KubernetesError::new(doing, (&self.settings.namespace, name), answer)
    }

    fn one(&self, name: &str) -> Place {
        Place::core("secrets", &self.settings.namespace, Some(name))
    }

    fn all(&self) -> Place {
        Place::core("secrets", &self.settings.namespace, None)
    }
}

/// The Secret that earlier tokens are kept in.
fn previous(name: &str) -> String {
    format!("{name}{PREVIOUS}")
}
