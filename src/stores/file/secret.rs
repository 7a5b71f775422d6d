//! One secret of the file store: reading it, and the compare-and-set switch under a lock.

use std::fs::TryLockError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Settings;
use super::contents::{Files, NAMES, RECORD, TOKEN};
use super::directory::{Directory, Entry};
use super::error::FileError;
use super::version::{Unswitched, VersionName, failed_switch, leftovers, outdated};
use crate::names::TokenId;
use crate::record::{Object, Record};
use crate::rotation::world::{Reading, Version};
use crate::secret::Token;
use crate::stores::{PublishError, SecretRef, StoreError, Template, object, reading, served};

const DATA: &str = "..data";
const LOCK: &str = "..lock";
/// How long to wait for another writer, who needs a few milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// One secret, worked on by blocking calls.
pub(super) struct Secret {
    pub(super) settings: Arc<Settings>,
    pub(super) at: SecretRef,
}

/// The token's and the record's file.
type Pair = (Option<Zeroizing<Vec<u8>>>, Option<Zeroizing<Vec<u8>>>);

/// What is served, and by which way.
struct State {
    /// Where `..data` leads.
    current: Option<VersionName>,
    /// Plain files that a person put in place of the links: consumers read them, so we do.
    bare: Bare,
}

#[derive(Default)]
struct Bare {
    token: Option<Zeroizing<Vec<u8>>>,
    record: Option<Zeroizing<Vec<u8>>>,
}

impl Bare {
    fn is_none(&self) -> bool {
        self.token.is_none() && self.record.is_none()
    }

    /// The digest of both files: what a person writes by hand has no other version.
    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for file in [&self.token, &self.record] {
            let bytes = file.as_ref().map_or(&[] as &[u8], |bytes| bytes);
            digest.update([u8::from(file.is_some())]);
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
        }
        hex::encode(digest.finalize())
    }
}

impl State {
    fn version(&self) -> Version {
        let current = self.current.as_ref().map(ToString::to_string).unwrap_or_default();
        if self.bare.is_none() {
            return Version::new(current);
        }
        Version::new(format!("{current}+{}", self.bare.digest()))
    }
}

impl Secret {
    pub(super) fn read(&self) -> Result<Reading, StoreError> {
        let Some(directory) = self.directory()? else {
            return reading(&self.at, Version::absent(), Object::default());
        };
        // A version may be pruned between finding and reading it, if two newer ones are written meanwhile.
        for _ in 0..5 {
            let state = state(&directory)?;
            if let Some(object) = self.version(&directory, &state)? {
                return reading(&self.at, state.version(), object);
            }
        }
        Err(FileError::Restless { path: directory.path().to_owned() }.into())
    }

    /// Writes, puts on disk and removes a file of some size where the next version would be.
    pub(super) fn ensure_writable(&self) -> Result<(), FileError> {
        let mut directory = Directory::root_or_make(&self.settings.dir, self.settings.access)?;
        let mut is_there = true;
        for name in self.parts()? {
            let Some(next) = directory.enter(name)? else {
                is_there = false;
                break;
            };
            directory = next;
        }
        if is_there {
            self.refuse_users_files(&directory)?;
        }
        let name = format!("..probe-{}", Uuid::new_v4());
        let written = directory.write(&name, &[b'.'; 8192], self.settings.access);
        let removed = directory.remove_file(&name);
        written.and(removed)
    }

    /// Writes `files` over the version `over`. However many versions are kept, a text of the `needed` tokens is: what
    /// was written since without another token is no reason to forget the way back.
    pub(super) fn publish(
        &self,
        over: &Version,
        files: &Files,
        needed: &[TokenId],
    ) -> Result<(), PublishError> {
        let refused = |error: FileError| PublishError::Refused(error.into());
        let directory = self.directory_or_make().map_err(refused)?;
        let lock = lock(&directory).map_err(refused)?;
        self.refuse_users_files(&directory).map_err(refused)?;
        let state = state(&directory).map_err(refused)?;
        if state.version() != *over {
            return Err(PublishError::Conflict);
        }
        let existing = versions(&directory).map_err(refused)?;
        for name in leftovers(&existing, state.current.as_ref()) {
            discard(&directory, name);
        }
        let mut next = VersionName::above(&existing);
        if !state.bare.is_none() {
            self.import(&directory, &state, &next).map_err(refused)?;
            next = VersionName::above([&next]);
        }
        self.stage(&directory, &next, files).map_err(refused)?;
        if let Err(error) =
            self.links(&directory).and_then(|()| directory.point(DATA, &next.to_string()))
        {
            return Err(match failed_switch(&current(&directory), &next) {
                Unswitched::Unknown => PublishError::Unknown(error.into()),
                Unswitched::Refused => {
                    discard(&directory, &next);
                    refused(error)
                }
            });
        }
        directory.sync().map_err(|error| PublishError::Unknown(error.into()))?;
        self.unlink_what_leads_nowhere(&directory);
        if let Ok(existing) = versions(&directory) {
            let outdated = outdated(&existing, &next, self.settings.keep_versions);
            for name in
                outdated.into_iter().filter(|name| !self.is_way_back(&directory, name, needed))
            {
                discard(&directory, name);
            }
        }
        drop(lock);
        Ok(())
    }

