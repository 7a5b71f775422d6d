//! The words of a decision: who asks, what was seen, and the steps to choose from.

use std::time::Duration;

use jiff::Timestamp;

use super::request::Request;
use crate::names::{AccountName, CredentialName, Owner, PlaceMark, TokenId};
use crate::record::{Record, TokenType};
use crate::rotation::evidence::Evidence;
use crate::rotation::policy::{IdentityRule, Policy};
use crate::rotation::schedule::Due;
use crate::rotation::time::Time;
use crate::rotation::world::ListedToken;

/// Who is asking, and by which rules.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The deployment.
    pub owner: Owner,
    /// The credential.
    pub credential: CredentialName,
    /// The account that its tokens belong to.
    pub username: AccountName,
    /// Where its secret is.
    pub place: PlaceMark,
    /// What new tokens may do.
    pub token_type: TokenType,
    /// The rules.
    pub policy: Policy,
    /// Whether there is a deploy hook.
    pub has_deploy_hook: bool,
    /// Whether a rule made it: then its record tells when its first token was made, which the rule counts by.
    pub is_made_by_rule: bool,
    /// How long what was just published may yet be read as it was before: the hook waits for so long.
    pub settle: Duration,
    /// How much it matters whose a token is, where tokens are proved at an endpoint that can say so.
    pub endpoint: Option<IdentityRule>,
    /// The further places where consumers read the secret; none of them is ever the commit point.
    pub mirrors: Vec<MirrorPlace>,
}

/// A further place where consumers read a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPlace {
    /// As people call it.
    pub name: String,
    /// As tokens tell what they were made for.
    pub place: PlaceMark,
}

/// A secret without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacancy<'a> {
    /// Whether nothing was ever written there, as far as the store tells.
    pub is_untouched: bool,
    /// The tokens that the records in the mirrors name.
    pub in_mirrors: &'a [TokenId],
}

/// What was seen in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState<'a> {
    /// No token.
    Vacant(Vacancy<'a>),
    /// A token that pintail did not put there.
    Unmanaged,
    /// A token that is not the one that our record describes.
    Edited(&'a Record),
    /// A token and its record.
    Managed(&'a Record),
}

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// What the clocks say.
    pub time: Time,
    /// What was seen in the store.
    pub secret: SecretState<'a>,
    /// The account's tokens, if they were listed after the store was read.
    pub listing: Option<&'a [ListedToken]>,
    /// Whether every mirror was seen to serve what the store serves, since the last wait.
    pub mirrored: bool,
    /// Whether this run took part in a rotation whose served token it has not yet seen connect.
    pub is_unproved: bool,
    /// What this process proved before.
    pub evidence: &'a Evidence,
    /// What was asked for.
    pub request: Request,
}

/// Why a replacement is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is served yet.
    First,
    /// Nothing is served there, and tokens of the credential live elsewhere: the secret was moved, deleted or lost.
    Vacant,
    /// The schedule or the expiry says so.
    Due(Due),
    /// A person asked for it.
    Forced,
    /// The served token is known to others.
    Compromised,
    /// The served token is not listed and does not connect.
    Lost,
}

impl Reason {
    /// Whether the replacement cannot wait for what can: each moment counts for the consumers, or for a thief.
    pub fn is_urgent(self) -> bool {
        match self {
            Self::Due(Due::Expiring(_)) | Self::Compromised | Self::Lost => true,
            Self::First | Self::Vacant | Self::Due(Due::Scheduled(_)) | Self::Forced => false,
        }
    }
}

/// Why nothing is done until a person acts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else's token.
    #[error("the secret holds a token that pintail did not put there")]
    Unmanaged,
    /// Another token was put beside our record.
    #[error(
        "the token in the secret is not the one that its record describes: it was edited by hand"
    )]
    Edited,
    /// Another deployment's.
    #[error("the secret is managed by another pintail: owner {0}")]
    Foreign(Owner),
    /// Another account's.
    #[error("the secret serves a token of account {0}, which is not the configured one")]
    OtherAccount(AccountName),
    /// The served token is another account's, as the endpoint says.
    #[error("the served token opens account {named:?}, and not {account}")]
    WrongAccount {
        /// The configured account.
        account: AccountName,
        /// The one that it opens. The name comes from outside.
        named: String,
    },
    /// Tokens that may be in use pile up, and nothing is served.
    #[error("nothing is served, and yet {0} tokens with this credential's name are alive")]
    Strays(usize),
    /// A roll-back was asked for and there is nothing to go back to.
    #[error("there is no predecessor to serve again: {0}")]
    NoWayBack(String),
}

