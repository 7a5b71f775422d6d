//! Why a credential stands as it does, in one word each, as Kubernetes' conditions have them. The list is closed, and
//! the manual's table of reasons is checked against it.

use serde::{Deserialize, Serialize};

use crate::names::CredentialName;
use crate::rotation::decide::Refusal;
use crate::rotation::step_log::Step;

/// How much a reason matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody needs to do anything.
    Normal,
    /// It may pass by itself, and should be looked at if it lasts.
    Warning,
    /// A person must act.
    Critical,
}

impl Severity {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One entry for each reason: its word, its severity, what it means, and what to do. `NAME` stands for the credential.
macro_rules! reasons {
    ($($word:ident: $severity:ident, $meaning:literal, $hint:literal;)*) => {
        /// Why a credential stands as it does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $meaning] $word,)*
        }

        impl Reason {
            /// All of them, in the order of the manual's table.
            pub const ALL: &[Self] = &[$(Self::$word),*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)* }
            }

            /// How much it matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$word => Severity::$severity,)* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$word => $meaning,)* }
            }

            /// What to do about it, for any credential: `NAME` stands for its name.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$word => $hint,)* }
            }
        }
    };
}

reasons! {
    NotLookedAt: Normal, "it was not looked at since the start",
        "nothing: it is looked at in a moment";
    NothingServed: Normal, "nothing is served yet",
        "nothing: the daemon makes the first token; at once: pintail rotate-now NAME";
    ScheduleDue: Normal, "the schedule asks for a rotation",
        "nothing: the daemon rotates it; at once: pintail rotate-now --due NAME";
    ExpiryNear: Normal, "the served token is nearer to its expiry than `renew_before`",
        "nothing: the daemon rotates it; at once: pintail rotate-now --due NAME";
    RotationUnderWay: Normal, "a rotation is under way",
        "nothing: it goes on by itself";
    PredecessorsRetiring: Normal, "the predecessors are marked as retiring, and about to be revoked",
        "nothing: the daemon, or pintail rotate-now --due NAME, revokes them";
    Stopped: Normal, "pintail was stopped before the rotation was finished",
        "nothing is lost: the next run goes on where this one stopped";
    Paused: Normal, "it is paused: nothing is begun until a person asks",
        "set `paused = false` to let it rotate again; once: pintail rotate-now NAME";
    PausedByHand: Normal, "somebody paused it: nothing is begun until that ends, or a person asks",
        "to let it rotate again: pintail resume NAME; once: pintail rotate-now NAME";
    StoreUnreachable: Warning, "the secret cannot be read",
        "look at the store, and at pintail's right to read there: pintail check; what is served still works";
    TokensNotListed: Warning, "the account's tokens cannot be listed",
        "look at MotherDuck's own status and at the admin token: pintail check; what is served still works";
    TokenNotCreated: Warning, "no replacement could be created",
        "look at the store and at MotherDuck: pintail check; the old token is untouched";
    PreflightFailed: Warning, "the new token does not connect, and was not published",
        "look at the endpoint: pintail check; the old token is untouched";
    PublishFailed: Warning, "the new token could not be written into the store",
        "look at the store, and at pintail's right to write there: pintail check; what is served still works";
    WriteVanished: Warning, "the store acknowledged a write and does not serve what was written",
        "find out who removes it, or whether another server answers the reads; the next run tries again";
    MirrorBehind: Warning, "a mirror does not serve the token",
        "mend the mirror; all tokens stay valid, and the next run goes on from here";
    DeployFailed: Warning, "the deploy hook fails",
        "mend the hook; both tokens stay valid, and the next run goes on from here";
    GateNotPassed: Warning, "the consumers are not healthy with the new token",
        "look at the consumers; both tokens stay valid. When they are healthy the next run goes on; pintail roll-back NAME serves the old token again, if the store still has it (pintail check tells)";
    NotVerified: Warning, "the served token does not connect",
        "look at the endpoint and the account; no token was revoked, and the next run tries again";
    SealFailed: Warning, "the predecessors could not be marked as retiring",
        "look at the store, and at pintail's right to write there: pintail check; both tokens stay valid";
    RevokeFailed: Warning, "a token could not be revoked",
        "look at MotherDuck's own status and at the admin token: pintail check; what is served still works";
    EndpointNotChecking: Critical, "the endpoint does not check tokens: revoked ones go on connecting",
        "is motherduck.postgres.host MotherDuck's own host? Scheduled rotations wait until a revoked token is seen refused; an expiry, a loss or a leak does not, nor does: pintail rotate-now NAME";
    PredecessorServed: Critical, "the predecessor is served again; the newer token lives until the consumers are healthy",
        "find out what was wrong with the newer token's rotation; when that is mended: pintail rotate-now NAME";
    ClockDisagrees: Warning, "this machine's clock and MotherDuck's, or the times of a token, disagree",
        "set this machine's clock, by NTP for example; if it is right, find out what answers in MotherDuck's place with another Date, and whether MotherDuck grants the configured ttl. Until then a token is replaced when either clock says that it nears its end, once an hour at most, and scheduled rotations wait";
    PlaceVacant: Critical, "its place is empty or was filled again, while tokens that it served elsewhere may be in use",
        "if it was moved, put the old place back, or name it as a mirror; if nobody uses these tokens any more: pintail rotate-now NAME --give-up-old-place";
    PlaceChanged: Critical, "its place was changed while a token in use is served in the former one, where it is kept",
        "name the former place as a mirror until nobody reads it, or take the change back";
    MirrorEdited: Critical, "a mirror holds a token that pintail did not put there",
        "if no consumer needs that token, remove it from the mirror, which is then written again; else put the served token there";
    TokenMissing: Critical, "MotherDuck does not list the served token",
        "if it stays so: pintail rotate-now NAME";
    TokenExpired: Critical, "the served token has expired",
        "pintail rotate-now NAME; does the daemon run?";
    PausedNearExpiry: Critical, "it is paused, and its token is not replaced before it expires",
        "set `paused = false`, or: pintail rotate-now NAME";
    NotManaged: Critical, "the secret holds a token that pintail did not put there",
        "to manage the token that is there: pintail adopt NAME --token-id UUID (its ID is in: pintail status)";
    EditedByHand: Critical, "the token in the secret is not the one that its record describes",
        "to manage the token that is there: pintail adopt NAME --token-id UUID (its ID is in: pintail status)";
    OwnedByAnother: Critical, "the secret is managed by another pintail",
        "if that owner no longer runs: pintail adopt NAME --token-id UUID --take-over; else choose another path";
    WrongUsername: Critical, "the secret serves a token of an account that is not the configured one",
        "set `username` as it was again, or give the credential another path";
    WrongAccount: Critical, "the served token opens another account, as the endpoint says",
        "put a token of the configured account there and adopt it: pintail adopt NAME --token-id UUID; does the endpoint name that whatever the token: `verify.postgres.identity = \"off\"`";
    TooManyTokens: Critical, "nothing is served, and yet many tokens with the credential's name are alive",
        "find out why none of them was published; revoke those that nobody uses (pintail token list, pintail token revoke), or: pintail adopt NAME --token-id UUID";
    NoPredecessor: Critical, "a roll-back was asked for, and there is no predecessor to serve again",
        "for a fresh token: pintail rotate-now NAME";
    Panicked: Critical, "the run ended by a fault in pintail",
        "the log says where; please report it. Another run goes on where this one stopped";
}

