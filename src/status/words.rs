//! The words that pages and metrics have for what makes rotations begin: a short, fixed list.

use serde::Serialize;

use crate::rotation::decide::Reason;
use crate::rotation::schedule::Due;

/// What made a rotation begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nothing was served.
    First,
    /// Nothing was served there, while tokens of the credential lived elsewhere.
    Vacant,
    /// A scheduled instant.
    Schedule,
    /// A near expiry.
    Expiry,
    /// A person.
    Manual,
    /// A token that is known to others.
    Compromised,
    /// A served token that was gone.
    Lost,
    /// Another run, whose reason is not known here.
    Resumed,
}

impl Origin {
    /// The origin's word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Vacant => "vacant",
            Self::Schedule => "schedule",
            Self::Expiry => "expiry",
            Self::Manual => "manual",
            Self::Compromised => "compromised",
            Self::Lost => "lost",
            Self::Resumed => "resumed",
        }
    }
}

impl From<Reason> for Origin {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::First => Self::First,
            Reason::Vacant => Self::Vacant,
            Reason::Due(Due::Scheduled(_)) => Self::Schedule,
            Reason::Due(Due::Expiring(_)) => Self::Expiry,
            Reason::Forced => Self::Manual,
            Reason::Compromised => Self::Compromised,
            Reason::Lost => Self::Lost,
        }
    }
}
