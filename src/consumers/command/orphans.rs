//! Processes that commands left behind and that have ended: where pintail is the first process of a container, nobody
//! else takes them off the table of processes, which is finite.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::prctl::get_child_subreaper;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

/// The pause between two looks. What somebody waits for is gone within milliseconds; what is there at two looks is not.
const PAUSE: Duration = Duration::from_secs(5);

/// An ended process that is still in the table: its ID, and when it was started, since IDs are used again.
type Ended = (i32, u64);

/// Takes ended orphans off the table until `stop`, if they come to this process at all.
pub async fn reap(stop: CancellationToken) {
    let comes_here = std::process::id() == 1 || get_child_subreaper().unwrap_or(false);
    if !comes_here {
        return;
    }
    let mut before = BTreeSet::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
        let now = ended();
        for (pid, _) in now.intersection(&before) {
            // It may be gone by now, which is as good.
            let _ = waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG));
        }
        before = now;
    }
}

/// The children of this process that have ended and that nobody has asked about.
fn ended() -> BTreeSet<Ended> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let started = of_ended_child(&stat, std::process::id())?;
        Some((pid, started))
    })
    .collect()
}

/// When the process of this `stat` was started, if it is an ended child of `parent`: see `proc_pid_stat(5)`.
fn of_ended_child(stat: &str, parent: u32) -> Option<u64> {
    // The second field, the name, is in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, its_parent) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
    let started = fields.nth(17)?.parse().ok()?;
    (state == "Z" && its_parent == parent).then_some(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_child_is_told_from_others_whatever_its_name() {
        let stat = |state: &str, parent: u32| {
            format!(
                "77 (a) Z 1 (b) {state} {parent} 77 77 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 9918 0 0 0"
            )
        };
        assert_eq!(of_ended_child(&stat("Z", 12), 12), Some(9918));
        assert_eq!(of_ended_child(&stat("S", 12), 12), None);
        assert_eq!(of_ended_child(&stat("Z", 13), 12), None);
        assert_eq!(of_ended_child("", 12), None);
    }
}
