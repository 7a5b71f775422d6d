//! Whether a hand-made token may become managed, and the record that makes it so; pure.

use jiff::Timestamp;

use crate::names::{AccountName, CredentialName, Owner, RotationId, TokenId, TokenName};
use crate::record::{Pause, Phase, Record, SecretContent};
use crate::rotation::decide::Subject;
use crate::rotation::world::ListedToken;
use crate::secret::Token;

/// Whether another deployment's secret may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeOver {
    /// It is refused.
    No,
    /// It is taken: an operator says that the other deployment no longer runs.
    Yes,
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
pub struct Adoption<'a> {
    /// The credential whose secret it is.
    pub subject: &'a Subject,
    /// The ID of the token that the secret holds, as the operator says.
    pub token_id: TokenId,
    /// Whether another deployment's secret may be taken.
    pub take_over: TakeOver,
    /// The ID that an adoption gave to a text that has turned out to open another account: it is not that text's.
    pub disproved: Option<TokenId>,
}

/// Why a token is not adopted. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptRefusal {
    /// Nothing to adopt.
    #[error("there is no token in the secret")]
    Vacant,
    /// A record without a token that could be used.
    #[error("the text in the secret cannot be a token")]
    NoText,
    /// Nothing to do.
    #[error("pintail manages the secret already; it serves token {0}")]
    AlreadyManaged(TokenId),
    /// The record is ours, and of another account.
    #[error("the secret serves a token of account {0}, which is not the configured one")]
    OtherAccount(AccountName),
    /// Another deployment's secret.
    #[error("the secret is managed by another pintail: owner {0}")]
    Foreign(Owner),
    /// The record tells that the text belongs to another ID.
    #[error("the secret holds token {0}, as its record tells")]
    OtherToken(TokenId),
    /// The record tells that the text does not belong to this ID.
    #[error("the text in the secret is not that of token {0}, as the record beside it tells")]
    NotThisToken(TokenId),
    /// No such token in the account.
    #[error("account {account} lists no token {id}")]
    NotListed {
        /// The token.
        id: TokenId,
        /// The account.
        account: AccountName,
        /// What it does list.
        listed: Vec<ListedToken>,
    },
    /// Another pintail made the token, and would revoke it.
    #[error("token {id} was made by another pintail: owner {owner}")]
    ForeignToken {
        /// The token.
        id: TokenId,
        /// The other deployment.
        owner: Owner,
    },
    /// Another credential has the token, and would revoke it.
    #[error("token {id} belongs to credential {credential}")]
    InUse {
        /// The token.
        id: TokenId,
        /// The other credential.
        credential: CredentialName,
    },
}

/// A text that may be adopted, and what its secret tells of its predecessors.
#[derive(Debug)]
pub struct Claim<'s> {
    /// The text that the secret holds.
    pub token: &'s Token,
    /// What consumers were served before, newest first.
    before: Vec<TokenId>,
    /// That a person paused the credential: that is not for an adoption to end.
    pause: Option<&'s Pause>,
}

