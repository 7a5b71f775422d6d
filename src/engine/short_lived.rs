//! A token that is never served and lives for minutes: it primes an account, or proves an admin token.

use std::time::Duration;

use super::ProductionWorld;
use crate::audit_log::{AuditContext, Entry, Event, Outcome};
use crate::motherduck::{Client, CreateTokenError, Error, NewToken};
use crate::names::{AccountName, RotationId, TokenId, TokenName};
use crate::record::TokenType;
use crate::rotation::clock::Clock;
use crate::rotation::world::{CreatedToken, Revocation};

/// How long it lives should nobody come to revoke it: the shortest time that MotherDuck grants.
const TTL: Duration = Duration::from_mins(5);

/// One such token, whose creation and revocation are written down. It belongs to what has begun: what cannot be written
/// down any more is finished all the same. Its name is like those of the credential's own tokens, so that one that is
/// left behind by a crash is cleaned up as any orphan is.
pub(super) struct ShortLived<'a> {
    audit: &'a AuditContext,
    /// What the audit log calls that which it is made for.
    operation: &'static str,
    account: &'a AccountName,
    /// Its name.
    pub(super) name: TokenName,
}

impl<'a> ShortLived<'a> {
    /// A read/write token of the account of `world`, for `operation`. Nothing is contacted.
    pub(super) fn new(world: &'a ProductionWorld, operation: &'static str) -> Self {
        let name = TokenName {
            owner: world.owner.clone(),
            credential: world.credential.name.clone(),
            rotation: RotationId::starting_at(world.now()),
        };
        let account = &world.credential.username;
        Self { audit: &world.audit, operation, account, name }
    }

    pub(super) async fn create(&self, client: &Client) -> Result<CreatedToken, CreateTokenError> {
        let new = NewToken {
            name: &self.name.to_string(),
            ttl: Some(TTL),
            token_type: TokenType::ReadWrite,
            description: None,
        };
        let created = client.create_token(self.account, &new).await;
        let (id, outcome) = match &created {
            Ok(created) => (Some(created.id), None),
            Err(CreateTokenError::Refused(_)) => (None, Some(Outcome::Failed)),
            Err(CreateTokenError::Unknown(_)) => (None, Some(Outcome::Unknown)),
        };
        self.note(Event::Created, outcome, id).await;
        created
    }

    pub(super) async fn revoke(&self, client: &Client, id: TokenId) -> Result<Revocation, Error> {
        let revoked = client.revoke_token(self.account, id).await;
        match &revoked {
            Ok(Revocation::Revoked) => self.note(Event::Discarded, None, Some(id)).await,
            Ok(Revocation::AlreadyGone) => {
                self.note(Event::Discarded, Some(Outcome::Already), Some(id)).await;
            }
            Err(error) if error.may_have_effect() => {
                self.note(Event::Discarded, Some(Outcome::Unknown), Some(id)).await;
            }
            Err(_) => {}
        }
        revoked
    }

    async fn note(&self, event: Event, outcome: Option<Outcome>, id: Option<TokenId>) {
        let tell = |entry: &mut Entry| {
            (entry.token_id, entry.rotation_id) = (id, Some(self.name.rotation));
        };
        self.audit.operation(self.operation).came_to(event, outcome, tell).await;
    }
}
