//! A command's processes, which are killed as a whole when its time is up or nobody waits for it any longer: its process
//! group, and those that have left it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The leaders that were not waited for yet.
static LEADERS: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

fn leaders() -> MutexGuard<'static, BTreeSet<Pid>> {
    LEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the process groups of all commands that run: this process is about to end without waiting for them.
pub fn kill_all() {
    for leader in leaders().iter() {
        let _ = killpg(*leader, Signal::SIGKILL);
    }
}

/// Who forks while the others are killed is found at the next look.
const LOOKS: usize = 5;

/// The group of a child that was started as its leader, and what all that come of it have in their environment. It is
/// killed on drop, unless released.
///
/// The group's number stays the child's as long as the child was not waited for; release it after that.
pub(super) struct Group {
    leader: Option<Pid>,
    /// When the leader was started, in the kernel's count; a process of before is of another command.
    began: u64,
    variables: Vec<String>,
}

impl Group {
    pub(super) fn of(child: &Child, variables: impl Iterator<Item = (String, String)>) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        leaders().extend(leader);
        Self {
            leader,
            began: leader.and_then(Stat::of).map_or(u64::MAX, |stat| stat.started),
            variables: variables.map(|(name, value)| format!("{name}={value}")).collect(),
        }
    }

    pub(super) fn kill(&self) {
        let Some(leader) = self.leader else { return };
        // The only error that can come is that nobody is left to be killed.
        let _ = killpg(leader, Signal::SIGKILL);
        for _ in 0..LOOKS {
            let left = self.escaped();
            if left.is_empty() {
                return;
            }
            for process in left {
                let _ = kill(process, Signal::SIGKILL);
            }
        }
    }

    /// The processes that have the command's variables, were started since, and were not started by another pintail;
    /// as far as this user may look. None where there is no `/proc`.
    fn escaped(&self) -> Vec<Pid> {
        let Ok(processes) = std::fs::read_dir("/proc") else { return vec![] };
        let is_of_it = |process: &Pid| {
            let Some(Stat { parent, started }) = Stat::of(*process) else { return false };
            started >= self.began && self.is_in_environment(*process) && self.is_left_to(parent)
        };
        let processes =
            processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        processes.map(Pid::from_raw).filter(is_of_it).collect()
    }

    /// Whether who has this parent is left to us, to the first process, or to another one of the command.
    fn is_left_to(&self, parent: Pid) -> bool {
        parent == Pid::this() || parent.as_raw() == 1 || self.is_in_environment(parent)
    }

    fn is_in_environment(&self, process: Pid) -> bool {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let has = |wanted: &String| {
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        !self.variables.is_empty() && self.variables.iter().all(has)
    }

    /// The leader was waited for: its number may belong to somebody else from now on.
    pub(super) fn release(&mut self) {
        if let Some(leader) = self.leader.take() {
            leaders().remove(&leader);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        self.release();
    }
}

/// What the kernel tells of a process.
struct Stat {
    parent: Pid,
    /// In ticks since the start of the machine.
    started: u64,
}

impl Stat {
    /// The 4th and the 22nd field of `/proc/PID/stat`, of which the 2nd is a name that may hold anything.
    /// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
    fn of(process: Pid) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (_, behind_the_name) = stat.rsplit_once(')')?;
        let mut fields = behind_the_name.split_whitespace();
        let parent = Pid::from_raw(fields.nth(1)?.parse().ok()?);
        Some(Self { parent, started: fields.nth(17)?.parse().ok()? })
    }
}
