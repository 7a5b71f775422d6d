//! The stores of the simulated world, each with the steps that its real one takes for a publication.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::ground::FIELDS;
use crate::record::{Object, Record, SecretContent, UserKeys, decode};
use crate::rotation::world::Version;
use crate::secret::Token;
use crate::stores::judgement::{Edition, VersionName};

/// How a publication is made one compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// One request that names the version it expects: Vault.
    CheckAndSet,
    /// A version put under a label of ours, then `AWSCURRENT` moved from the version that was read: Secrets Manager.
    Labels,
    /// A lock, a look, a rename: files.
    LockAndRename,
    /// The replaced token put aside, a secret made without a token where there is none, then one request that names
    /// the object and the version it expects: Kubernetes.
    Editions,
}

/// One version of the secret.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) id: String,
    /// What is kept there: the token, the record, and the user's own keys.
    pub(super) object: Object,
    /// The record, as it was written.
    pub(super) record: Record,
    /// The token's text, as consumers read it.
    pub(super) text: String,
    /// What the shipping record logic makes of the object, worked out once per version.
    pub(super) content: Content,
    pub(super) others: UserKeys,
}

/// What stands in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Vacant,
    Edited,
    Managed,
}

impl Stored {
    /// A version that has no ID yet.
    pub(super) fn new(object: Object, record: Record, text: String) -> Self {
        let (content, others) = decode(object.clone(), FIELDS).unwrap();
        let content = match content {
            SecretContent::Vacant => Content::Vacant,
            SecretContent::Managed { record: read, .. } => {
                assert_eq!(*read, record, "a record is read as it was written");
                Content::Managed
            }
            SecretContent::Unmanaged { .. } | SecretContent::Edited { .. } => Content::Edited,
        };
        Self { id: String::new(), object, record, text, content, others }
    }

    pub(super) fn content(&self) -> SecretContent {
        let record = Box::new(self.record.clone());
        match self.content {
            Content::Vacant => SecretContent::Vacant,
            Content::Edited => SecretContent::Edited { record, token: Token::new(&self.text).ok() },
            Content::Managed => {
                SecretContent::Managed { record, token: Token::new(&self.text).unwrap() }
            }
        }
    }
}

/// A request to the store.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// Vault: write, if the number of the current version is still this.
    Set { cas: u32, value: Box<Stored> },
    /// Secrets Manager: create the secret with this first version.
    Create(Box<Stored>),
    /// Secrets Manager: put a version that is not current.
    Put(Box<Stored>),
    /// Secrets Manager: make `to` current, if `from` still is.
    Move { from: Option<String>, to: String },
    /// Files: switch to this version, whatever is current.
    Switch(Box<Stored>),
    /// Kubernetes: put this token aside.
    Keep(Box<Stored>),
    /// Kubernetes: make the secret, without a token.
    Make,
    /// Kubernetes: write, if the secret is still this object at this version.
    Patch { over: String, value: Box<Stored> },
}

/// What the store did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// As asked; another version may be current now.
    Done,
    /// As asked, and the version that was put is the current one.
    IsCurrent,
    /// The version that was expected is not current.
    Conflict,
    /// It is there already, with another content.
    Exists,
    /// There is no such secret.
    Missing,
}

pub(super) struct Store {
    pub(super) protocol: Protocol,
    pub(super) versions: Vec<Stored>,
    current: Option<usize>,
    /// The secret was made without a value, by Terraform for instance.
    pub(super) is_made: bool,
    /// The version of a secret that was made and has no token yet.
    made: Option<String>,
    /// What was put aside.
    pub(super) kept: Vec<Stored>,
    /// How many times anything was written.
    writes: usize,
    /// The versions that were ever current.
    was_current: BTreeSet<String>,
    /// The versions of the stores before, which were lost.
    lost: Vec<String>,
    /// Who holds the lock.
    pub(super) lock: Option<usize>,
}

