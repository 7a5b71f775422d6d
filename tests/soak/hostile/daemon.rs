//! The daemon under test: its configuration's head, its log, its size, and its end.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::MotherDuck;
use crate::process::{Disk, without_environment};
use crate::sandbox::Sandbox;

/// How long it may take until it has ended: `shutdown_grace` for the work in hand, and the ten seconds that it asks a
/// service manager for beyond that.
pub const GRACE: Duration = Duration::from_secs(5 + 10);
const PATIENCE: Duration = Duration::from_mins(1);
/// As much of its log is shown.
const SHOWN: usize = 12_000;

/// The sections of a configuration that do not differ.
pub fn settings(sandbox: &Sandbox, api_url: &str, postgres_port: u16) -> String {
    let motherduck = MotherDuck {
        api_url: api_url.to_owned(),
        postgres_host: "127.0.0.1".to_owned(),
        postgres_port,
        ..MotherDuck::told(&sandbox.ready)
    };
    format!(
        r#"owner = "soak"
[daemon]
concurrency = 8
sweep = "1s"
shutdown_grace = "5s"
[server]
listen = "127.0.0.1:0"
{motherduck}"#
    )
}

/// `pintail run`. It is killed when it is dropped.
pub struct Daemon {
    /// Where its status server listens.
    pub url: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// One whose log goes into a file.
    pub fn start(config: &str, dir: &Path, disk: Disk) -> Self {
        let log = dir.join("daemon.log");
        let stderr = File::create(&log).unwrap();
        let arguments = ["--config", config, "--log-format=json", "run"];
        let child = without_environment(disk, &arguments).stderr(stderr).spawn().unwrap();
        let mut daemon = Self { url: String::new(), child, log };
        let begun = Instant::now();
        while daemon.url.is_empty() {
            assert!(begun.elapsed() < PATIENCE && daemon.is_running(), "{}", daemon.last_words());
            std::thread::sleep(Duration::from_millis(20));
            daemon.url = url_in(&daemon.said()).unwrap_or_default();
        }
        daemon
    }

    /// One whose log goes into a pipe that is read until the server is ready, and then by nobody. The pipe lives as long
    /// as the reader that is given back.
    pub fn start_unread(config: &str, disk: Disk) -> (Self, std::io::PipeReader) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let arguments = ["--config", config, "--log-format=json", "-vv", "run"];
        let child =
            without_environment(disk, &arguments).stderr(Stdio::from(writer)).spawn().unwrap();
        let mut said = String::new();
        let url = loop {
            let mut buffer = [0; 1_024];
            let length = reader.read(&mut buffer).unwrap();
            assert!(length > 0, "it has ended: {said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..length]));
            if let Some(url) = url_in(&said) {
                break url;
            }
        };
        (Self { url, child, log: "/dev/null".into() }, reader)
    }

    /// What it has said.
    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> String {
        let said = self.said();
        let skipped = said.len().saturating_sub(SHOWN);
        said.chars().skip(skipped).collect()
    }

    /// A size in `/proc/PID/status`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How many files it has open. Nobody but root may see that of a process that is not dumpable.
    pub fn files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).map_or(0, Iterator::count)
    }

    /// Whether a probe is answered within this time.
    pub fn answers_within(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if self.probe(limit).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return true;
            }
        }
        false
    }

    fn probe(&self, limit: Duration) -> std::io::Result<String> {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to end, and tells how long it took.
    pub fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        while self.is_running() {
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.child.wait().unwrap();
        assert!(status.code().is_some(), "{status}");
        begun.elapsed()
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn url_in(log: &str) -> Option<String> {
    let events =
        log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut ready = events.filter(|event| event["message"] == "server ready");
    Some(ready.next()?["url"].as_str()?.to_owned())
}
