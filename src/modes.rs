//! Who else can read or change a file that pintail relies on: one rule for its owner, its mode and every directory above
//! it, as OpenSSH's `StrictModes` has it. Only remarked on: what a mount looks like is often nobody's choice.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// What a file is to pintail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A secret: nobody else should read or change it.
    Secret,
    /// What pintail obeys, executes or keeps: nobody else should change it.
    Orders,
}

/// Something that somebody else can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// What it is.
    pub message: String,
    /// What ends it.
    pub fix: String,
}

/// What there is to remark on `path` and the directories above it. Nothing, where it cannot be looked at: whoever reads
/// it says why.
pub fn exposures(path: &Path, holds: Holds) -> Vec<Exposure> {
    let us = Us::now();
    looked_at(path).iter().filter_map(|one| judge(one, holds, us)).collect()
}

/// Whose process this is.
#[derive(Debug, Clone, Copy)]
struct Us {
    uid: u32,
    /// Who owns what the user namespace knows no owner of.
    overflow: u32,
}

impl Us {
    fn now() -> Self {
        let overflow = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
        let overflow = overflow.ok().and_then(|text| text.trim().parse().ok());
        Self { uid: geteuid().as_raw(), overflow: overflow.unwrap_or(65_534) }
    }
}

/// A file or a directory, as far as it is judged.
#[derive(Debug, Clone)]
struct Seen {
    path: PathBuf,
    uid: u32,
    gid: u32,
    mode: u32,
    is_directory: bool,
    /// On a file system that Kubernetes, Docker and systemd make for secrets, and nobody else sees.
    is_in_memory: bool,
}

/// The file and everything above it, both as it was named and where its links lead.
fn looked_at(path: &Path) -> Vec<Seen> {
    let Ok(named) = std::path::absolute(path) else { return vec![] };
    // What is made of descriptors and processes is the kernel's.
    if named.starts_with("/proc") || named.starts_with("/dev") {
        return vec![];
    }
    let real = named.canonicalize().unwrap_or_else(|_| named.clone());
    let mut seen = BTreeMap::new();
    for one in real.ancestors().chain(named.ancestors()) {
        if let Ok(about) = std::fs::metadata(one) {
            seen.entry(one.canonicalize().unwrap_or_else(|_| one.to_owned()))
                .or_insert_with_key(|path| Seen::of(path.clone(), &about));
        }
    }
    seen.into_values().rev().collect()
}

