//! The organisation that the sandbox pretends to hold: its people, service accounts and tokens. No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
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
pub(super) enum TokenStatus<'a> {
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

/// One change of what survives a restart. Those of a whole life, one after the other, make the organisation again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// A user, new or as it is from now on.
    User(User),
    /// A user is gone for good, and its tokens with it.
    UserGone { id: Uuid, at: Timestamp },
    /// A token, new or as it is from now on.
    Token(KnownToken),
}

/// Everything that survives a restart, found again in a time that does not grow with how much there is.
#[derive(Debug, Default)]
pub(super) struct Organisation {
    /// In the order in which they came.
    users: BTreeMap<u64, User>,
    /// By the name without case.
    by_name: HashMap<String, u64>,
    by_id: HashMap<Uuid, u64>,
    /// In the order in which they came.
    tokens: Vec<KnownToken>,
    by_token_id: HashMap<TokenId, usize>,
    by_text: HashMap<String, usize>,
    by_user: HashMap<Uuid, Vec<usize>>,
    /// What changed since [`Organisation::take_changes`] was last asked.
    changes: Vec<Change>,
}

impl Organisation {
    /// The users, in the order in which they came.
    pub(super) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// The user of that name; names are compared without case.
    pub(super) fn user(&self, username: &str) -> Option<&User> {
        self.users.get(self.by_name.get(&username.to_ascii_lowercase())?)
    }

    pub(super) fn owner(&self, token: &KnownToken) -> Option<&User> {
        self.users.get(self.by_id.get(&token.user)?)
    }

    /// Adds a user; the name must be free.
    pub(super) fn add_user(&mut self, username: &str, role: Role, nature: Nature, primed: bool) {
        self.change(Change::User(User {
            id: Uuid::new_v4(),
            username: username.to_owned(),
            role,
            nature,
            primed,
            ducklings: Ducklings::default(),
        }));
    }

    /// Puts a user, as it is from now on, into the place that it has.
    pub(super) fn set_user(&mut self, user: User) {
        self.change(Change::User(user));
    }

    /// Removes a user for good; its tokens are refused at once. Returns the tokens that this revoked.
    pub(super) fn remove_user(&mut self, id: Uuid, now: Timestamp) -> Vec<KnownToken> {
        let lives = |token: &&KnownToken| token.gone.is_none();
        let revoked = self.tokens_ever(id).filter(lives).cloned().collect();
        self.change(Change::UserGone { id, at: now });
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
        self.change(Change::Token(token.clone()));
        token
    }

    /// The tokens on the user's books, oldest first.
    pub(super) fn tokens_of(
        &self,
        user: Uuid,
        now: Timestamp,
        expired: Expired,
    ) -> impl Iterator<Item = &KnownToken> {
        self.tokens_ever(user).filter(move |token| token.is_held(now, expired))
    }

    /// Revokes a token; it keeps working for `delay`.
    pub(super) fn revoke(&mut self, id: TokenId, now: Timestamp, delay: Duration) {
        let refused_from = now.checked_add(delay).unwrap_or(Timestamp::MAX);
        let token = self.by_token_id.get(&id).and_then(|&at| self.tokens.get(at)).cloned();
        if let Some(token) = token {
            let gone = Some(Gone { revoked_at: now, refused_from });
            self.change(Change::Token(KnownToken { gone, ..token }));
        }
    }

