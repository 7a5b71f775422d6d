//! Why a credential does not stand as it should, in one word each, as Kubernetes' conditions have them.

use serde::Serialize;

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
    /// Its place was empty and is filled again, while tokens that it served elsewhere may be in use.
    PlaceVacant,
    /// The store acknowledged a write and does not serve what was written.
    WriteVanished,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GateNotPassed => "GateNotPassed",
            Self::DeployFailed => "DeployFailed",
            Self::MirrorBehind => "MirrorBehind",
            Self::NotVerified => "NotVerified",
            Self::PlaceVacant => "PlaceVacant",
            Self::WriteVanished => "WriteVanished",
        }
    }
}
