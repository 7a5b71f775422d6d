//! Something on this machine that the configuration names, and what can be said of it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::unistd::{AccessFlags, access, geteuid};

use super::certificate;
use super::finding::{Finding, Level};
use crate::consumers::command::SEARCH_PATH;
use crate::fault::chain;
use crate::modes::{Exposure, Holds, exposures};
use crate::secret::SecretSource;

/// Something on this machine that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Secret(Place),
    Certificates(PathBuf),
    Key(PathBuf),
    Program(PathBuf),
    /// Where a store keeps its secrets.
    Folder(PathBuf),
}

/// The place of a secret, as a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    File(PathBuf),
    Env(String),
}

impl From<&SecretSource> for Resource {
    fn from(source: &SecretSource) -> Self {
        Self::Secret(match source {
            SecretSource::File(path) => Place::File(path.clone()),
            SecretSource::Env(name) => Place::Env(name.clone()),
        })
    }
}

impl Resource {
    /// What there is to say of it, to `users`.
    pub(super) fn observe(&self, users: &str, now: Timestamp) -> Vec<Finding> {
        let found = self.examine(users, now);
        let exposures: Vec<_> =
            self.exposures().into_iter().map(|one| exposure(users, one)).collect();
        if found.level == Level::Ok && !exposures.is_empty() {
            return exposures;
        }
        std::iter::once(found).chain(exposures).collect()
    }

    /// Who else can read or change it.
    pub(super) fn exposures(&self) -> Vec<Exposure> {
        match self {
            Self::Secret(Place::File(path)) | Self::Key(path) => exposures(path, Holds::Secret),
            Self::Certificates(path) => exposures(path, Holds::Orders),
            Self::Program(path) => exposures(&found(path), Holds::Orders),
            // The store is stricter by itself.
            Self::Folder(_) | Self::Secret(Place::Env(_)) => vec![],
        }
    }

    fn examine(&self, users: &str, now: Timestamp) -> Finding {
        match self {
            Self::Secret(place) => secret(place, users),
            Self::Certificates(path) => match certificate::of_file(path, now) {
                Ok(validity) => {
                    let shown = path.display();
                    match validity.exposure(now) {
                        None => Finding::ok(users, format!("file {shown} holds certificates")),
                        Some(exposure) => Finding::warning(
                            users,
                            format!("file {shown} holds a certificate that {exposure}"),
                            Some("put a new one there, or take it out".to_owned()),
                        ),
                    }
                }
                Err(error) => Finding::error(
                    users,
                    chain(&error),
                    Some(format!("put certificates into {}, as PEM", path.display())),
                ),
            },
            Self::Key(path) => match std::fs::File::open(path) {
                Ok(_) => Finding::ok(users, format!("file {} can be read", path.display())),
                Err(error) => Finding::error(
                    users,
                    format!("cannot read file {}: {error}", path.display()),
                    Some("put the key there, and let pintail's user read it".to_owned()),
                ),
            },
            Self::Program(path) => executable(path, users),
            Self::Folder(path) => folder(path, users),
        }
    }
}

/// What somebody else can do, as a finding.
pub(super) fn exposure(users: &str, exposure: Exposure) -> Finding {
    Finding::warning(users, exposure.message, Some(exposure.fix))
}

fn secret(place: &Place, users: &str) -> Finding {
    let source = match place {
        Place::File(path) => SecretSource::File(path.clone()),
        Place::Env(name) => SecretSource::Env(name.clone()),
    };
    match source.read_token() {
        Ok(_) => Finding::ok(users, format!("{source} holds a usable secret")),
        Err(error) => Finding::error(
            users,
            chain(&error),
            Some(format!("put the secret into {source}, as its only text")),
        ),
    }
}

