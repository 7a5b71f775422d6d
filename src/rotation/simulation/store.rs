//! The stores of the simulated world, each with the steps that its real one takes for a publication.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::ground::TOKEN_KEY;
use crate::names::TokenName;
use crate::record::{Phase, Record, Slot, UserKeys, decode};
use crate::rotation::world::Version;
use crate::secret::Token;

/// How a publication is made one compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// One request that names the version it expects: Vault.
    CheckAndSet,
    /// A version put under a label of ours, then `AWSCURRENT` moved from the version that was read: Secrets Manager.
    Labels,
    /// A lock, a look, a rename: files.
    LockAndRename,
}

/// One version of the secret.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    /// What is kept there: the token, the record, and the user's own keys.
    pub(super) object: Map<String, Value>,
    /// The record, as it was written.
    pub(super) record: Record,
    /// The token's text, as consumers read it.
    pub(super) text: String,
    /// What the shipping record logic makes of the object, worked out once per version.
    pub(super) sight: Sight,
    pub(super) others: UserKeys,
}

/// What stands in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Vacant,
    Edited,
    Managed,
}

impl Stored {
    pub(super) fn new(
        id: String,
        object: Map<String, Value>,
        record: Record,
        text: String,
    ) -> Self {
        let (slot, others) = decode(object.clone(), TOKEN_KEY).unwrap();
        let sight = match slot {
            Slot::Vacant => Sight::Vacant,
            Slot::Managed { record: read, .. } => {
                assert_eq!(*read, record, "a record is read as it was written");
                Sight::Managed
            }
            Slot::Unmanaged { .. } | Slot::Edited { .. } => Sight::Edited,
        };
        Self { id, object, record, text, sight, others }
    }

    pub(super) fn slot(&self) -> Slot {
        let record = Box::new(self.record.clone());
        match self.sight {
            Sight::Vacant => Slot::Vacant,
            Sight::Edited => Slot::Edited { record, token: Token::new(&self.text).ok() },
            Sight::Managed => Slot::Managed { record, token: Token::new(&self.text).unwrap() },
        }
    }
}

/// A request to the store.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// Write, if the current version is still that one.
    Set { expected: Version, value: Box<Stored> },
    /// Create the secret with this first version.
    Create(Box<Stored>),
    /// Put a version that is not current.
    Put(Box<Stored>),
    /// Make `to` current, if `from` still is.
    Move { from: String, to: String },
}

/// What the store did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// As asked; another version may be current now.
    Done,
    /// The version that was expected is not current.
    Conflict,
    /// It is there already, with another content.
    Exists,
}

pub(super) struct Store {
    pub(super) protocol: Protocol,
    pub(super) versions: Vec<Stored>,
    current: Option<usize>,
    /// The versions that were ever current.
    was_current: BTreeSet<String>,
    /// Who holds the lock.
    pub(super) lock: Option<usize>,
    serial: u64,
}

impl Store {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            versions: vec![],
            current: None,
            was_current: BTreeSet::new(),
            lock: None,
            serial: 0,
        }
    }

    pub(super) fn served(&self) -> Option<&Stored> {
        self.versions.get(self.current?)
    }

    pub(super) fn version(&self) -> Version {
        self.served().map_or_else(Version::absent, |stored| Version::new(&stored.id))
    }

    /// The name of a fresh version. As the shipping store has it: a replacement that is served for the first time
    /// goes by its token's ID.
    pub(super) fn fresh_id(&mut self, over: &Slot, record: &Record) -> String {
        self.serial += 1;
        let first = TokenName::parse(&record.token_name)
            .is_some_and(|name| name.rotation == record.rotation_id)
            && record.phase == Phase::Published
            && match over {
                Slot::Vacant => true,
                Slot::Managed { record: served, .. } => served.token_id != record.token_id,
                Slot::Unmanaged { .. } | Slot::Edited { .. } => false,
            };
        match self.protocol {
            Protocol::Labels if first => record.token_id.to_string(),
            Protocol::Labels => Uuid::from_u64_pair(0x4000, self.serial).to_string(),
            Protocol::CheckAndSet | Protocol::LockAndRename => self.serial.to_string(),
        }
    }

    pub(super) fn apply(&mut self, request: Request) -> Answer {
        match request {
            Request::Set { expected, value } if self.version() == expected => {
                self.versions.push(*value);
                self.current = Some(self.versions.len() - 1);
                Answer::Done
            }
            Request::Set { .. } => Answer::Conflict,
            Request::Create(_) if !self.versions.is_empty() => Answer::Exists,
            Request::Create(value) => {
                self.versions.push(*value);
                self.current = Some(0);
                Answer::Done
            }
            Request::Put(value) => match self.versions.iter().find(|v| v.id == value.id) {
                Some(known) if known.object == value.object => Answer::Done,
                Some(_) => Answer::Exists,
                None => {
                    self.versions.push(*value);
                    Answer::Done
                }
            },
            Request::Move { from, to } => {
                let target = self.versions.iter().position(|v| v.id == to);
                if target.is_some() && self.served().is_some_and(|served| served.id == from) {
                    self.current = target;
                    Answer::Done
                } else {
                    Answer::Conflict
                }
            }
        }
    }

    /// Notes the current version; `false` if it was current before and then was not.
    pub(super) fn note_current(&mut self, before: &Version) -> bool {
        let now = self.version();
        now == *before || now.is_absent() || self.was_current.insert(now.as_str().to_owned())
    }

    /// A person writes: a new version with what `change` makes of the current one; nothing, if it makes nothing.
    pub(super) fn overwrite(&mut self, change: impl FnOnce(&mut Stored)) {
        self.serial += 1;
        if let Some(mut stored) = self.served().cloned() {
            stored.id = format!("by-hand-{}", self.serial);
            change(&mut stored);
            let Stored { id, object, record, text, .. } = stored;
            self.versions.push(Stored::new(id, object, record, text));
            self.current = Some(self.versions.len() - 1);
        }
    }
}