impl Seen {
    fn of(path: PathBuf, about: &Metadata) -> Self {
        let (uid, gid, mode) = (about.uid(), about.gid(), about.mode() & 0o7777);
        let is_in_memory = is_in_memory(&path);
        Self { path, uid, gid, mode, is_directory: about.is_dir(), is_in_memory }
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(path: &Path) -> bool {
    use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
    /// <https://www.man7.org/linux/man-pages/man2/statfs.2.html>
    const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);
    let kind = statfs(path).map(|about| about.filesystem_type());
    kind.is_ok_and(|kind| kind == TMPFS_MAGIC || kind == RAMFS_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

const STICKY: u32 = 0o1000;
const BY_GROUP: u32 = 0o020;
const BY_ALL: u32 = 0o002;
const READ_BY_ALL: u32 = 0o004;

fn judge(seen: &Seen, holds: Holds, us: Us) -> Option<Exposure> {
    let shown = seen.path.display();
    let what = match (seen.is_directory, holds) {
        (true, _) => format!("directory {shown}"),
        (false, Holds::Secret) => format!("file {shown} holds a secret, and"),
        (false, Holds::Orders) => format!("file {shown}"),
    };
    // Where the namespace knows no owner, there is no judging.
    let is_roots = seen.uid == 0 || (seen.uid == us.overflow && us.uid != us.overflow);
    if !is_roots && seen.uid != us.uid {
        return Some(Exposure {
            message: format!(
                "{what} belongs to another user (UID {}), who can change it",
                seen.uid
            ),
            fix: format!("chown it to root or to pintail's user: {shown}"),
        });
    }
    // In a sticky directory nobody renames or removes what is another's. Group 0 is root's own.
    let is_guarded = seen.is_directory && seen.mode & STICKY != 0;
    let group_changes = !is_guarded && seen.mode & BY_GROUP != 0 && seen.gid != 0;
    let all_change = !is_guarded && seen.mode & BY_ALL != 0;
    // Kubernetes and Docker mount secrets that all may read, where nobody else is.
    let is_mount = is_roots && seen.is_in_memory && us.uid != 0;
    let all_read =
        holds == Holds::Secret && !seen.is_directory && seen.mode & READ_BY_ALL != 0 && !is_mount;
    let (deed, whose, fix) = match (all_read, all_change, group_changes) {
        (true, true, _) => ("read and changed", "every user of this machine", "chmod o-rwx"),
        (true, false, _) => ("read", "every user of this machine", "chmod o-rwx"),
        (false, true, _) => ("changed", "every user of this machine", "chmod o-w"),
        (false, false, true) => ("changed", "its group", "chmod g-w"),
        (false, false, false) => return None,
    };
    Some(Exposure {
        message: format!("{what} can be {deed} by {whose}"),
        fix: format!("{fix} {shown}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINTAIL: u32 = 1_000;
    const NOBODY: u32 = 65_534;

    fn judged(holds: Holds, us: u32, all: &[(&str, u32, u32, bool)]) -> Vec<String> {
        let us = Us { uid: us, overflow: NOBODY };
        let exposure = |(path, uid, mode, is_in_memory): &(&str, u32, u32, bool)| {
            let is_directory = path.ends_with('/');
            let (path, gid) = (PathBuf::from(path), *uid);
            let (uid, mode, is_in_memory) = (*uid, *mode, *is_in_memory);
            let seen = Seen { path, uid, gid, mode, is_directory, is_in_memory };
            judge(&seen, holds, us).map(|exposure| exposure.message)
        };
        all.iter().filter_map(exposure).collect()
    }

    /// What the mounts of Kubernetes, Docker and systemd look like, from the file up.
    #[test]
    fn the_mounts_of_those_who_run_programs_pass_in_silence() {
        let mounts: [&[(&str, u32, u32, bool)]; 7] = [
            // A Secret of Kubernetes, without and with `fsGroup`.
            &[
                ("/e/..2026_11/token", 0, 0o644, true),
                ("/e/..2026_11/", 0, 0o755, true),
                ("/e/", 0, 0o1777, true),
            ],
            &[
                ("/e/..2026_11/token", 0, 0o440, true),
                ("/e/..2026_11/", 0, 0o2755, true),
                ("/e/", 0, 0o3777, true),
            ],
            // A ConfigMap, which is on the node's disk.
            &[
                ("/c/..2026_11/pintail.toml", 0, 0o644, false),
                ("/c/..2026_11/", 0, 0o755, false),
                ("/c/", 0, 0o1777, false),
            ],
            // A service account's token, by the kubelet for this user.
            &[
                ("/var/run/secrets/token", PINTAIL, 0o600, true),
                ("/var/run/secrets/", 0, 0o1777, true),
            ],
            // A secret of Docker.
            &[("/run/secrets/admin", 0, 0o444, true), ("/run/secrets/", 0, 0o755, true)],
            // A credential of systemd, with an access list behind the group's bits; and in a user namespace.
            &[
                ("/run/credentials/pintail.service/a", 0, 0o440, true),
                ("/run/credentials/pintail.service/", 0, 0o550, true),
            ],
            &[
                ("/run/credentials/pintail.service/a", NOBODY, 0o440, true),
                ("/run/credentials/", NOBODY, 0o711, true),
            ],
        ];
        for mount in mounts {
            for holds in [Holds::Secret, Holds::Orders] {
                if holds == Holds::Secret && mount[0].0.contains("toml") {
                    continue;
                }
                assert_eq!(judged(holds, PINTAIL, mount), Vec::<String>::new(), "{mount:?}");
            }
        }
    }

    #[test]
    fn what_others_can_change_or_read_is_remarked_on_wherever_it_is() {
        let secret =
            |uid, mode| judged(Holds::Secret, PINTAIL, &[("/etc/token", uid, mode, false)]);
        assert_eq!(secret(PINTAIL, 0o600), [""; 0]);
        assert_eq!(secret(0, 0o640), [""; 0]);
        for (uid, mode, said) in [
            (
                0,
                0o644,
                "file /etc/token holds a secret, and can be read by every user of this machine",
            ),
            (
                PINTAIL,
                0o606,
                "file /etc/token holds a secret, and can be read and changed by every user of this machine",
            ),
            (PINTAIL, 0o660, "file /etc/token holds a secret, and can be changed by its group"),
            (
                77,
                0o600,
                "file /etc/token holds a secret, and belongs to another user (UID 77), who can change it",
            ),
        ] {
            assert_eq!(secret(uid, mode), [said]);
        }
        // Root, who runs pintail itself, has no mounts that nobody else sees.
        let by_root = judged(Holds::Secret, 0, &[("/run/secrets/a", 0, 0o644, true)]);
        assert_eq!(by_root.len(), 1);
        let orders = judged(
            Holds::Orders,
            PINTAIL,
            &[
                ("/a/hook", 0, 0o755, false),
                ("/a/", 0, 0o777, false),
                ("/b/", 0, 0o1777, false),
                ("/c/", PINTAIL, 0o775, false),
            ],
        );
        assert_eq!(
            orders,
            [
                "directory /a/ can be changed by every user of this machine",
                "directory /c/ can be changed by its group"
            ]
        );
    }

    #[test]
    fn a_file_is_looked_at_where_it_is_named_and_where_its_links_lead() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let (near, far) = (dir.join("near"), dir.join("far"));
        for folder in [&near, &far] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(far.join("token"), "x").unwrap();
        symlink(far.join("token"), near.join("link")).unwrap();
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&far.join("token"), 0o600);
        for folder in [&near, &far] {
            assert_eq!(exposures(&near.join("link"), Holds::Secret), []);
            mode(folder, 0o757);
            let [exposure] = &exposures(&near.join("link"), Holds::Secret)[..] else { panic!() };
            assert_eq!(exposure.fix, format!("chmod o-w {}", folder.display()));
            mode(folder, 0o755);
        }
        // What is yet to be made is judged by what is above it.
        mode(&far, 0o777);
        assert_eq!(exposures(&far.join("audit.jsonl"), Holds::Orders).len(), 1);
        assert_eq!(exposures(Path::new("/dev/stdin"), Holds::Secret), []);
    }
}
