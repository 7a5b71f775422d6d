//! The consumers' own clients, psycopg and boto3, in one Python process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::servers::environment;

/// The process, started with the first question.
#[derive(Default)]
pub struct Clients(Mutex<Option<Process>>);

struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Clients {
    /// Whether psycopg gets an answer with this token, over TLS that it verifies in full.
    pub fn connects(&self, sandbox: &Sandbox, token: &str) -> bool {
        let answer = self.ask(&json!({
            "do": "connect",
            "host": sandbox.ready["postgres_host"],
            "port": sandbox.ready["postgres_port"],
            "ca": sandbox.ready["ca_file"],
            "token": token,
        }));
        let Some(why) = answer["refused"].as_str() else {
            assert_eq!(answer["row"], "1");
            return true;
        };
        assert!(why.contains("not authenticated"), "refused for another reason: {why}");
        false
    }

    /// The text of a secret, by boto3.
    pub fn secret(&self, endpoint: &str, name: &str) -> String {
        let answer = self.ask(&json!({"do": "get_secret", "endpoint": endpoint, "name": name}));
        answer["text"].as_str().unwrap().to_owned()
    }

    /// Writes a secret, by boto3.
    pub fn write_secret(&self, endpoint: &str, name: &str, text: &str) {
        self.ask(&json!({"do": "put_secret", "endpoint": endpoint, "name": name, "text": text}));
    }

    fn ask(&self, question: &Value) -> Value {
        let mut process = self.0.lock().unwrap();
        let process = process.get_or_insert_with(start);
        writeln!(process.questions, "{question}").unwrap();
        let mut answer = String::new();
        process.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).expect("the clients have ended; their error is above")
    }
}

fn start() -> Process {
    let mut child = Command::new(environment().join("bin/python3"))
        .args(["-c", include_str!("clients.py")])
        .envs([
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let questions = child.stdin.take().unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap());
    Process { child, questions, answers }
}
