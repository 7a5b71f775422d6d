//! The program under test as a process: started, waited for within a limit, killed, and read.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::sandbox::PINTAIL;

const LIMIT: Duration = Duration::from_secs(90);

/// How a run of the program went.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// What `ps` would have shown.
    pub command_line: String,
}

impl Run {
    /// Standard output as the JSON document that it is.
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON document ({error}): {self}"))
    }

    /// What became of one credential.
    pub fn of(&self, credential: &str) -> Value {
        let document = self.document();
        let mut all = document["credentials"].as_array().unwrap().iter();
        all.find(|result| result["name"] == credential).unwrap_or_else(|| panic!("{self}")).clone()
    }

    /// Asserts the exit code and the only credential's outcome, and gives its result.
    pub fn came_to(&self, code: i32, outcome: &str) -> Value {
        assert_eq!(self.code, Some(code), "{self}");
        let result = self.document()["credentials"][0].clone();
        assert_eq!(result["outcome"], outcome, "{self}");
        result
    }

    /// Asserts the exit code, and that the error names all of `words` and a hint is given.
    pub fn complains(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        let said = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(said.contains(word), "`{word}` is not said: {self}");
        }
        assert!(said.contains("hint"), "no hint is given: {self}");
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, out, err) = (self.code, &self.stdout, &self.stderr);
        write!(f, "{}\nexit code {code:?}\n{out}\n{err}", self.command_line)
    }
}

/// A run that has not ended. It is killed when it is dropped.
pub struct Running {
    child: Child,
    readers: Option<(JoinHandle<String>, JoinHandle<String>)>,
    command_line: String,
}

impl Running {
    /// Starts the program with nothing but these variables.
    pub fn start(arguments: &[String], variables: &[(String, String)]) -> Self {
        Self::start_with(arguments, variables, Stdio::piped())
    }

    /// Starts it with another standard error, of which it is known what becomes.
    pub fn start_with(arguments: &[String], variables: &[(String, String)], stderr: Stdio) -> Self {
        let mut child = Command::new(PINTAIL)
            .args(arguments)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id()));
        let errors: Box<dyn Read + Send> = match child.stderr.take() {
            Some(pipe) => Box::new(pipe),
            None => Box::new(std::io::empty()),
        };
        let readers = (read(child.stdout.take().unwrap()), read(errors));
        let command_line = command_line.unwrap_or_default().replace('\0', " ");
        Self { child, readers: Some(readers), command_line }
    }

    /// Kills it as a machine that loses its power does, and waits until it is gone.
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        let run = self.end();
        assert_eq!(run.code, None, "it had ended before it was killed: {run}");
        run
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// A size in `/proc/PID/status`, such as `VmRSS`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself, within a limit.
    pub fn wait(mut self) -> Run {
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > LIMIT {
                self.child.kill().unwrap();
                let run = self.end();
                panic!("it did not end within {LIMIT:?}: {run}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.end()
    }

    fn end(&mut self) -> Run {
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = self.readers.take().unwrap();
        assert!(status.signal().is_none_or(|signal| signal == 9), "ended by {status}");
        Run {
            code: status.code(),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
            command_line: self.command_line.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = vec![];
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
