//! What sinks are told of.

use jiff::Timestamp;
use uuid::Uuid;

use super::settings::EventKind;
use crate::names::Owner;
use crate::rotation::time::Time;
use crate::status::{CredentialStatus, Snapshot};

/// Something that a person should know.
#[derive(Debug, Clone)]
pub struct Event {
    /// The same each time that it is sent.
    pub id: Uuid,
    /// When it was noticed.
    pub at: Timestamp,
    /// The deployment.
    pub owner: Owner,
    /// What it is about.
    pub notification: Notification,
}

/// What an event is about.
#[derive(Debug, Clone)]
pub enum Notification {
    /// A credential.
    Credential {
        /// Which of its occasions.
        kind: EventKind,
        /// The credential as it stands.
        member: Box<CredentialStatus>,
        /// Whether it lasts since it was last told.
        is_repeated: bool,
    },
    /// Tokens of an account that nobody manages.
    Unmanaged {
        /// The account.
        account: String,
        /// How many there are.
        count: usize,
        /// Whether it lasts since it was last told.
        is_repeated: bool,
    },
    /// Clocks that disagree.
    Clocks {
        /// What they say.
        time: Time,
        /// Whether it lasts since it was last told.
        is_repeated: bool,
    },
    /// Nothing: a person tries whether it arrives.
    Test {
        /// The sink.
        sink: String,
    },
}

impl Event {
    /// News of `snapshot`'s instant.
    pub(super) fn new(snapshot: &Snapshot, notification: Notification) -> Self {
        Self { id: Uuid::now_v7(), at: snapshot.at, owner: snapshot.owner.clone(), notification }
    }

    /// A test for `sink`.
    pub(super) fn test(owner: &Owner, sink: &str) -> Self {
        let notification = Notification::Test { sink: sink.to_owned() };
        Self { id: Uuid::now_v7(), at: Timestamp::now(), owner: owner.clone(), notification }
    }
}

impl Notification {
    /// The event's word in metrics and bodies.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Credential { kind, .. } => kind.as_str(),
            Self::Unmanaged { .. } => EventKind::Unmanaged.as_str(),
            Self::Clocks { .. } => EventKind::ClockDisagrees.as_str(),
            Self::Test { .. } => "test",
        }
    }
}
