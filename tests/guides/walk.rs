//! Walks a guide: its files are written, its commands run in order, and what it shows must have been printed.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::page::{Kind, blocks};
use crate::sandbox::{PINTAIL, Sandbox};
use crate::servers::{self, Bao, Moto};

const PATIENCE: Duration = Duration::from_mins(1);

/// A guide on its way.
struct Walk {
    page: &'static str,
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    background: Vec<Child>,
    printed: String,
}

impl Walk {
    fn of(page: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // `pintail`, `bao` and the others by name alone, as the guide writes them.
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(PINTAIL, bin.join("pintail")).unwrap();
        std::os::unix::fs::symlink(Bao::program(), bin.join("bao")).unwrap();
        let tools = servers::environment().join("bin");
        let path = format!("{}:{}:/usr/bin:/bin", bin.display(), tools.display());
        let home = dir.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let variables = vec![
            ("PATH", path),
            ("HOME", home.to_string_lossy().into_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let place = dir.path().join("here");
        std::fs::create_dir(&place).unwrap();
        // The files that the guide may name, as in a checkout.
        for name in ["deploy", "config"] {
            let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            std::os::unix::fs::symlink(there, place.join(name)).unwrap();
        }
        Self { page, dir, variables, background: vec![], printed: String::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn here(&self) -> std::path::PathBuf {
        self.dir.path().join("here")
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("/bin/bash");
        shell.args(["-e", "-u", "-o", "pipefail", "-c", script]);
        shell.current_dir(self.here()).env_clear();
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell.stdin(Stdio::null());
        shell
    }

    /// From the first line to the last.
    fn walk(mut self) {
        let blocks = blocks(self.page);
        assert!(blocks.iter().any(|block| block.kind == Kind::Run), "{}", self.page);
        for block in blocks {
            let at = format!("{}:{}", self.page, block.line);
            match block.kind {
                Kind::Run => {
                    let done = self.shell(&block.text).output().unwrap();
                    let [out, err] =
                        [done.stdout, done.stderr].map(|all| String::from_utf8(all).unwrap());
                    let code = done.status.code();
                    assert!(done.status.success(), "{at}: {code:?}\n{}\n{out}\n{err}", block.text);
                    self.printed = format!("{out}{err}");
                }
                Kind::Background => self.start(&at, &block.text),
                Kind::Printed => {
                    for line in block.text.lines().filter(|line| *line != "…") {
                        let wanted = masked(line);
                        let found = self.printed.lines().any(|one| masked(one).contains(&wanted));
                        assert!(found, "{at}: nothing printed {line:?} but\n{}", self.printed);
                    }
                }
                Kind::File => std::fs::write(self.here().join(&block.name), block.text).unwrap(),
            }
        }
    }

    /// Starts what runs until the end, and waits until it says something.
    fn start(&mut self, at: &str, script: &str) {
        let log = self.dir.path().join(format!("log-{}", self.background.len()));
        let output = File::create(&log).unwrap();
        let mut shell = self.shell(&format!("exec {script}"));
        let shell = shell.process_group(0).stdout(output).stderr(Stdio::null());
        self.background.push(shell.spawn().unwrap());
        let start = Instant::now();
        while std::fs::metadata(&log).unwrap().len() == 0 {
            assert!(start.elapsed() < PATIENCE, "{at}: it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        for child in &mut self.background {
            let group = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = killpg(group, Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

/// Without what differs from run to run: digits and letters of IDs and times.
fn masked(text: &str) -> String {
    let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && word.contains('T');
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches([',', ':']);
        if is_id(bare) || is_time(bare) { word.replace(bare, "*") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_front_page_shows_what_the_demo_prints() {
    Walk::of("README.md").walk();
}

#[test]
fn the_tutorial_is_what_happens() {
    Walk::of("docs/tutorial.md").walk();
}

#[test]
fn the_guide_to_vault_works_as_it_is_written() {
    let sandbox = Sandbox::start(&["--accounts=etl_prod"]);
    let bao = Bao::start();
    Walk::of("docs/how-to/vault.md")
        .with("BAO_ADDR", &bao.server.url)
        .with("BAO_TOKEN", &bao.root_token)
        .in_sandbox(&sandbox)
        .walk();
}

#[test]
fn the_guide_to_aws_works_as_it_is_written() {
    let sandbox = Sandbox::start(&["--accounts=etl_prod"]);
    let moto = Moto::start();
    Walk::of("docs/how-to/aws.md")
        .with("AWS_ENDPOINT_URL", &moto.server.url)
        .with("PINTAIL__STORES__MAIN__AWS_SECRETS_MANAGER__ENDPOINT_URL", &moto.server.url)
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test")
        .in_sandbox(&sandbox)
        .walk();
}

impl Walk {
    /// With the sandbox as MotherDuck: variables say where that is, so that the guide need not.
    fn in_sandbox(self, sandbox: &Sandbox) -> Self {
        let port = sandbox.ready["postgres_port"].to_string();
        let token = std::fs::read(sandbox.admin_token_file()).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut file = file.open(self.here().join("admin-token")).unwrap();
        file.write_all(&token).unwrap();
        self.with("PINTAIL__MOTHERDUCK__API_URL", sandbox.text("api_url"))
            .with("PINTAIL__MOTHERDUCK__POSTGRES__HOST", sandbox.text("postgres_host"))
            .with("PINTAIL__MOTHERDUCK__POSTGRES__PORT", &port)
            .with("PINTAIL__MOTHERDUCK__POSTGRES__CA_FILE", sandbox.text("ca_file"))
            // For consumers of the guides.
            .with("MOTHERDUCK_HOST", sandbox.text("postgres_host"))
            .with("MOTHERDUCK_PORT", &port)
            .with("MOTHERDUCK_CA_FILE", sandbox.text("ca_file"))
            // Nobody waits for half an hour here.
            .with("PINTAIL__DEFAULTS__GATE__WAIT", "200ms")
    }
}
