//! What is done for a credential, written into the audit log where it happens, so that nothing goes past.

use crate::audit_log::{AuditContext, Entry, Event, Outcome};
use crate::fault::Fault;
use crate::names::TokenName;
use crate::rotation::decide::Reason;
use crate::rotation::layer::Layer;
use crate::rotation::world::{
    CreateError, CreatedToken, Identity, PublishError, PublishRequest, Purpose, Revocation,
    RevokeError, RevokeRequest, Site, TokenRole, Verdict, World,
};
use crate::secret::Token;
use crate::status::Origin;

/// A world that writes down what is done in it, as it is told what that is.
pub struct Audited<W> {
    inner: W,
    audit: AuditContext,
    /// The paths of the mirrors.
    mirrors: Vec<String>,
}

impl<W> Audited<W> {
    pub(super) fn new(inner: W, audit: AuditContext, mirrors: Vec<String>) -> Self {
        Self { inner, audit, mirrors }
    }

    /// A rotation begins. While that cannot be told, none does: nothing has happened yet.
    async fn begin(&self, name: &TokenName, reason: Reason) -> Result<(), Fault> {
        let entry = self.of_rotation(Event::Began, name, reason);
        Ok(self.audit.append(entry).await?)
    }

    fn of_rotation(&self, event: Event, name: &TokenName, reason: Reason) -> Entry {
        Entry {
            rotation_id: Some(name.rotation),
            reason: Some(Origin::from(reason).as_str()),
            ..self.audit.entry(event)
        }
    }

    /// The secret, or a mirror, was written, or may have been.
    fn written(&self, PublishRequest { site, purpose, record, .. }: PublishRequest<'_>) -> Entry {
        let event = match purpose {
            Purpose::Serve => Event::Served,
            Purpose::RollBack => Event::RolledBack,
            Purpose::Seal => Event::Sealed,
            Purpose::Fence | Purpose::Amend => Event::Touched,
            Purpose::Mirror => Event::Mirrored,
            Purpose::Adopt => Event::Adopted,
            Purpose::Pause => Event::Paused,
            Purpose::Resume => Event::Resumed,
        };
        let (previous_token_ids, subject) = match site {
            Site::Store => (record.previous_token_ids.clone(), None),
            Site::Mirror(number) => (vec![], self.mirrors.get(number).cloned()),
        };
        Entry {
            token_id: Some(record.token_id),
            previous_token_ids,
            rotation_id: Some(record.rotation_id),
            subject,
            ..self.audit.entry(event)
        }
    }
}

impl<W: World + Sync> Layer for Audited<W> {
    type Inner = W;

    fn inner(&self) -> &W {
        &self.inner
    }

    async fn create(&self, name: &TokenName, reason: Reason) -> Result<CreatedToken, CreateError> {
        self.begin(name, reason).await.map_err(CreateError::Refused)?;
        let created = self.inner.create(name, reason).await;
        let (token_id, outcome) = match &created {
            Ok(created) => (Some(created.id), None),
            Err(CreateError::Refused(_)) => (None, Some(Outcome::Failed)),
            Err(CreateError::Unknown(_)) => (None, Some(Outcome::Unknown)),
        };
        let about = self.of_rotation(Event::Created, name, reason);
        self.audit.note(Entry { outcome, token_id, ..about }).await;
        created
    }

    /// The served token connects; what the endpoint says of whose it is, if that is not the account. A new token is
    /// tried before it is served, and an old one after: those prove other things.
    async fn connect(&self, token: &Token, identity: &Identity) -> Result<Verdict, Fault> {
        let verdict = self.inner.connect(token, identity).await?;
        if let (TokenRole::Served, Verdict::Works(answer)) = (identity.role, &verdict) {
            let about = self.audit.entry(Event::Verified);
            let own = about.username.as_ref().map_or("", |username| username.as_str());
            let other = answer.as_ref().filter(|named| !named.account.eq_ignore_ascii_case(own));
            self.audit
                .note(Entry {
                    subject: other.map(|named| named.account.clone()),
                    token_id: Some(identity.token_id),
                    rotation_id: Some(identity.rotation_id),
                    ..about
                })
                .await;
        }
        Ok(verdict)
    }

    async fn publish(&self, write: PublishRequest<'_>) -> Result<(), PublishError> {
        let published = self.inner.publish(write).await;
        let outcome = match &published {
            Ok(()) => None,
            Err(PublishError::Unknown(_)) => Some(Outcome::Unknown),
            // Nothing was written.
            Err(PublishError::Conflict | PublishError::Refused(_)) => return published,
        };
        self.audit.note(Entry { outcome, ..self.written(write) }).await;
        published
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<Revocation, RevokeError> {
        let revoked = self.inner.revoke(request).await;
        let outcome = match &revoked {
            Ok(Revocation::Revoked) => None,
            Ok(Revocation::AlreadyGone) => Some(Outcome::Already),
            Err(RevokeError::Unknown(_)) => Some(Outcome::Unknown),
            // Nothing was revoked.
            Err(RevokeError::Refused(_)) => return revoked,
        };
        let (event, id, rotation_id) = match request {
            RevokeRequest::Predecessor { id, rotation_id } => (Event::Revoked, id, rotation_id),
            RevokeRequest::Unserved { id, rotation_id } => (Event::Discarded, id, rotation_id),
        };
        let about = self.audit.entry(event);
        self.audit.note(Entry { outcome, token_id: Some(id), rotation_id, ..about }).await;
        revoked
    }
}
