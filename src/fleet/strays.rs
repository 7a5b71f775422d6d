//! Tokens that nobody manages, by account: no record knows them, and no credential's name is in theirs.

use std::collections::{BTreeMap, HashSet};

use crate::names::{AccountName, CredentialName, Owner, TokenId, TokenName};
use crate::rotation::world::ListedToken;

/// The tokens that may be nobody's. Whether a record knows them is asked when they are counted: a credential whose
/// token was adopted may be looked at later than another of the same account.
#[derive(Default)]
pub(super) struct Strays(BTreeMap<String, Vec<TokenId>>);

/// MotherDuck compares usernames without case.
pub(super) fn key(account: &AccountName) -> String {
    account.as_str().to_ascii_lowercase()
}

impl Strays {
    /// Takes in a list of `account`'s tokens, after which `revoked` were revoked.
    pub(super) fn listed(
        &mut self,
        owner: &Owner,
        account: &AccountName,
        listing: &[ListedToken],
        revoked: &[TokenId],
        is_configured: impl Fn(&CredentialName) -> bool,
    ) {
        let is_named = |token: &ListedToken| {
            token.name.as_deref().and_then(TokenName::parse).is_some_and(|name| {
                // Another deployment's tokens are its own business.
                name.owner != *owner || is_configured(&name.credential)
            })
        };
        let strays =
            listing.iter().filter(|token| !is_named(token) && !revoked.contains(&token.id));
        self.0.insert(key(account), strays.map(|token| token.id).collect());
    }

    /// No credential is of `account` any more, so that it will not be listed again.
    pub(super) fn forget(&mut self, account: &str) {
        self.0.remove(account);
    }

    /// How many there are in each account that was listed and is not `pending`; `known` are the tokens in records.
    pub(super) fn count(
        &self,
        known: &HashSet<TokenId>,
        pending: &HashSet<&str>,
    ) -> BTreeMap<String, usize> {
        let count = |ids: &[TokenId]| ids.iter().filter(|id| !known.contains(id)).count();
        let settled = self.0.iter().filter(|(account, _)| !pending.contains(account.as_str()));
        settled.map(|(account, ids)| (account.clone(), count(ids))).collect()
    }
}
