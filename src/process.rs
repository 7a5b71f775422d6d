//! What this process asks of the kernel for itself.

#[cfg(target_os = "linux")]
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, User};

/// So many open files are enough, and no hook that closes every possible one needs minutes for it.
const DESCRIPTORS: u64 = 65_536;

/// Raises the soft limit on open files towards the hard one: systemd's default of 1,024 is for programs that use
/// `select`. The limit that is in force then.
pub fn raise_descriptor_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = hard.min(DESCRIPTORS);
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        return Some(wanted);
    }
    Some(soft)
}

/// From now on no core is dumped, and no other process of the same user, such as a hook, may read this one's memory: it
/// holds the admin token. What the kernel does not grant is left as it is.
pub fn keep_memory_private() {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    let _ = set_dumpable(false);
}

/// The user who runs this, as sudo knows them or as the system does.
pub fn user() -> Option<String> {
    let invoking = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    invoking.or_else(|| Some(User::from_uid(Uid::current()).ok()??.name))
}

/// This machine's name; in a container the container's.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// Lets the same user's profilers and debuggers in again.
pub fn open_memory() -> nix::Result<()> {
    set_dumpable(true)
}

#[cfg(not(target_os = "linux"))]
fn set_dumpable(_: bool) -> nix::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_private_until_a_profiler_is_let_in() {
        keep_memory_private();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert_eq!(nix::sys::prctl::get_dumpable(), Ok(false));
        open_memory().unwrap();
        assert_eq!(nix::sys::prctl::get_dumpable(), Ok(true));
    }

    #[test]
    fn the_limit_on_open_files_is_raised_towards_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 256.min(hard), hard).unwrap();
        assert_eq!(raise_descriptor_limit(), Some(hard.min(DESCRIPTORS)));
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard.min(DESCRIPTORS));
    }
}
