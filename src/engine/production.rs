//! The real world of one credential.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::Clocks;
use super::directory::Directory;
use super::place::Place;
use super::requests::Requests;
use super::{Adapters, Announced, Audited, Primed, admin};
use crate::account::AccountReconciler;
use crate::audit_log::{AuditContext, Cause};
use crate::config::Credential;
use crate::consumers::command::Context;
use crate::deadline;
use crate::fault::{Fault, FaultKind};
use crate::kubernetes::Right;
use crate::motherduck::{CreateTokenError, Error, NewToken};
use crate::names::{Owner, TokenId, TokenName};
use crate::record::Record;
use crate::rotation::clock::Clock;
use crate::rotation::decide::Reason;
use crate::rotation::layer::Layer;
use crate::rotation::time::Time;
use crate::rotation::world::{
    CreateError, CreatedToken, Health, Identity, ListError, ListedToken, PublishError,
    PublishRequest, Reading, Revocation, RevokeError, RevokeRequest, Site, TokenRole, Verdict,
    World,
};
use crate::secret::Token;

/// How long an adoption waits for the mirrors to say whether they could be written.
const MIRROR_PATIENCE: Duration = Duration::from_secs(5);

/// The real world of one credential.
pub struct ProductionWorld {
    pub(super) owner: Owner,
    pub(super) credential: Credential,
    pub(super) primary: Place,
    pub(super) mirrors: Vec<Place>,
    pub(super) directory: Directory,
    pub(super) requests: Requests,
    pub(super) adapters: Arc<Adapters>,
    /// The account, if something is declared of it.
    pub(super) account: Option<Arc<AccountReconciler>>,
    pub(super) clocks: Clocks,
    pub(super) stop: CancellationToken,
    pub(super) until: Option<Instant>,
    /// Where that is written down which is done beside the steps of a rotation.
    pub(super) audit: AuditContext,
}

/// The world of a credential for who rotates it: what is done is written down, workloads are told, and a declared
/// account is made and kept.
pub type ActingWorld = Announced<Audited<Primed<ProductionWorld>>>;

impl ActingWorld {
    /// The real world inside.
    pub fn production(&self) -> &ProductionWorld {
        self.inner().inner().inner()
    }

    /// The world that `before` was, reached by what this one is reached by: the same places, gates and hooks, with the
    /// client, the account and the audit log of the configuration that is in force.
    #[must_use]
    pub fn in_the_place_of(&self, before: &Self) -> Self {
        self.production().in_the_place_of(before.production()).acting()
    }
}

impl ProductionWorld {
    /// Tells the audit log what set this run going.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.audit = self.audit.because(cause);
        self
    }

    /// This world for who rotates.
    pub fn acting(self) -> ActingWorld {
        let (adapters, audit) = (self.adapters.clone(), self.audit.clone());
        let mirrors = self.mirrors.iter().map(|place| place.location.path.clone()).collect();
        Announced::new(Audited::new(Primed::new(self), audit, mirrors), adapters)
    }

    /// This world for who writes the secret, and nothing else.
    pub fn audited(self) -> Audited<Self> {
        let audit = self.audit.clone();
        let mirrors = self.mirrors.iter().map(|place| place.location.path.clone()).collect();
        Audited::new(self, audit, mirrors)
    }

    fn in_the_place_of(&self, before: &Self) -> Self {
        let is_same_account =
            self.credential.username.canonical() == before.credential.username.canonical();
        let account = if is_same_account { &self.account } else { &before.account };
        Self {
            owner: self.owner.clone(),
            credential: before.credential.clone(),
            primary: before.primary.clone(),
            mirrors: before.mirrors.clone(),
            directory: self.directory.clone(),
            requests: self.requests.anew(),
            adapters: before.adapters.clone(),
            account: account.clone(),
            clocks: self.clocks.clone(),
            stop: self.stop.clone(),
            until: self.until,
            audit: self.audit.clone(),
        }
    }

    /// Stops as if asked to, once `timeout` has passed from now on.
    #[must_use]
    pub fn for_at_most(mut self, timeout: Option<Duration>) -> Self {
        self.until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self
    }

    /// Whether its requests to MotherDuck go before those that can wait; once a token is at stake they do.
    pub fn hurry(&self, is_urgent: bool) {
        self.requests.hurry(is_urgent);
    }

    /// Whether a mirror, read as `reading`, can be written.
    pub async fn ensure_mirror_writable(
        &self,
        mirror: usize,
        reading: &Reading,
    ) -> Result<(), Fault> {
        self.place(Site::Mirror(mirror))?.ensure_writable(reading).await
    }

    /// What Kubernetes says that pintail may not do for this credential.
    pub async fn missing_rights(&self) -> Vec<Right> {
        let mut missing = vec![];
        for place in self.mirrors.iter().chain([&self.primary]) {
            missing.extend(place.store.missing_rights(&place.location).await);
        }
        missing.extend(self.adapters.gate.missing_rights().await);
        if let Some(hook) = &self.adapters.deploy {
            missing.extend(hook.missing_rights().await);
        }
        missing
    }

    /// Tries the deploy hook without effect; `None` where there is none, or that is not possible.
    pub async fn try_deploy(&self) -> Option<Result<(), Fault>> {
        let tried = self.adapters.deploy.as_ref()?.try_out().await?;
        Some(tried.map_err(Fault::from))
    }

    /// Whether no mirror keeps something of the user's under a key that pintail would write. A mirror that does not
    /// answer says nothing of that, and holds nothing up.
    pub async fn ensure_mirrors_free(&self) -> Result<(), Fault> {
        let asked =
            self.mirrors.iter().zip(&self.credential.mirrors).map(|(place, mirror)| async {
                let answer = tokio::time::timeout(MIRROR_PATIENCE, place.ensure_free()).await;
                answer.unwrap_or(Ok(())).map_err(|fault| Fault {
                    message: format!("mirror {}: {}", mirror.place(), fault.message),
                    ..fault
                })
            });
        futures::future::join_all(asked).await.into_iter().collect()
    }

    fn place(&self, site: Site) -> Result<&Place, Fault> {
        let place = match site {
            Site::Store => Some(&self.primary),
            Site::Mirror(number) => self.mirrors.get(number),
        };
        place.ok_or_else(|| Fault {
            kind: FaultKind::Permanent,
            message: "no such mirror is configured".to_owned(),
            hint: None,
        })
    }

    fn context(&self, identity: &Identity) -> Context {
        Context {
            credential: self.credential.name.clone(),
            username: self.credential.username.clone(),
            token_id: identity.token_id,
            previous_token_id: identity.previous_token_id,
            rotation_id: identity.rotation_id,
            store: self.credential.store.clone(),
            path: self.credential.path.clone(),
        }
    }

    /// Why the account's tokens are not listed, and what to do.
    fn unlisted(&self, error: &Error) -> ListError {
        if !error.is_absence() {
            return ListError::Failed(error.into());
        }
        let (name, username) = (&self.credential.name, &self.credential.username);
        let hint = if self.account.as_deref().is_some_and(AccountReconciler::ensures) {
            format!("it is made with its first token: `pintail rotate-now {name}`")
        } else {
            format!(
                "correct the username, or make the account: `pintail account create {username}`, or `ensure_account \
                 = true` for pintail to make it"
            )
        };
        ListError::NoAccount(Fault { hint: Some(hint), ..error.into() })
    }
}

