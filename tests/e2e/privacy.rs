//! What other processes of the same user see of the program, and what it leaves behind in Vault.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{Kind, log_in_by_approle};
use crate::program::Run;
use crate::relay::{Fate, Relay, response};
use crate::sandbox::PINTAIL;
use crate::scene::{ETL, Scene};

/// `nobody`, where the tests run as root, who may read everything.
const SOMEBODY: u32 = 65_534;

/// A daemon that another user runs, ended when it is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path, config: &Path) -> Self {
        // A copy, since the way to the other one may be closed to that user.
        let program = dir.join("pintail");
        if !program.exists() {
            fs::copy(PINTAIL, &program).unwrap();
        }
        fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        if nix::unistd::geteuid().is_root() {
            command.uid(SOMEBODY).gid(SOMEBODY);
        }
        command.arg("--config").arg(config).arg("run").env_clear().env("ADMIN", "s3cret");
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits until it is so: the program has its first words to the kernel to say first.
    fn until(&self, what: &str, is_so: impl Fn(&Path) -> bool) {
        let process = format!("/proc/{}", self.0.id());
        let begun = Instant::now();
        while !is_so(Path::new(&process)) {
            assert!(begun.elapsed() < Duration::from_secs(30), "it did not come to this: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Of a process whose memory is its own the kernel gives everything to root.
fn is_private(process: &Path) -> bool {
    fs::metadata(process.join("mem")).is_ok_and(|about| about.uid() == 0)
}

fn dumps_no_core(process: &Path) -> bool {
    let limits = fs::read_to_string(process.join("limits")).unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max core file size"));
    line.is_some_and(|line| line.split_whitespace().skip(4).take(2).eq(["0", "0"]))
}

#[test]
fn no_process_of_the_same_user_reads_the_memory_and_no_core_is_dumped_from_the_start_on() {
    let dir = tempfile::tempdir().unwrap();
    // It has read no configuration yet, let alone a secret.
    let daemon = Daemon::start(dir.path(), &dir.path().join("not-there-yet.toml"));
    daemon.until("no core is dumped", dumps_no_core);
    daemon.until("the memory is private", is_private);
}

#[test]
fn profilers_are_let_in_where_the_configuration_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("pintail.toml");
    let text = "owner = \"test\"\n[motherduck]\nadmin_token.env = \"ADMIN\"\n[server]\nenabled = false\n\
                [daemon]\ndumpable = true\n";
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, PermissionsExt::from_mode(0o644)).unwrap();
    let uid = nix::unistd::geteuid();
    let user = if uid.is_root() { SOMEBODY } else { uid.as_raw() };
    chown(&config, Some(user), None).unwrap();
    let daemon = Daemon::start(dir.path(), &config);
    daemon.until("the memory can be read", |process| {
        dumps_no_core(process)
            && fs::metadata(process.join("mem")).is_ok_and(|about| about.uid() == user)
    });
}

#[test]
fn no_vault_token_is_left_behind_by_a_run_a_look_or_a_daemon() {
    let mut scene = Scene::new(Kind::Vault);
    log_in_by_approle(&mut scene.place);
    let relay = Relay::start(&scene.place.address, |_| Fate::Pass);
    scene.place.address.clone_from(&relay.url);
    let seen = |part: &str| relay.heads().iter().filter(|head| head.contains(part)).count();
    let nothing_is_left = |run: &Run, logins: usize| {
        assert_eq!(run.code, Some(0), "{run}");
        assert_eq!((seen("/login "), seen("/revoke-self ")), (logins, logins), "{run}");
    };
    nothing_is_left(&scene.rotate(&[ETL]), 1);
    nothing_is_left(&scene.rotate(&[ETL]), 2);
    nothing_is_left(&scene.pintail(&["status"]), 3);
    let daemon = scene.start(&["run"]);
    let begun = Instant::now();
    while seen("/login ") == 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the daemon has not logged in");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.terminate();
    nothing_is_left(&scene.note(daemon.wait()), 4);
}

#[test]
fn a_vault_that_takes_no_token_back_changes_no_exit_code_and_is_said_at_debug_level_alone() {
    let mut scene = Scene::new(Kind::Vault);
    log_in_by_approle(&mut scene.place);
    let relay = Relay::start(&scene.place.address, |head| {
        if head.contains("revoke-self") { response(403, "", "{}") } else { Fate::Pass }
    });
    scene.place.address.clone_from(&relay.url);
    let said = "not logged out of Vault";
    let run = scene.rotate(&[ETL]);
    run.came_to(0, "rotated");
    assert!(!run.stderr.contains(said), "{run}");
    let run = scene.pintail(&["-vv", "rotate-now", ETL]);
    assert!(run.code == Some(0) && run.stderr.contains(said), "{run}");
}
