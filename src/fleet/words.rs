//! The words that pages and metrics have for states and for what makes rotations begin: short, fixed lists.

use serde::Serialize;

use crate::rotation::decide::Reason;
use crate::rotation::schedule::Due;

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing will get better until a person acts.
    Stuck,
    /// Both tokens stay valid until the consumers, the hook or the proof are well again.
    Held,
    /// Something does not work that may pass by itself.
    Failing,
    /// It is looked after as before: what is configured now would leave consumers with tokens that nobody keeps.
    Blocked,
    /// The predecessor is served again, and its replacement lives.
    RolledBack,
    /// A rotation is under way.
    InProgress,
    /// To be rotated now.
    Due,
    /// Not looked at since the start.
    Unknown,
    /// At rest, and nothing is begun until a person asks, whatever the schedule or the expiry says.
    Paused,
    /// At rest, and not due.
    Fresh,
}

impl State {
    /// All of them, the worst first.
    pub const ALL: [Self; 10] = [
        Self::Stuck,
        Self::Held,
        Self::Failing,
        Self::Blocked,
        Self::RolledBack,
        Self::InProgress,
        Self::Due,
        Self::Unknown,
        Self::Paused,
        Self::Fresh,
    ];

    /// The state's word in metrics and URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Blocked => "blocked",
            Self::RolledBack => "rolled_back",
            Self::InProgress => "in_progress",
            Self::Due => "due",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Fresh => "fresh",
        }
    }

    /// Whether somebody should look at it.
    pub fn is_trouble(self) -> bool {
        match self {
            Self::Stuck | Self::Held | Self::Failing | Self::Blocked | Self::RolledBack => true,
            Self::InProgress | Self::Due | Self::Unknown | Self::Paused | Self::Fresh => false,
        }
    }
}

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