/// Why a predecessor that lives cannot be served again: nobody but MotherDuck has seen it since.
pub const TEXT_LOST: &str = "the store no longer has its text";

impl Refusal {
    /// What a person can do about it.
    pub fn hint(&self, credential: &CredentialName) -> String {
        match self {
            Self::Unmanaged | Self::Edited => format!(
                "to manage the token that is there: pintail adopt {credential} --token-id UUID (its ID is in: pintail status)"
            ),
            Self::Foreign(owner) => format!(
                "if {owner} no longer runs: pintail adopt {credential} --token-id UUID --take-over; else choose another path"
            ),
            Self::OtherAccount(account) => {
                format!("set username = \"{account}\" again, or give the credential another path")
            }
            Self::WrongAccount { account, named } => format!(
                "put a token of {account} there and adopt it (pintail adopt {credential} --token-id UUID), or give the credential username = {named:?}; does the endpoint name that whatever the token: `verify.postgres.identity = \"off\"`"
            ),
            Self::Strays(_) => format!(
                "find out why none of them was published; revoke those that nobody uses (pintail token list, pintail token revoke), or: pintail adopt {credential} --token-id UUID"
            ),
            Self::NoWayBack(why) if why == TEXT_LOST => format!(
                "both tokens stay valid: when the consumers are healthy, pintail rotate-now {credential} goes on; if the \
                 new one is no good, put the old one's text into the secret by hand, and: pintail adopt {credential} \
                 --token-id UUID"
            ),
            Self::NoWayBack(_) => format!("for a fresh token: pintail rotate-now {credential}"),
        }
    }
}

/// What keeps a rotation from going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A mirror does not serve what the store serves.
    Mirror,
    /// The deploy hook fails.
    Deploy,
    /// The consumers are not healthy.
    Gate,
    /// The served token does not connect.
    Verify,
    /// The endpoint does not check tokens: revoked ones went on connecting.
    EndpointNotChecking,
    /// The clocks, or the times of the served token, disagree.
    Clock,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    /// The next try of a step, or the end of a waiting gate.
    Stage(Stage),
    /// A second list, to see whether the served token is missing there too.
    SecondList,
}

/// A decision, and the rule that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The rule's name.
    pub rule: &'static str,
    /// The step to take.
    pub step: Decision,
}

/// The one step to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// List the account's tokens: what follows rests on them.
    List,
    /// Nothing, until a person acts.
    Refuse(Refusal),
    /// Create, prove and publish a replacement; then revoke the orphans, whose publishers that write fenced off.
    Replace {
        /// Why.
        reason: Reason,
        /// What the new record lists as predecessors.
        previous: Vec<TokenId>,
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
        /// What the new record names as living elsewhere.
        elsewhere: Vec<TokenId>,
    },
    /// Bring the mirrors to what the store serves.
    Mirror,
    /// Call the deploy hook.
    Deploy,
    /// Ask whether the consumers are healthy.
    PollGate,
    /// Connect with the token as it was read.
    Verify,
    /// Mark the predecessors as retiring, then revoke them, then see the old token refused.
    Seal {
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
    },
    /// Revoke predecessors that were marked as retiring before.
    Revoke(Vec<TokenId>),
    /// Try whether a token that was revoked is refused by now.
    Confirm,
    /// Serve this predecessor again.
    RollBack(TokenId),
    /// Write the record unchanged, to fence off the orphans' publishers, unless that has happened before; then revoke
    /// the orphans.
    Fence {
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
    },
    /// Wait.
    Wait {
        /// Until then.
        until: Timestamp,
        /// For this.
        waiting_for: WaitingFor,
    },
    /// Leave both tokens valid and tell a person; look again at `until`.
    Hold {
        /// What is in the way.
        stage: Stage,
        /// When to look again.
        until: Timestamp,
    },
    /// Write the record without these tokens, which are gone from where they lived elsewhere.
    Forget(Vec<TokenId>),
    /// Nothing: at rest.
    Rest {
        /// When the credential is due next.
        next_due: Option<Timestamp>,
        /// The tokens that live elsewhere: a person must say what becomes of them.
        elsewhere: Vec<TokenId>,
    },
}
