//! A command's process group, which is killed as a whole when its time is up or nobody waits for it any longer.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The group of a child that was started as its leader. It is killed on drop, unless released.
///
/// The group's number stays the child's as long as the child was not waited for; release it after that.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    pub(super) fn kill(&self) {
        if let Some(leader) = self.0 {
            // The only error that can come is that nobody is left to be killed.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }

    /// The leader was waited for: its number may belong to somebody else from now on.
    pub(super) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
