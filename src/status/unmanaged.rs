//! Tokens that nobody manages, by account: no record knows them, and no credential's name is in theirs.

use std::collections::{BTreeMap, HashSet};

use crate::names::{AccountName, CredentialName, Owner, TokenId};
use crate::rotation::ownership::{Ownership, ownership};
use crate::rotation::world::ListedToken;

/// The tokens that may be nobody's. Whether a record knows them is asked when they are counted: a credential whose
/// token was adopted may be looked at later than another of the same account.
#[derive(Default)]
pub(super) struct UnmanagedTokens(BTreeMap<String, Listed>);

/// The most tokens of an account that are told apart. One that has more of them needs no exact count.
const MOST: usize = 500;

struct Listed {
    ids: Vec<TokenId>,
    /// How many there are beyond these.
    more: usize,
}

impl UnmanagedTokens {
    /// Takes in a list of `account`'s tokens, after which `revoked` were revoked; `is_here` tells whether a credential
    /// is configured for this account.
    pub(super) fn listed(
        &mut self,
        owner: &Owner,
        account: &AccountName,
        listing: &[ListedToken],
        revoked: &[TokenId],
        is_here: impl Fn(&CredentialName) -> bool,
    ) {
        let is_stray = |token: &&ListedToken| {
            let ownership = ownership(owner, token, None, &is_here);
            ownership == Ownership::Unmanaged && !revoked.contains(&token.id)
        };
        let mut strays = listing.iter().filter(is_stray).map(|token| token.id);
        let ids = strays.by_ref().take(MOST).collect();
        self.0.insert(account.canonical(), Listed { ids, more: strays.count() });
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
        let count = |listed: &Listed| {
            listed.ids.iter().filter(|id| !known.contains(id)).count() + listed.more
        };
        let settled = self.0.iter().filter(|(account, _)| !pending.contains(account.as_str()));
        settled.map(|(account, listed)| (account.clone(), count(listed))).collect()
    }
}
