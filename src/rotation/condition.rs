//! Why a credential does not stand as it should, in one word each, as Kubernetes' conditions have them.

use serde::Serialize;

use crate::names::{CredentialName, TokenId};

/// What keeps a credential from standing as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Reason {
    /// The consumers are not healthy with the served token.
    GateNotPassed,
    /// The deploy hook fails.
    DeployFailed,
    /// A mirror does not serve the token.
    MirrorBehind,
    /// The served token does not connect.
    NotVerified,
    /// The endpoint does not check tokens: revoked ones go on connecting.
    EndpointNotChecking,
    /// Its place was empty and is filled again, while tokens that it served elsewhere may be in use.
    PlaceVacant,
    /// Its place was changed while a token in use is served in the former one, where it is kept.
    PlaceChanged,
    /// The served token opens another account, as the endpoint says.
    WrongAccount,
    /// The store acknowledged a write and does not serve what was written.
    WriteVanished,
    /// This machine's clock and MotherDuck's, or the times of a token, disagree.
    ClockDisagrees,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GateNotPassed => "GateNotPassed",
            Self::DeployFailed => "DeployFailed",
            Self::MirrorBehind => "MirrorBehind",
            Self::NotVerified => "NotVerified",
            Self::EndpointNotChecking => "EndpointNotChecking",
            Self::PlaceVacant => "PlaceVacant",
            Self::PlaceChanged => "PlaceChanged",
            Self::WrongAccount => "WrongAccount",
            Self::WriteVanished => "WriteVanished",
            Self::ClockDisagrees => "ClockDisagrees",
        }
    }
}

/// What is said of a credential whose record names `elsewhere`, or whose place is empty while they live; and what to do.
pub fn place_vacant(elsewhere: &[TokenId], credential: &CredentialName) -> (String, String) {
    let tokens = elsewhere.iter().map(TokenId::to_string).collect::<Vec<_>>().join(", ");
    (
        format!(
            "tokens of this credential live that its secret does not serve, and consumers may use them: {tokens}; was the secret moved, deleted or restored?"
        ),
        format!(
            "if it was moved, put the old place back, or name it as a mirror; if nobody uses these tokens any more: pintail rotate-now {credential} --give-up-old-place"
        ),
    )
}
