//! The states of a credential: one short list for everybody who tells how it stands.

use serde::{Deserialize, Serialize};

/// How a credential stands. [`Reason`](super::Reason) says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing gets better until a person acts.
    Blocked,
    /// All tokens stay valid until the consumers, the hook, a mirror or the proof are well again.
    Held,
    /// Something does not work that may pass by itself.
    Failing,
    /// The predecessor is served again, and its replacement failed.
    RolledBack,
    /// A rotation is under way.
    Rotating,
    /// To be worked on now.
    Due,
    /// Not seen: not looked at since the start, or not readable.
    Unknown,
    /// At rest, and nothing is begun until a person asks, whatever the schedule or the expiry says.
    Paused,
    /// At rest, and not due.
    Fresh,
}

impl State {
    /// All of them, the worst first.
    pub const ALL: [Self; 9] = [
        Self::Blocked,
        Self::Held,
        Self::Failing,
        Self::RolledBack,
        Self::Rotating,
        Self::Due,
        Self::Unknown,
        Self::Paused,
        Self::Fresh,
    ];

    /// The state's word, in metrics, documents and URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::RolledBack => "rolled_back",
            Self::Rotating => "rotating",
            Self::Due => "due",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Fresh => "fresh",
        }
    }

    /// The same as people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled back",
            Self::Blocked
            | Self::Held
            | Self::Failing
            | Self::Rotating
            | Self::Due
            | Self::Unknown
            | Self::Paused
            | Self::Fresh => self.as_str(),
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Blocked => "nothing gets better until a person acts",
            Self::Held => {
                "all tokens stay valid until the consumers, the hook, a mirror or the proof are well again"
            }
            Self::Failing => "something does not work that may pass by itself",
            Self::RolledBack => "the predecessor is served again, and its replacement failed",
            Self::Rotating => "a rotation is under way",
            Self::Due => "it is to be worked on now",
            Self::Unknown => "it was not looked at since the start, or cannot be read",
            Self::Paused => {
                "nothing is begun until a person asks, whatever the schedule or the expiry says"
            }
            Self::Fresh => "at rest, and not due",
        }
    }

    /// What pintail does next.
    pub fn outlook(self) -> &'static str {
        match self {
            Self::Blocked => "nothing until somebody acts",
            Self::Held => {
                "both tokens stay valid, and the rotation goes on by itself when all is well"
            }
            Self::Failing => "it is tried again; what is served is not touched",
            Self::RolledBack => {
                "the old token is served again, and the newer one lives until the consumers are healthy"
            }
            Self::Rotating => "the rotation goes on by itself",
            Self::Due => "the next look works on it",
            Self::Unknown => "it is looked at again",
            Self::Paused => "nothing until a person asks",
            Self::Fresh => "nothing until the next rotation",
        }
    }

    /// Whether somebody should look at it.
    pub fn is_problem(self) -> bool {
        match self {
            Self::Blocked | Self::Held | Self::Failing | Self::RolledBack => true,
            Self::Rotating | Self::Due | Self::Unknown | Self::Paused | Self::Fresh => false,
        }
    }
}