impl Clock for ProductionWorld {
    fn time(&self) -> Time {
        self.clocks.time()
    }

    fn stopping(&self) -> bool {
        self.stop.is_cancelled() || self.until.is_some_and(|until| Instant::now() >= until)
    }

    async fn nap(&self, duration: Duration) {
        let mut end = deadline::after(duration);
        if let Some(until) = self.until {
            end = end.min(until);
        }
        tokio::select! {
            () = tokio::time::sleep_until(end) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

impl World for ProductionWorld {
    async fn read(&self, site: Site) -> Result<Reading, Fault> {
        self.place(site)?.read().await
    }

    async fn list(&self) -> Result<Vec<ListedToken>, ListError> {
        let listed = self.requests.client().list_tokens(&self.credential.username).await;
        listed.map_err(|error| self.unlisted(&error))
    }

    async fn ensure_writable(&self, reading: &Reading) -> Result<(), Fault> {
        self.primary.ensure_writable(reading).await
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        if reason.is_urgent() {
            self.hurry(true);
        }
        let text = name.to_string();
        let new = NewToken {
            name: &text,
            ttl: self.credential.ttl,
            token_type: self.credential.token_type,
            description: None,
        };
        let created = self.requests.client().create_token(&self.credential.username, &new).await;
        created.map_err(|error| match error {
            CreateTokenError::Refused(_) => CreateError::Refused(error.into()),
            CreateTokenError::Unknown(_) => CreateError::Unknown(error.into()),
        })
    }

    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        match (&self.adapters.verifier, identity.role) {
            (Some(verifier), _) => Ok(verifier.connect(token, &self.context(identity)).await?),
            (None, TokenRole::Revoked) => {
                admin::is_accepted(self.requests.client(), token, &self.credential.username).await
            }
            (None, TokenRole::New(_) | TokenRole::Served | TokenRole::Other) => {
                self.prove_admin(token).await
            }
        }
    }

    async fn is_account(&self, name: &str) -> Result<bool, Fault> {
        self.directory.knows(name).await
    }

    async fn publish(
        &self,
        PublishRequest { site, over, record, token, .. }: PublishRequest<'_>,
    ) -> Result<(), PublishError> {
        let place = self.place(site).map_err(PublishError::Refused)?;
        place.publish(over, record, token).await
    }

    async fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, Fault> {
        self.primary.recall(id).await
    }

    async fn deploy(&self, record: &Record) -> Result<(), Fault> {
        let Some(hook) = &self.adapters.deploy else { return Ok(()) };
        hook.run(&self.context(&Identity::served(record)), record).await.map_err(|error| {
            // A hook is tried again until its deadline, whatever it says: what it talks to may be starting.
            Fault { kind: FaultKind::Transient, ..error.into() }
        })
    }

    async fn poll_gate(&self, record: &Record) -> Health {
        self.adapters.gate.poll(&self.context(&Identity::served(record)), record).await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<Revocation, RevokeError> {
        if self.adapters.verifier.is_none() {
            // Nobody saws off the branch: the served token is taken over before any of its predecessors dies.
            let taken_over = self.requests.ordinary().take_over_admin_token().await;
            taken_over.map_err(|failure| RevokeError::Refused(failure.into()))?;
        }
        let client = self.requests.client();
        client.revoke_token(&self.credential.username, request.id()).await.map_err(|error| {
            if error.may_have_effect() {
                RevokeError::Unknown(error.into())
            } else {
                RevokeError::Refused(error.into())
            }
        })
    }
}