impl Adoption<'_> {
    /// Whether what stands in the store may be adopted under the ID.
    pub fn claim<'s>(&self, content: &'s SecretContent) -> Result<Claim<'s>, AdoptRefusal> {
        match content {
            SecretContent::Vacant => Err(AdoptRefusal::Vacant),
            SecretContent::Unmanaged { token } => Ok(Claim { token, before: vec![], pause: None }),
            SecretContent::Edited { record, .. } | SecretContent::Managed { record, .. }
                if record.owner != self.subject.owner && self.take_over == TakeOver::No =>
            {
                Err(AdoptRefusal::Foreign(record.owner.clone()))
            }
            SecretContent::Edited { token: None, .. } => Err(AdoptRefusal::NoText),
            // The digests differ, so whatever the text is, it is not that of the recorded token.
            SecretContent::Edited { record, .. }
                if record.token_id == self.token_id && self.disproved != Some(self.token_id) =>
            {
                Err(AdoptRefusal::NotThisToken(self.token_id))
            }
            SecretContent::Edited { record, token: Some(token) } => {
                let is_proper = |id: &TokenId| self.disproved != Some(*id);
                let before = served(record).filter(is_proper).collect();
                Ok(Claim { token, before, pause: record.pause.as_deref() })
            }
            SecretContent::Managed { record, token } if record.owner != self.subject.owner => {
                // The record describes the text, so it knows its ID better than an operator.
                if record.token_id == self.token_id {
                    let before = served(record).collect();
                    Ok(Claim { token, before, pause: record.pause.as_deref() })
                } else {
                    Err(AdoptRefusal::OtherToken(record.token_id))
                }
            }
            SecretContent::Managed { record, token }
                if record.username.canonical() != self.subject.username.canonical()
                    && self.disproved == Some(record.token_id) =>
            {
                Ok(Claim { token, before: vec![], pause: record.pause.as_deref() })
            }
            SecretContent::Managed { record, .. }
                if record.username.canonical() != self.subject.username.canonical() =>
            {
                Err(AdoptRefusal::OtherAccount(record.username.clone()))
            }
            SecretContent::Managed { record, .. } => {
                Err(AdoptRefusal::AlreadyManaged(record.token_id))
            }
        }
    }

    /// The record that makes `claim` managed from `now` on, as a rotation that begins at its gate if predecessors live.
    /// `others` are the records of the account's other credentials.
    pub fn record<'o>(
        &self,
        claim: &Claim<'_>,
        listing: &[ListedToken],
        others: impl IntoIterator<Item = (&'o CredentialName, &'o Record)>,
        now: Timestamp,
    ) -> Result<Record, AdoptRefusal> {
        let subject = self.subject;
        let id = self.token_id;
        let Some(listed) = listing.iter().find(|token| token.id == id) else {
            return Err(AdoptRefusal::NotListed {
                id,
                account: subject.username.clone(),
                listed: listing.to_vec(),
            });
        };
        if let Some(name) = listed.name.as_deref().and_then(TokenName::parse) {
            if name.owner != subject.owner {
                if self.take_over == TakeOver::No {
                    return Err(AdoptRefusal::ForeignToken { id, owner: name.owner });
                }
            } else if name.credential != subject.credential {
                return Err(AdoptRefusal::InUse { id, credential: name.credential });
            }
        }
        let mut others = others.into_iter();
        if let Some((credential, _)) = others.find(|(_, record)| served(record).any(|o| o == id)) {
            return Err(AdoptRefusal::InUse { id, credential: credential.clone() });
        }
        let lives = |id: &TokenId| listing.iter().any(|token| token.id == *id);
        let previous = claim.before.iter().copied().filter(|before| *before != id && lives(before));
        Ok(Record {
            token_id: id,
            token_name: listed.name.clone().unwrap_or_default(),
            token_type: subject.token_type,
            username: subject.username.clone(),
            created_at: listed.created_at,
            expires_at: listed.expires_at,
            rotation_id: RotationId::starting_at(now).at_place(subject.place),
            published_at: now,
            previous_token_ids: previous.collect(),
            elsewhere_token_ids: vec![],
            first_token_at: None,
            unconfirmed_revocations: 0,
            renewal_ttl_seconds: None,
            pause: claim.pause.cloned().map(Box::new),
            phase: Phase::Published,
            token_sha256: claim.token.sha256(),
            owner: subject.owner.clone(),
        })
    }
}

/// What consumers were served by `record` and before it, newest first.
fn served(record: &Record) -> impl Iterator<Item = TokenId> {
    std::iter::once(record.token_id).chain(record.previous_token_ids.iter().copied())
}

impl AdoptRefusal {
    /// What a person can do about it.
    pub fn hint(&self, credential: &CredentialName) -> Option<String> {
        match self {
            Self::Vacant => Some(format!(
                "put the token there first; or let pintail make one: pintail rotate-now {credential}"
            )),
            Self::NoText => Some("write the token there as one word of text".to_owned()),
            Self::AlreadyManaged(_) => None,
            Self::OtherAccount(account) => Some(format!(
                "set username = \"{account}\" again, or put a token of the configured account there first"
            )),
            Self::Foreign(owner) | Self::ForeignToken { owner, .. } => Some(format!(
                "if {owner} no longer runs, add --take-over; while it runs, two pintails would revoke each other's tokens"
            )),
            Self::OtherToken(id) => Some(format!("if that is meant: --token-id {id}")),
            Self::NotThisToken(_) => {
                Some("look up the ID of the token that was put there by hand".to_owned())
            }
            Self::NotListed { listed, .. } if listed.is_empty() => {
                Some("it lists no token at all: check the credential's username".to_owned())
            }
            Self::NotListed { listed, .. } => Some(format!("it lists {}", some_of(listed))),
            Self::InUse { .. } => Some(
                "each credential needs a token of its own: create another one, and put it there"
                    .to_owned(),
            ),
        }
    }
}

/// The first few, newest first. Names come from outside, and a terminal must not obey them.
fn some_of(listed: &[ListedToken]) -> String {
    const MOST: usize = 10;
    let mut newest: Vec<_> = listed.iter().collect();
    newest.sort_by_key(|token| std::cmp::Reverse(token.created_at));
    let name = |token: &ListedToken| match &token.name {
        Some(name) => format!("{} ({name:?})", token.id),
        None => token.id.to_string(),
    };
    let shown = newest.iter().take(MOST).map(|token| name(token)).collect::<Vec<_>>().join(", ");
    match listed.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
