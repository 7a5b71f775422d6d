//! The parts of the simulated world that may be down, and what an effect meets then.

use super::ground::Fault;

/// A part of the world that may be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Store,
    /// A second place where consumers read.
    Mirror,
    /// MotherDuck's REST API as a whole.
    Rest,
    /// Its revocations alone.
    Revocations,
    /// Its Postgres endpoint.
    Connections,
    Consumers,
    /// The admin token: MotherDuck's REST API says no to it, for good.
    AdminToken,
    /// What the store allows: it says no, for good.
    StoreAccess,
}

impl Part {
    /// What an effect that needs `other` meets while this is down.
    pub(super) fn fault_at(self, other: Self) -> Option<Fault> {
        match (self, other) {
            (Self::AdminToken, Self::Rest | Self::Revocations)
            | (Self::StoreAccess, Self::Store) => Some(Fault::Deny),
            _ => (self == other).then_some(Fault::Refuse),
        }
    }
}