    /// What a token's text, by its digest, is worth.
    pub(super) fn status(&self, sha256: &str, now: Timestamp) -> TokenStatus<'_> {
        let Some(token) = self.by_text.get(sha256).and_then(|&at| self.tokens.get(at)) else {
            return TokenStatus::Unknown;
        };
        if token.gone.is_some_and(|gone| gone.refused_from <= now) {
            TokenStatus::Revoked(token)
        } else if token.is_expired(now) {
            TokenStatus::Expired(token)
        } else {
            TokenStatus::Accepted(token)
        }
    }

    /// What changed since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Puts back, before what changed meanwhile, changes that could not be kept.
    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        self.changes.splice(..0, changes);
    }

    /// The shortest list of changes that makes the organisation as it is.
    pub(super) fn all(&self) -> impl Iterator<Item = Change> {
        let users = self.users.values().cloned().map(Change::User);
        users.chain(self.tokens.iter().cloned().map(Change::Token))
    }

    /// Takes over a change that was kept before.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::User(user) => {
                let next = self.users.last_key_value().map_or(0, |(last, _)| last + 1);
                let at = *self.by_id.entry(user.id).or_insert(next);
                self.by_name.insert(user.username.to_ascii_lowercase(), at);
                self.users.insert(at, user);
            }
            Change::UserGone { id, at } => {
                if let Some(user) = self.by_id.remove(&id).and_then(|at| self.users.remove(&at)) {
                    self.by_name.remove(&user.username.to_ascii_lowercase());
                }
                for &index in self.by_user.get(&id).into_iter().flatten() {
                    if let Some(token) = self.tokens.get_mut(index) {
                        token.gone = Some(Gone { revoked_at: at, refused_from: at });
                    }
                }
            }
            Change::Token(token) => {
                let at = self.by_token_id.get(&token.id).copied();
                if let Some(known) = at.and_then(|at| self.tokens.get_mut(at)) {
                    *known = token;
                    return;
                }
                let at = self.tokens.len();
                self.by_token_id.insert(token.id, at);
                self.by_text.insert(token.sha256.clone(), at);
                self.by_user.entry(token.user).or_default().push(at);
                self.tokens.push(token);
            }
        }
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change.clone());
        self.apply(change);
    }

    /// All tokens that the user ever had, oldest first.
    fn tokens_ever(&self, user: Uuid) -> impl Iterator<Item = &KnownToken> {
        let indices = self.by_user.get(&user).into_iter().flatten();
        indices.filter_map(|&at| self.tokens.get(at))
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
        assert!(matches!(organisation.status("digest", at(14)), TokenStatus::Accepted(_)));
        assert!(matches!(organisation.status("digest", at(15)), TokenStatus::Revoked(_)));
    }

    #[test]
    fn an_expired_token_is_refused_whether_or_not_it_stays_on_the_books() {
        let (mut organisation, user) = organisation();
        organisation.add_token(&user, new_token(Some(Duration::from_mins(5))), at(0));
        assert!(matches!(organisation.status("digest", at(299)), TokenStatus::Accepted(_)));
        assert!(matches!(organisation.status("digest", at(300)), TokenStatus::Expired(_)));
        assert_eq!(organisation.tokens_of(user.id, at(300), Expired::Dropped).count(), 0);
        assert_eq!(organisation.tokens_of(user.id, at(300), Expired::Kept).count(), 1);
    }

    #[test]
    fn removing_a_user_refuses_its_tokens_at_once_and_forgets_none_of_them() {
        let (mut organisation, user) = organisation();
        organisation.add_token(&user, new_token(None), at(0));
        assert_eq!(organisation.remove_user(user.id, at(1)).len(), 1);
        assert!(organisation.user("etl_prod").is_none());
        assert!(matches!(organisation.status("digest", at(1)), TokenStatus::Revoked(_)));
    }

    #[test]
    fn the_changes_of_a_life_and_the_shortest_list_make_the_same_organisation() {
        let (mut lived, user) = organisation();
        let kept = lived.add_token(&user, new_token(None), at(0));
        lived.revoke(kept.id, at(10), Duration::from_secs(5));
        lived.add_user("gone", Role::Member, Nature::ServiceAccount, true);
        let gone = lived.user("gone").unwrap().clone();
        lived.add_token(&gone, NewToken { sha256: "other".to_owned(), ..new_token(None) }, at(0));
        lived.remove_user(gone.id, at(20));
        lived.set_user(User { primed: true, ..user.clone() });

        let shortest: Vec<_> = lived.all().collect();
        for changes in [lived.take_changes(), shortest] {
            let mut again = Organisation::default();
            for change in changes {
                again.apply(change);
            }
            let shown =
                |one: &Organisation| serde_json::to_value(one.all().collect::<Vec<_>>()).unwrap();
            assert_eq!(shown(&again), shown(&lived));
            assert!(again.user("gone").is_none() && again.user("ETL_prod").unwrap().primed);
            assert!(matches!(again.status("digest", at(14)), TokenStatus::Accepted(_)));
            assert!(matches!(again.status("other", at(20)), TokenStatus::Revoked(_)));
            assert!(again.take_changes().is_empty());
        }
    }
}
