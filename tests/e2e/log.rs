//! Standard error that is full, gone, or not read: no reason to leave a leaked token alive, or not to stop.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::http::ask;
use crate::place::Kind;
use crate::program::Running;
use crate::scene::{ETL, Scene};

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn a_leaked_token_is_revoked_though_standard_error_cannot_be_written() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    let leaked = ["--output", "json", "rotate-now", ETL, "--compromised", "--reason", "seen"];
    let full = || Stdio::from(File::create("/dev/full").unwrap());
    let gone = || Stdio::from(std::io::pipe().unwrap().1);
    for stderr in [full(), gone()] {
        let old = scene.served_id();
        let run = Running::start_with(&scene.command_line(&leaked), &scene.variables, stderr);
        scene.note(run.wait()).came_to(0, "rotated");
        assert!(!scene.live(ETL).contains(&old));
        scene.assert_at_rest();
    }
}

/// A daemon, and what is left of its log.
struct Daemon {
    scene: Scene,
    running: Running,
    log: BufReader<PipeReader>,
    url: String,
}

impl Daemon {
    /// One that rotates every other second and says all that it does, into a pipe that holds next to nothing.
    fn start() -> Self {
        let mut scene = Scene::new(Kind::File);
        scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
        scene.more =
            "[daemon]\nsweep = \"1s\"\nwatch = \"1d\"\n[server]\nlisten = \"127.0.0.1:0\"\n".into();
        let (reader, writer) = std::io::pipe().unwrap();
        fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let arguments = scene.command_line(&["--log-format", "json", "-vv", "run"]);
        let running = Running::start_with(&arguments, &scene.variables, writer.into());
        let mut log = BufReader::with_capacity(64, reader);
        let url = loop {
            let mut line = String::new();
            log.read_line(&mut line).unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"] == "server ready" {
                break event["url"].as_str().unwrap().to_owned();
            }
        };
        Self { scene, running, log, url }
    }

    fn until_rotated_again(&self, times: usize) {
        let revoked = || {
            let events = self.scene.sandbox.events();
            events.iter().filter(|event| event.kind == "token_revoked").count()
        };
        let (begun, so_far) = (Instant::now(), revoked());
        while revoked() < so_far + times {
            assert!(begun.elapsed() < PATIENCE, "{:#?}", self.scene.sandbox.events());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn status(&self) -> Value {
        let (code, body) = ask("GET", &format!("{}status.json", self.url), "");
        assert_eq!(code, 200);
        serde_json::from_str(&body).unwrap()
    }

    /// What is asked of it still happens.
    fn assert_obedient(self) {
        let before = self.status()["configuration"]["loaded_at"].clone();
        self.running.signal(Signal::SIGHUP);
        let begun = Instant::now();
        while self.status()["configuration"]["loaded_at"] == before {
            assert!(begun.elapsed() < PATIENCE, "the reload came about");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.until_rotated_again(1);
        assert_eq!(ask("GET", &format!("{}livez", self.url), "").0, 200);
        let begun = Instant::now();
        self.running.terminate();
        assert_eq!(self.running.wait().code, Some(0));
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        // Only now is the other end of the pipe let go.
        drop(self.log);
        let secret = self.scene.secret();
        assert!(self.scene.connects(secret["motherduck_token"].as_str().unwrap()));
    }
}

#[test]
fn a_log_reader_that_stands_still_keeps_no_daemon_from_its_work_or_its_end() {
    let daemon = Daemon::start();
    daemon.until_rotated_again(2);
    daemon.assert_obedient();
}

#[test]
fn a_log_reader_that_goes_away_keeps_no_daemon_from_its_work_or_its_end() {
    let mut daemon = Daemon::start();
    let (elsewhere, _) = std::io::pipe().unwrap();
    daemon.log = BufReader::new(elsewhere);
    daemon.until_rotated_again(2);
    assert!(daemon.status()["log_lines_dropped"].as_u64().unwrap() > 0);
    let metrics = ask("GET", &format!("{}metrics", daemon.url), "").1;
    let dropped = metrics.lines().find(|line| line.starts_with("pintail_log_lines_dropped_total"));
    assert!(!dropped.unwrap().ends_with(" 0"), "{metrics}");
    daemon.assert_obedient();
}