impl Store {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            versions: vec![],
            current: None,
            is_made: false,
            made: None,
            kept: vec![],
            writes: 0,
            was_current: BTreeSet::new(),
            lost: vec![],
            lock: None,
        }
    }

    pub(super) fn served(&self) -> Option<&Stored> {
        self.versions.get(self.current?)
    }

    pub(super) fn version(&self) -> Version {
        let served = self.served().map(|stored| &stored.id);
        served.or(self.made.as_ref()).map_or_else(Version::absent, Version::new)
    }

    /// A fresh ID, as the store itself gives them out.
    pub(super) fn fresh_id(&self) -> String {
        match self.protocol {
            Protocol::CheckAndSet => (self.lost.len() + self.versions.len() + 1).to_string(),
            Protocol::Labels => Uuid::new_v4().to_string(),
            Protocol::LockAndRename => {
                let names = self.versions.iter().map(|stored| &stored.id).chain(&self.lost);
                let taken: Vec<_> = names.filter_map(|name| VersionName::parse(name)).collect();
                VersionName::above(&taken).to_string()
            }
            Protocol::Editions => {
                let resource_version = self.writes.to_string();
                let uid = Edition::parse(&self.version())
                    .map_or_else(|| Uuid::new_v4().to_string(), |edition| edition.uid);
                Edition { uid, resource_version }.version().as_str().to_owned()
            }
        }
    }

    fn make_current(&mut self, value: Stored) {
        self.versions.push(value);
        self.current = Some(self.versions.len() - 1);
        self.made = None;
    }

    pub(super) fn apply(&mut self, request: Request) -> Answer {
        self.writes += 1;
        match request {
            Request::Set { cas, .. } if self.version() != number(cas) => Answer::Conflict,
            Request::Set { value, .. } | Request::Switch(value) => {
                let id = if value.id.is_empty() { self.fresh_id() } else { value.id.clone() };
                self.make_current(Stored { id, ..*value });
                Answer::Done
            }
            Request::Keep(value) => {
                self.kept.push(*value);
                Answer::Done
            }
            Request::Make if !self.version().is_absent() => Answer::Exists,
            Request::Make => {
                self.made = Some(self.fresh_id());
                Answer::Done
            }
            Request::Patch { over, .. } if self.version().as_str() != over => Answer::Conflict,
            Request::Patch { value, .. } => {
                self.make_current(Stored { id: self.fresh_id(), ..*value });
                Answer::Done
            }
            Request::Create(_) if self.is_made || !self.versions.is_empty() => Answer::Exists,
            Request::Create(value) => {
                self.make_current(*value);
                Answer::Done
            }
            Request::Put(value) => {
                let is_current = self.served().is_some_and(|served| served.id == value.id);
                match self.versions.iter().find(|v| v.id == value.id) {
                    Some(known) if known.object != value.object => Answer::Exists,
                    Some(_) if is_current => Answer::IsCurrent,
                    Some(_) => Answer::Done,
                    None if self.versions.is_empty() && !self.is_made => Answer::Missing,
                    None if self.versions.is_empty() => {
                        self.make_current(*value);
                        Answer::IsCurrent
                    }
                    None => {
                        self.versions.push(*value);
                        Answer::Done
                    }
                }
            }
            Request::Move { from, to } => {
                let target = self.versions.iter().position(|v| v.id == to);
                if target.is_some() && self.served().map(|served| &served.id) == from.as_ref() {
                    self.current = target;
                    Answer::Done
                } else {
                    Answer::Conflict
                }
            }
        }
    }

    /// Whether it was ever current.
    pub(super) fn was_current(&self, stored: &Stored) -> bool {
        self.was_current.contains(&stored.id)
    }

    /// Notes the current version; `false` if it was current before and then was not.
    pub(super) fn note_current(&mut self, before: &Version) -> bool {
        let now = self.version();
        now == *before || now.is_absent() || self.was_current.insert(now.as_str().to_owned())
    }

    /// A person writes: a new version with what `change` makes of the current one; nothing, if it makes nothing.
    pub(super) fn overwrite(&mut self, change: impl FnOnce(&mut Stored)) {
        self.writes += 1;
        if let Some(mut stored) = self.served().cloned() {
            change(&mut stored);
            let Stored { object, record, text, .. } = stored;
            self.make_current(Stored { id: self.fresh_id(), ..Stored::new(object, record, text) });
        }
    }
}

impl Store {
    /// The store is made anew, empty. Its versions go on from where they were: what follows where a version is used
    /// twice cannot be promised, since a write can compare nothing but versions.
    pub(super) fn lose(&mut self) {
        let mut lost = std::mem::take(&mut self.lost);
        lost.extend(self.versions.iter().map(|stored| stored.id.clone()));
        *self = Self { lost, writes: self.writes, ..Self::new(self.protocol) };
    }

    /// A person deletes the secret. Where that leaves a version behind, it is one without a token.
    pub(super) fn delete(&mut self, emptied: impl FnOnce(&mut Stored)) {
        match self.protocol {
            Protocol::Editions => (self.current, self.made) = (None, None),
            Protocol::CheckAndSet | Protocol::Labels | Protocol::LockAndRename => {
                self.overwrite(emptied);
            }
        }
    }
}

/// The version that Vault knows by this number.
fn number(cas: u32) -> Version {
    if cas == 0 { Version::absent() } else { Version::new(cas) }
}