    fn is_way_back(&self, directory: &Directory, name: &VersionName, needed: &[TokenId]) -> bool {
        let state = State { current: Some(name.clone()), bare: Bare::default() };
        !needed.is_empty()
            && self.version(directory, &state).ok().flatten().is_some_and(|object| {
                needed.iter().any(|id| served(object.clone(), &self.at, *id).is_some())
            })
    }

    pub(super) fn recall(&self, id: TokenId) -> Result<Option<(Record, Token)>, StoreError> {
        let Some(directory) = self.directory()? else { return Ok(None) };
        let state = state(&directory)?;
        let Some(current) = state.current else { return Ok(None) };
        // What a person puts in place of the links is newer than what they lead to.
        let is_current_older = !state.bare.is_none();
        let mut older = versions(&directory)?;
        older.retain(|name| *name < current || is_current_older && *name == current);
        older.sort_unstable_by(|a, b| b.cmp(a));
        for name in older {
            let state = State { current: Some(name), bare: Bare::default() };
            let object = self.version(&directory, &state)?;
            if let Some(found) = object.and_then(|object| served(object, &self.at, id)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Makes a version of what a person put in place of the links, and the links whole again. At every moment
    /// consumers read the same text, so that a later switch of `..data` is the only change that they see.
    fn import(
        &self,
        directory: &Directory,
        state: &State,
        name: &VersionName,
    ) -> Result<(), FileError> {
        let (token, record) = Self::files(directory, state)?.unwrap_or_default();
        let Settings { templates, .. } = &*self.settings;
        let files = Files::imported(token, record, &self.at.token_field, templates);
        self.stage(directory, name, &files)?;
        directory.point(DATA, &name.to_string())?;
        directory.sync()?;
        self.links(directory)
    }

    /// Writes a whole version beside the others; if that fails, no half of it stays.
    fn stage(
        &self,
        directory: &Directory,
        name: &VersionName,
        files: &Files,
    ) -> Result<(), FileError> {
        let access = self.settings.access;
        let staged = directory.make(&name.to_string(), access).and_then(|version| {
            for (file, bytes) in &files.0 {
                version.write(file, bytes, access)?;
            }
            version.sync()?;
            directory.sync()
        });
        staged.inspect_err(|_| discard(directory, name))
    }

    /// The JSON object that one version stands for, the token's text included; `None` if the version is gone.
    fn version(&self, directory: &Directory, state: &State) -> Result<Option<Object>, StoreError> {
        let Some((token, record)) = Self::files(directory, state)? else { return Ok(None) };
        let mut fields = match record {
            Some(bytes) => object(&self.at, std::str::from_utf8(&bytes).unwrap_or_default())?,
            None => Object::default(),
        };
        fields.remove(&self.at.token_field);
        if let Some(bytes) = token {
            let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
            fields.set_text(&self.at.token_field, &text);
        }
        Ok(Some(fields))
    }

    /// The token's and the record's file, as consumers read them; `None` if the version is gone.
    fn files(directory: &Directory, state: &State) -> Result<Option<Pair>, FileError> {
        let mut pair = (None, None);
        if let Some(name) = &state.current {
            let Some(version) = directory.enter(&name.to_string())? else { return Ok(None) };
            pair = (version.read(TOKEN)?, version.read(RECORD)?);
        }
        let Bare { token, record } = &state.bare;
        Ok(Some((token.clone().or(pair.0), record.clone().or(pair.1))))
    }

    fn directory(&self) -> Result<Option<Directory>, FileError> {
        let mut directory = Directory::root(&self.settings.dir)?;
        for name in self.parts()? {
            directory = match directory {
                Some(directory) => directory.enter(name)?,
                None => return Ok(None),
            };
        }
        Ok(directory)
    }

    fn directory_or_make(&self) -> Result<Directory, FileError> {
        let mut directory = Directory::root_or_make(&self.settings.dir, self.settings.access)?;
        for name in self.parts()? {
            directory = directory.enter_or_make(name, self.settings.access)?;
        }
        Ok(directory)
    }

    /// The names from the store's directory down to the secret's.
    fn parts(&self) -> Result<Vec<&str>, FileError> {
        let parts: Vec<&str> = self.at.path.split('/').collect();
        let bad = |part: &&str| {
            part.is_empty() || *part == "." || part.starts_with("..") || part.contains('\0')
        };
        if parts.iter().any(bad) {
            return Err(FileError::Path { path: self.at.path.clone() });
        }
        Ok(parts)
    }

    /// The names that consumers open.
    fn names(&self) -> impl Iterator<Item = &str> {
        NAMES.into_iter().chain(self.settings.templates.iter().map(Template::name))
    }

    /// Makes the links that consumers open. They come before the switch, so that the switch is one step for all.
    fn links(&self, directory: &Directory) -> Result<(), FileError> {
        for name in self.names() {
            if !is_link(directory, name)? {
                directory.point(name, &stable(name))?;
            }
        }
        directory.sync()
    }

    /// A file of the user's may have the name of a template that was chosen later: it is not written over.
    fn refuse_users_files(&self, directory: &Directory) -> Result<(), FileError> {
        for name in self.settings.templates.iter().map(Template::name) {
            let is_free = match directory.entry(name)? {
                Entry::Absent => true,
                Entry::Link(target) => target.to_str() == Some(&stable(name)),
                Entry::Other => false,
            };
            if !is_free {
                return Err(FileError::InTheWay { path: directory.path().join(name) });
            }
        }
        Ok(())
    }

    /// Takes away the links of templates that are no longer configured. What cannot be removed now is tried again after
    /// the next publication.
    fn unlink_what_leads_nowhere(&self, directory: &Directory) {
        let names = directory.names().unwrap_or_default();
        let is_asked_for = |name: &str| self.names().any(|known| known == name);
        for name in names.iter().filter(|name| !name.starts_with("..") && !is_asked_for(name)) {
            if !is_link(directory, name).unwrap_or(false) {
                continue;
            }
            if let Err(error) = directory.remove_file(name) {
                tracing::warn!(error = %crate::fault::line(&error), "link that leads nowhere not removed");
            }
        }
    }
}

/// The directories right below `path`: each is a secret, or leads to some.
pub(super) fn children(settings: &Settings, path: &str) -> Result<Vec<String>, FileError> {
    let mut directory = Directory::root(&settings.dir)?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if name.starts_with("..") || name == "." {
            return Err(FileError::Path { path: path.to_owned() });
        }
        directory = match directory {
            Some(directory) => directory.enter(name)?,
            None => None,
        };
    }
    let Some(directory) = directory else { return Ok(vec![]) };
    let mut names = directory.names()?;
    // What else lies there is no secret, be it a link that leads elsewhere.
    names.retain(|name| !name.starts_with('.') && matches!(directory.enter(name), Ok(Some(_))));
    names.sort_unstable();
    Ok(names)
}

/// The version that `..data` leads to.
fn current(directory: &Directory) -> Result<Option<VersionName>, FileError> {
    let foreign = || FileError::Foreign { path: directory.path().join(DATA) };
    match directory.entry(DATA)? {
        Entry::Absent => Ok(None),
        Entry::Link(target) => {
            target.to_str().and_then(VersionName::parse).map(Some).ok_or_else(foreign)
        }
        Entry::Other => Err(foreign()),
    }
}

fn state(directory: &Directory) -> Result<State, FileError> {
    let current = current(directory)?;
    let bare = Bare { token: bare(directory, TOKEN)?, record: bare(directory, RECORD)? };
    Ok(State { current, bare })
}

/// The plain file that a person put in place of the link `name`, if any.
fn bare(directory: &Directory, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    match directory.entry(name)? {
        Entry::Absent => Ok(None),
        Entry::Link(target) if target.to_str() == Some(&stable(name)) => Ok(None),
        Entry::Link(_) => {
            let path = directory.path().join(name);
            Err(FileError::Unsafe { path, why: "is a symbolic link to elsewhere" })
        }
        Entry::Other => directory.read(name),
    }
}

/// Where the stable link `name` leads.
fn stable(name: &str) -> String {
    format!("{DATA}/{name}")
}

/// Whether `name` is a stable link of ours.
fn is_link(directory: &Directory, name: &str) -> Result<bool, FileError> {
    Ok(
        matches!(directory.entry(name)?, Entry::Link(found) if found.to_str() == Some(&stable(name))),
    )
}

fn versions(directory: &Directory) -> Result<Vec<VersionName>, FileError> {
    Ok(directory.names()?.iter().filter_map(|name| VersionName::parse(name)).collect())
}

/// Removes a version that nobody reads. What cannot be removed now is tried again after the next publication.
fn discard(directory: &Directory, name: &VersionName) {
    if let Err(error) = directory.remove(&name.to_string()) {
        tracing::warn!(error = %crate::fault::line(&error), "unserved version not removed");
    }
}

/// The secret's lock. It belongs to this opening of the file, so threads exclude one another as processes do.
fn lock(directory: &Directory) -> Result<std::fs::File, FileError> {
    let file = directory.lock_file(LOCK)?;
    let path = directory.path().join(LOCK);
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_PATIENCE => {
                // A lock that waits in the kernel could not give up on a stopped process.
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Err(FileError::Locked { path }),
            Err(TryLockError::Error(source)) => {
                return Err(FileError::Io { doing: "lock", path, source });
            }
        }
    }
}