fn executable(program: &Path, users: &str) -> Finding {
    let path = &found(program);
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Finding::error(
            users,
            format!("program {shown} is not a file"),
            Some("`command` begins with the path of a program".to_owned()),
        ),
        Ok(_) => match access(path, AccessFlags::X_OK) {
            Ok(()) => Finding::ok(users, format!("program {shown} can be executed")),
            Err(_) => Finding::error(
                users,
                format!("program {shown} cannot be executed by this user"),
                Some(format!("chmod +x {shown}, or run the check as pintail's user")),
            ),
        },
        Err(error) => Finding::error(
            users,
            format!("program {shown} cannot be found: {error}"),
            Some(format!(
                "`command` begins with the absolute path of a program, or with its name in {SEARCH_PATH}"
            )),
        ),
    }
}

/// Where a program that is only named is found, as it is when it is run.
fn found(program: &Path) -> PathBuf {
    let mut places = SEARCH_PATH.split(':').map(|folder| Path::new(folder).join(program));
    if program.is_absolute() {
        return program.to_owned();
    }
    places.find(|path| path.is_file()).unwrap_or_else(|| program.to_owned())
}

/// The store refuses a directory that others can change, at every access: here it is told once, and before.
fn folder(path: &Path, users: &str) -> Finding {
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(users, format!("directory {shown} is made when it is needed"));
        }
        // Whether that matters, the store's own probe tells.
        Err(error) => {
            return Finding::warning(
                users,
                format!("cannot examine directory {shown}: {error}"),
                Some("is `dir` right, and is the check run as pintail's user?".to_owned()),
            );
        }
    };
    let error = |what: &str, fix: String| {
        Finding::error(users, format!("directory {shown} {what}"), Some(fix))
    };
    if !metadata.is_dir() {
        error("is not a directory", "name another `dir`".to_owned())
    } else if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() {
        error(
            "belongs to another user",
            format!(
                "chown it to pintail's user; or run the check as that user, if {shown} is its own"
            ),
        )
    } else if metadata.mode() & 0o022 != 0 {
        error("is writable for its group or for everybody", format!("chmod go-w {shown}"))
    } else {
        Finding::ok(users, format!("directory {shown} can be changed by its owner alone"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::super::certificate::tests::ending;
    use super::*;

    fn looked(thing: &Resource) -> (Level, String, Option<String>) {
        let mut found = thing.observe("x", "2026-03-01T00:00:00Z".parse().unwrap());
        let found = found.remove(0);
        (found.level, found.message, found.hint)
    }

    #[test]
    fn what_every_user_can_read_or_change_is_a_warning_with_its_fix() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "secret").unwrap();
        let secret = Resource::Secret(Place::File(file.clone()));
        for (thing, mode, level, part) in [
            (&secret, 0o640, Level::Ok, "usable"),
            (&secret, 0o644, Level::Warning, "can be read by every user"),
            (&secret, 0o666, Level::Warning, "can be read and changed by every user"),
            (&Resource::Key(file.clone()), 0o604, Level::Warning, "can be read by every user"),
            (&Resource::Program(file.clone()), 0o755, Level::Ok, "executed"),
            (&Resource::Program(file.clone()), 0o777, Level::Warning, "changed by every user"),
        ] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let (found, message, hint) = looked(thing);
            assert_eq!(found, level, "{mode:o}: {message}");
            assert!(message.contains(part), "{mode:o}: {message}");
            assert_eq!(hint.is_some(), level == Level::Warning, "{message}");
            assert!(!message.contains("secret\n"));
        }
    }

    #[test]
    fn a_directory_that_others_can_change_is_an_error_with_its_fix() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Resource::Folder(dir.path().to_owned());
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(looked(&folder).0, Level::Ok);
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o775)).unwrap();
        let (level, _, hint) = looked(&folder);
        assert_eq!(level, Level::Error);
        assert!(hint.unwrap().starts_with("chmod go-w "));
        assert_eq!(looked(&Resource::Folder(dir.path().join("none"))).0, Level::Ok);
    }

    #[test]
    fn an_expired_authority_is_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        for (end, level) in [((2030, 1, 1), Level::Ok), ((2026, 2, 1), Level::Warning)] {
            std::fs::write(&file, ending(end).0.pem()).unwrap();
            let (found, message, _) = looked(&Resource::Certificates(file.clone()));
            assert_eq!(found, level, "{message}");
        }
    }
}
