//! Processes that are killed and paused by their IDs, on disks that are sound, full or read-only.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sandbox::PINTAIL;

/// Runs a program on a disk that takes no more than so many blocks of 512 bytes for a file: every longer write fails,
/// half done, as on a full disk. It needs no privileges.
const STARVED: &str = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";

/// What root may do beyond the modes of files: without these, a read-only directory is read-only for root too.
const BEYOND_MODES: &str = "-dac_override,-dac_read_search";

/// What the disk of a process is like.
#[derive(Debug, Clone, Copy)]
pub enum Disk {
    Sound,
    /// It takes no more than so many blocks for a file.
    Full(u32),
    /// Modes bind the process, whoever runs it: a directory that is made read-only takes nothing more from it.
    Strict,
}

impl Disk {
    /// How a program is started on it.
    fn command(self, program: &str) -> Command {
        match self {
            Self::Strict if nix::unistd::geteuid().is_root() => {
                let mut command = Command::new("setpriv");
                for set in ["bounding-set", "inh-caps"] {
                    command.arg(format!("--{set}={BEYOND_MODES}"));
                }
                command.arg(program);
                command
            }
            Self::Sound | Self::Strict => Command::new(program),
            Self::Full(blocks) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", STARVED, "sh", &blocks.to_string(), program]);
                shell
            }
        }
    }
}

/// Directories that take no new files, and let none go, until this is dropped.
pub struct ReadOnly(Vec<PathBuf>);

impl ReadOnly {
    /// Of `dir` and all that is in it. That it binds those on a strict disk is seen, not hoped.
    pub fn new(dir: &Path) -> Self {
        let mut all = vec![];
        collect(dir, &mut all);
        let bound = Self(all);
        bound.set(0o500);
        let new = dir.join("new");
        let touched = Disk::Strict.command("touch").arg(&new).stderr(Stdio::null()).status();
        assert!(!touched.unwrap().success() && !new.exists(), "{} is not read-only", dir.display());
        bound
    }

    fn set(&self, mode: u32) {
        for dir in &self.0 {
            // The program may have removed a directory before it was bound.
            let _ = std::fs::set_permissions(dir, Permissions::from_mode(mode));
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.set(0o700);
    }
}

fn collect(dir: &Path, all: &mut Vec<PathBuf>) {
    all.push(dir.to_owned());
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), all);
        }
    }
}

/// A pintail. It is killed when it is dropped.
pub struct Process {
    child: Child,
    said: Option<JoinHandle<String>>,
}

/// How a process ended.
pub struct Ended {
    /// Its exit code, unless it was killed.
    pub code: Option<i32>,
    /// What it said.
    pub said: String,
}

/// pintail on such a disk, in an environment that holds nothing but what the AWS client needs.
pub fn without_environment(disk: Disk, arguments: &[&str]) -> Command {
    let mut command = disk.command(PINTAIL);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

impl Process {
    /// Starts pintail on such a disk.
    pub fn start(arguments: &[&str], disk: Disk) -> Self {
        let mut command = without_environment(disk, arguments);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let said = std::thread::spawn(move || {
            let mut bytes = vec![];
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, said: Some(said) }
    }

    /// Stops it in the middle of whatever it does, until the result is dropped.
    pub fn pause(&self) -> Paused {
        Paused::new(i32::try_from(self.child.id()).unwrap())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for `limit` and kills it then, as a machine that loses its power does.
    pub fn end_within(mut self, limit: Duration) -> Ended {
        let start = Instant::now();
        while self.is_running() && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let code = self.child.wait().unwrap().code();
        Ended { code, said: self.said.take().unwrap().join().unwrap() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that stands still until this is dropped, or the test is gone: nothing else could end a stopped process.
pub struct Paused(Child);

/// Lets the process go on when the pipe is closed, by whatever means.
const WAKER: &str = "read -r _; kill -CONT \"$1\"";

impl Paused {
    /// Stops a process that the test has started.
    pub fn new(pid: i32) -> Self {
        let waker = Command::new("/bin/sh")
            .args(["-c", WAKER, "sh", &pid.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        Self(waker)
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