impl Reason {
    /// What to do about it for `credential`.
    pub fn hint(self, credential: &CredentialName) -> String {
        self.advice().replace("NAME", credential.as_str())
    }

    /// Why nothing is done until a person acts.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Unmanaged => Self::NotManaged,
            Refusal::Edited => Self::EditedByHand,
            Refusal::Foreign(_) => Self::OwnedByAnother,
            Refusal::OtherAccount(_) => Self::WrongUsername,
            Refusal::WrongAccount { .. } => Self::WrongAccount,
            Refusal::Strays(_) => Self::TooManyTokens,
            Refusal::NoWayBack(_) => Self::NoPredecessor,
        }
    }

    /// Why a run ended whose try of `step` failed.
    pub fn of_step(step: Step) -> Self {
        match step {
            Step::Create => Self::TokenNotCreated,
            Step::Preflight => Self::PreflightFailed,
            Step::Publish => Self::PublishFailed,
            Step::Mirror => Self::MirrorBehind,
            Step::Deploy => Self::DeployFailed,
            Step::Gate => Self::GateNotPassed,
            Step::Verify => Self::NotVerified,
            Step::Seal => Self::SealFailed,
            Step::Revoke => Self::RevokeFailed,
            Step::Confirm => Self::EndpointNotChecking,
        }
    }
}
