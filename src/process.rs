//! What this process asks of the kernel for itself.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_open_files_is_raised_towards_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 256.min(hard), hard).unwrap();
        assert_eq!(raise_descriptor_limit(), Some(hard.min(DESCRIPTORS)));
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard.min(DESCRIPTORS));
    }
}
