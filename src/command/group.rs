//! A command's processes, which are killed as a whole when its time is up or nobody waits for it any longer: its process
//! group, and those that have left it.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use uuid::Uuid;

/// The variable that marks every process of one run of a command, whichever group and parent it has by now.
pub(super) const MARK: &str = "PINTAIL_COMMAND_ID";
/// Who forks while the others are killed is found at the next look.
const LOOKS: usize = 5;

/// The group of a child that was started as its leader, and the mark in the environment of all that come of it. It is
/// killed on drop, unless released.
///
/// The group's number stays the child's as long as the child was not waited for; release it after that.
pub(super) struct Group {
    leader: Option<Pid>,
    mark: String,
}

impl Group {
    pub(super) fn of(child: &Child, mark: Uuid) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { leader, mark: format!("{MARK}={mark}") }
    }

    pub(super) fn kill(&self) {
        let Some(leader) = self.leader else { return };
        // The only error that can come is that nobody is left to be killed.
        let _ = killpg(leader, Signal::SIGKILL);
        for _ in 0..LOOKS {
            let left = marked(&self.mark);
            if left.is_empty() {
                return;
            }
            for process in left {
                let _ = kill(process, Signal::SIGKILL);
            }
        }
    }

    /// The leader was waited for: its number may belong to somebody else from now on.
    pub(super) fn release(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes whose environment began with `mark`, as far as this user may look. None where there is no `/proc`.
fn marked(mark: &str) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return vec![] };
    let is_marked = |process: &Pid| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let processes = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.map(Pid::from_raw).filter(is_marked).collect()
}
