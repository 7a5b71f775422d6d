//! Processes that are killed, paused and starved of disk space, by their IDs.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sandbox::PINTAIL;

/// Runs a program on a disk that takes no more than so many blocks of 512 bytes for a file: every longer write fails,
/// half done, as on a full disk. It needs no privileges.
const STARVED: &str = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";

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

impl Process {
    /// Starts pintail; with `blocks`, on a full disk.
    pub fn start(arguments: &[&str], blocks: Option<u32>) -> Self {
        let mut command = match blocks {
            None => Command::new(PINTAIL),
            Some(blocks) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", STARVED, "sh", &blocks.to_string(), PINTAIL]);
                shell
            }
        };
        let mut child = command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
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
