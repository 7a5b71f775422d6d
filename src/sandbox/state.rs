//! The organisation that the sandbox pretends to hold: its people, service accounts and tokens. No I/O, no clock.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ducklings::Ducklings;
use crate::names::TokenId;
use crate::record::TokenType;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    Admin,
    Member,
}

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Nature {
    Person,
    ServiceAccount,
}

/// A user of the organisation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: Uuid,
    pub(super) username: String,
    pub(super) role: Role,
    pub(super) nature: Nature,
    /// Whether a read/write token ever connected: before, read-scaling tokens do not work.
    pub(super) primed: bool,
    pub(super) ducklings: Ducklings,
}

/// A token, by the digest of its text. A token that is gone stays known, so that the events can name it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KnownToken {
    pub(super) id: TokenId,
    pub(super) user: Uuid,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) token_type: TokenType,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) gone: Option<Gone>,
    sha256: String,
}

/// When a token was revoked, and from when on that shows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Gone {
    revoked_at: Timestamp,
    refused_from: Timestamp,
}

impl KnownToken {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|instant| instant <= now)
    }

    /// Whether the token is on the account's books: neither revoked nor expired, or expired and kept.
    pub(super) fn is_held(&self, now: Timestamp, expired: Expired) -> bool {
        self.gone.is_none() && (expired == Expired::Kept || !self.is_expired(now))
    }
}

/// Whether expired tokens stay on the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expired {
    Kept,
    Dropped,
}

/// What is known of a token's text.
#[derive(Debug)]
pub(super) enum Standing<'a> {
    Accepted(&'a KnownToken),
    Expired(&'a KnownToken),
    Revoked(&'a KnownToken),
    Unknown,
}

/// What a new token should be.
#[derive(Debug)]
pub(super) struct NewToken {
    pub(super) name: String,
    pub(super) token_type: TokenType,
    pub(super) lifetime: Option<Duration>,
    pub(super) sha256: String,
}

/// Everything that survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Organisation {
    users: Vec<User>,
    tokens: Vec<KnownToken>,
}

impl Organisation {
    pub(super) fn users(&self) -> &[User] {
        &self.users
    }

    /// The user of that name; names are compared without case.
    pub(super) fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub(super) fn user_mut(&mut self, username: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub(super) fn owner(&self, token: &KnownToken) -> Option<&User> {
        self.users.iter().find(|user| user.id == token.user)
    }

    /// Adds a user; the name must be free.
    pub(super) fn add_user(&mut self, username: &str, role: Role, nature: Nature, primed: bool) {
        self.users.push(User {
            id: Uuid::new_v4(),
            username: username.to_owned(),
            role,
            nature,
            primed,
            ducklings: Ducklings::default(),
        });
    }

    /// Removes a user for good; its tokens are refused at once. Returns the tokens that this revoked.
    pub(super) fn remove_user(&mut self, id: Uuid, now: Timestamp) -> Vec<KnownToken> {
        self.users.retain(|user| user.id != id);
        let mut revoked = Vec::new();
        for token in self.tokens.iter_mut().filter(|token| token.user == id) {
            if token.gone.is_none() {
                revoked.push(token.clone());
            }
            token.gone = Some(Gone { revoked_at: now, refused_from: now });
        }
        revoked
    }

    pub(super) fn add_token(&mut self, user: &User, new: NewToken, now: Timestamp) -> KnownToken {
        let token = KnownToken {
            id: TokenId(Uuid::new_v4()),
            user: user.id,
            username: user.username.clone(),
            name: new.name,
            token_type: new.token_type,
            created_at: now,
            expires_at: new.lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
            gone: None,
            sha256: new.sha256,
        };
        self.tokens.push(token.clone());
        token
    }

    /// The tokens on the user's books, oldest first.
    pub(super) fn tokens_of(
        &self,
        user: Uuid,
        now: Timestamp,
        expired: Expired,
    ) -> impl Iterator<Item = &KnownToken> {
        self.tokens.iter().filter(move |token| token.user == user && token.is_held(now, expired))
    }

    /// Revokes a token; it keeps working for `delay`.
    pub(super) fn revoke(&mut self, id: TokenId, now: Timestamp, delay: Duration) {
        let refused_from = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        for token in self.tokens.iter_mut().filter(|token| token.id == id) {
            token.gone = Some(Gone { revoked_at: now, refused_from });
        }
    }

    /// What a token's text, by its digest, is worth.
    pub(super) fn standing(&self, sha256: &str, now: Timestamp) -> Standing<'_> {
        let Some(token) = self.tokens.iter().find(|token| token.sha256 == sha256) else {
            return Standing::Unknown;
        };
        if token.gone.is_some_and(|gone| gone.refused_from <= now) {
            Standing::Revoked(token)
        } else if token.is_expired(now) {
            Standing::Expired(token)
        } else {
            Standing::Accepted(token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organisation() -> (Organisation, User) {
        let mut organisation = Organisation::default();
        organisation.add_user("etl_prod", Role::Member, Nature::ServiceAccount, false);
        let user = organisation.user("ETL_PROD").unwrap().clone();
        (organisation, user)
    }

    fn new_token(lifetime: Option<Duration>) -> NewToken {
        NewToken {
            name: "n".to_owned(),
            token_type: TokenType::ReadWrite,
            lifetime,
            sha256: "digest".to_owned(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_revoked_token_works_until_the_delay_is_over_and_leaves_the_books_at_once() {
        let (mut organisation, user) = organisation();
        let token = organisation.add_token(&user, new_token(None), at(0));
        organisation.revoke(token.id, at(10), Duration::from_secs(5));
        assert_eq!(organisation.tokens_of(user.id, at(10), Expired::Kept).count(), 0);
        assert!(matches!(organisation.standing("digest", at(14)), Standing::Accepted(_)));
        assert!(matches!(organisation.standing("digest", at(15)), Standing::Revoked(_)));
    }

    #[test]
    fn an_expired_token_is_refused_whether_or_not_it_stays_on_the_books() {
        let (mut organisation, user) = organisation();
        organisation.add_token(&user, new_token(Some(Duration::from_mins(5))), at(0));
        assert!(matches!(organisation.standing("digest", at(299)), Standing::Accepted(_)));
        assert!(matches!(organisation.standing("digest", at(300)), Standing::Expired(_)));
        assert_eq!(organisation.tokens_of(user.id, at(300), Expired::Dropped).count(), 0);
        assert_eq!(organisation.tokens_of(user.id, at(300), Expired::Kept).count(), 1);
    }

    #[test]
    fn removing_a_user_refuses_its_tokens_at_once_and_forgets_none_of_them() {
        let (mut organisation, user) = organisation();
        organisation.add_token(&user, new_token(None), at(0));
        assert_eq!(organisation.remove_user(user.id, at(1)).len(), 1);
        assert!(organisation.user("etl_prod").is_none());
        assert!(matches!(organisation.standing("digest", at(1)), Standing::Revoked(_)));
    }
}
