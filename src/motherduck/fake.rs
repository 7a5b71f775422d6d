//! A server for the tests that plays scripted answers, one for each request, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Client;
use super::settings::{AdminToken, MotherDuck};
use crate::http::settings::Proxy;
use crate::retry::{MOTHERDUCK, Retry};
use crate::secret::SecretSource;

/// One scripted answer.
pub(super) enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// An answer that breaks off in its body.
    BrokenOff { status: u16, body: String },
    /// The connection is closed without an answer.
    Nothing,
    /// The file is overwritten, then 401 is answered.
    RotateAdminToken { file: std::path::PathBuf, text: &'static str },
}

pub(super) fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply::Whole { status, headers: Vec::new(), body: body.into() }
}

pub(super) fn reply_with(status: u16, header: (&'static str, &str), body: &str) -> Reply {
    Reply::Whole { status, headers: vec![(header.0, header.1.to_owned())], body: body.to_owned() }
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) authorization: String,
    pub(super) body: String,
}

/// A running server; it ends with the test's runtime.
pub(super) struct Fake {
    pub(super) client: Client,
    pub(super) admin_file: std::path::PathBuf,
    seen: Arc<Mutex<Vec<Seen>>>,
    _dir: tempfile::TempDir,
}

impl Fake {
    /// Serves `script`; whatever is asked beyond it is answered with 418.
    pub(super) async fn playing(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::playing_with(|_| script.into_iter().collect()).await
    }

    /// The same, for scripts that need to know the admin token's file.
    pub(super) async fn playing_with(script: impl FnOnce(&std::path::Path) -> Vec<Reply>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let admin_file = dir.path().join("admin");
        std::fs::write(&admin_file, "adm1n-first\n").unwrap();
        let script = Arc::new(Mutex::new(VecDeque::from(script(&admin_file))));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, script, Arc::clone(&seen)));
        let client = client(&url, SecretSource::File(admin_file.clone()));
        Self { client, admin_file, seen, _dir: dir }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A client that waits only as long as a test can bear.
pub(super) fn client(url: &str, admin_token: SecretSource) -> Client {
    let admin = super::AdminSource::Secret(admin_token.clone());
    let mut client = Client::new(&settings(url, admin_token), admin).unwrap();
    client.retry = Retry { first: Duration::from_millis(1), tries: 4, ..MOTHERDUCK };
    client
}

pub(super) fn settings(url: &str, admin_token: SecretSource) -> MotherDuck {
    MotherDuck {
        api_url: url.parse().unwrap(),
        admin_token: AdminToken::Secret(admin_token),
        requests_per_second: 1000,
        ca_file: None,
        proxy: Proxy::None,
    }
}

async fn serve(
    listener: TcpListener,
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Some(request) = receive(&mut stream).await else { continue };
        seen.lock().unwrap().push(request);
        let next =
            script.lock().unwrap().pop_front().unwrap_or_else(|| reply(418, "beyond the script"));
        let bytes = match next {
            Reply::Whole { status, headers, body } => {
                let extra = headers
                    .iter()
                    .fold(String::new(), |head, (name, value)| head + name + ": " + value + "\r\n");
                format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\n{extra}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            Reply::BrokenOff { status, body } => {
                format!(
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len() + 100
                )
            }
            Reply::Nothing => String::new(),
            Reply::RotateAdminToken { file, text } => {
                std::fs::write(file, text).unwrap();
                "HTTP/1.1 401 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
        };
        // The client may have had enough of a long body.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .unwrap_or_default()
        };
        if body.len() >= header("content-length").parse().unwrap_or(0) {
            return Some(Seen {
                line: head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned(),
                authorization: header("authorization"),
                body: body.to_owned(),
            });
        }
    }
}
