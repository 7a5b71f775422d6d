//! A sandbox as a process of its own, and the program run against it as scripts and people run it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::fixture::MotherDuck;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pintail");

/// Runs a command on a terminal of its own, types a line there, and ends as the command ended. What the terminal
/// showed goes to standard output.
const TERMINAL: &str = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
os.write(terminal, (sys.argv[1] + '\\n').encode())
shown = b''
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

/// A running sandbox with the account `etl_prod`, and a configuration for it.
pub struct Bench {
    sandbox: Child,
    ready: Value,
    pub dir: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The one JSON document of a run that went well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The text of a run that went well.
    pub fn text(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        &self.stdout
    }

    /// What a run said that ended with `code`, and wrote nothing to standard output.
    pub fn refusal(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(self.stderr.contains("error: "), "{self:?}");
        &self.stderr
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(&["--accounts=etl_prod"])
    }

    pub fn with(switches: &[&str]) -> Self {
        let mut sandbox = Command::new(PROGRAM)
            .arg("sandbox")
            .args(switches)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let bench = Self { sandbox, ready, dir: tempfile::tempdir().unwrap() };
        let minimal = format!("owner = \"test\"\n{}", MotherDuck::told(&bench.ready));
        std::fs::write(bench.config(), minimal).unwrap();
        bench
    }

    /// Adds a credential of `etl_prod` in a file store to the configuration.
    pub fn configure_credential(&self) {
        let minimal = std::fs::read_to_string(self.config()).unwrap();
        let secrets = json!(self.dir.path().join("secrets"));
        let text = format!(
            r#"{minimal}
[stores.main.file]
dir = {secrets}
[credentials.etl]
username = "ETL_prod"
store = "main"
schedule = "0 3 * * SUN"
ttl = "45d"
gate = "none"
"#
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("pintail.toml")
    }

    /// The command `pintail <line>`, words split at blanks.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.config()).args(line.split(' '));
        command.stdin(Stdio::null());
        command
    }

    /// Runs it as a script does: no terminal anywhere.
    pub fn run(&self, line: &str) -> Run {
        Run::of(self.command(line).output().unwrap())
    }

    pub fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} --output json")).json()
    }

    /// Runs it on a terminal, where `answer` is typed. `stdout` holds all that the terminal showed.
    pub fn type_into(&self, line: &str, answer: &str) -> Run {
        let mut terminal = Command::new(python());
        terminal.args(["-c", TERMINAL, answer, PROGRAM, "--config"]);
        terminal.arg(self.config()).args(line.split(' '));
        Run::of(terminal.stdin(Stdio::null()).output().unwrap())
    }

    /// Runs it in a shell, where `$PINTAIL` is the program with its configuration.
    pub fn shell(&self, script: &str) -> Run {
        let program = format!("{PROGRAM} --config {}", self.config().display());
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).env("PINTAIL", program).current_dir(self.dir.path());
        Run::of(shell.stdin(Stdio::null()).output().unwrap())
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Asks the sandbox itself.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let admin = self.ready["admin_token_file"].as_str().unwrap();
        let token = std::fs::read_to_string(admin).unwrap();
        self.ask_as(token.trim(), method, path, body)
    }

    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let address = self.ready["api_url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let body = body.to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Plans one fault.
    pub fn plan(&self, fault: &Value) {
        let (status, _) = self.ask("POST", "/_sandbox/faults", &json!({ "fail_next": [fault] }));
        assert_eq!(status, 200);
    }

    /// The events of one kind.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let (_, answer) = self.ask("GET", "/_sandbox/events", &Value::Null);
        let events = answer["events"].as_array().unwrap();
        events.iter().filter(|event| event["kind"] == kind).cloned().collect()
    }

    /// How many requests were answered.
    pub fn requests(&self) -> u64 {
        self.ask("GET", "/_sandbox/requests", &Value::Null).1["rest"].as_u64().unwrap()
    }

    /// The IDs of `etl_prod`'s tokens.
    pub fn tokens(&self) -> Vec<String> {
        let (_, answer) = self.ask("GET", "/v1/users/etl_prod/tokens", &Value::Null);
        let tokens = answer["tokens"].as_array().unwrap();
        tokens.iter().map(|token| token["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Creates a token of `etl_prod` behind the program's back.
    pub fn token(&self, name: &str) -> String {
        let (_, answer) = self.ask("POST", "/v1/users/etl_prod/tokens", &json!({ "name": name }));
        answer["id"].as_str().unwrap().to_owned()
    }
}

/// The Python of the tests' environment, or else the machine's.
fn python() -> PathBuf {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv");
    let environment = std::env::var_os("PINTAIL_TEST_VENV").map_or(made, PathBuf::from);
    let python = environment.join("bin/python3");
    if python.exists() { python } else { "python3".into() }
}
