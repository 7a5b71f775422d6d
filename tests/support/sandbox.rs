//! `pintail sandbox` as a process of its own, with what it knows: its events, its counts, its faults.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::ask;
use crate::servers::{self, Server};

/// The program under test.
pub const PINTAIL: &str = env!("CARGO_BIN_EXE_pintail");

/// A running sandbox.
pub struct Sandbox {
    /// What its ready line says.
    pub ready: Value,
    /// The process.
    pub server: Server,
}

/// One thing that happened, as the sandbox tells it.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Event {
    pub at: jiff::Timestamp,
    pub kind: String,
    pub token_id: Option<String>,
    pub name: Option<String>,
    pub detail: Option<String>,
}

impl Sandbox {
    /// One with these options, ready.
    pub fn start(arguments: &[&str]) -> Self {
        let all: Vec<_> = ["sandbox"].iter().chain(arguments).copied().collect();
        let address = |log: &str| {
            let url = ready(log)?["api_url"].as_str()?.to_owned();
            Some(url.trim_start_matches("http://").to_owned())
        };
        let server = servers::start(Path::new(PINTAIL), &all, address);
        let ready = ready(&server.log()).unwrap();
        Self { ready, server }
    }

    /// Starts it again where it was, after its end; `--dir` is among the arguments, or nobody finds the way back.
    pub fn start_again(&mut self, arguments: &[&str]) {
        let rest = format!("--rest-listen={}", self.server.url.trim_start_matches("http://"));
        let port = self.ready["postgres_port"].as_u64().unwrap();
        let postgres = format!("--postgres-listen=127.0.0.1:{port}");
        *self = Self::start(&[&[&*rest, &*postgres], arguments].concat());
    }

    /// A text of the ready line.
    pub fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap()
    }

    /// The file that holds the admin's token.
    pub fn admin_token_file(&self) -> PathBuf {
        self.text("admin_token_file").into()
    }

    /// Everything that happened, oldest first.
    pub fn events(&self) -> Vec<Event> {
        let answer = self.get("events");
        serde_json::from_value(answer["events"].clone()).unwrap()
    }

    /// How many requests there were: `rest`, `postgres`, `by_operation`.
    pub fn requests(&self) -> Value {
        self.get("requests")
    }

    /// How many there were of one operation, or of `rest` or `postgres`.
    pub fn count(&self, what: &str) -> u64 {
        let requests = self.requests();
        let count = requests.get(what).or_else(|| requests["by_operation"].get(what));
        count.and_then(Value::as_u64).unwrap_or(0)
    }

    /// Turns switches, and plans faults.
    pub fn faults(&self, change: &Value) {
        let url = format!("{}/_sandbox/faults", self.server.url);
        let (status, body) = ask("POST", &url, &change.to_string());
        assert_eq!(status, 200, "{change}: {body}");
    }

    /// Waits until an event is as `wanted`.
    pub fn until(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let start = Instant::now();
        loop {
            if let Some(event) = self.events().into_iter().find(&wanted) {
                return event;
            }
            assert!(start.elapsed() < Duration::from_mins(1), "no such event");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The IDs of the tokens whose names begin with `prefix` that were created and not revoked.
    pub fn live(&self, prefix: &str) -> BTreeSet<String> {
        let mut live = BTreeSet::new();
        for event in self.events() {
            let is_ours = event.name.as_ref().is_some_and(|name| name.starts_with(prefix));
            let Some(id) = event.token_id.filter(|_| is_ours) else { continue };
            match event.kind.as_str() {
                "token_created" => live.insert(id),
                "token_revoked" => live.remove(&id),
                _ => continue,
            };
        }
        live
    }

    fn get(&self, what: &str) -> Value {
        let (status, body) = ask("GET", &format!("{}/_sandbox/{what}", self.server.url), "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

fn ready(log: &str) -> Option<Value> {
    log.lines().filter(|line| line.ends_with('}')).find_map(|line| {
        serde_json::from_str::<Value>(line).ok().filter(|ready| ready.get("api_url").is_some())
    })
}
