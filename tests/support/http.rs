//! HTTP as plainly as can be: one request, and a consumer that answers what the test chooses.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The status and the body of an answer.
pub fn ask(method: &str, url: &str, body: &str) -> (u16, String) {
    ask_with(method, url, "", body)
}

/// The status and the body of an answer, asked with a bearer token.
pub fn ask_as(token: &str, method: &str, url: &str, body: &str) -> (u16, String) {
    ask_with(method, url, &format!("Authorization: Bearer {}\r\n", token.trim()), body)
}

/// The status and the body of an answer, asked with these header lines, each ending in a line break.
pub fn ask_with(method: &str, url: &str, headers: &str, body: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// What was received, in the order of its arrival.
type Noted = Arc<Mutex<Vec<String>>>;

/// A consumer of tokens, or whoever else is told of them. It listens for as long as the test process lives.
pub struct Consumer {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub url: String,
    heads: Noted,
    bodies: Noted,
}

impl Consumer {
    /// One that answers each request's head with the status that `judge` finds.
    pub fn start(judge: impl Fn(&str) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heads, bodies) = (Arc::default(), Arc::default());
        let seen = (Arc::clone(&heads), Arc::clone(&bodies));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                // A client that hangs up, or is killed, is no failure of the consumer.
                let _ = client.and_then(|client| answer(&client, &seen, &judge));
            }
        });
        Self { url, heads, bodies }
    }

    /// One that is always healthy.
    pub fn healthy() -> Self {
        Self::start(|_| 200)
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The bodies of the requests so far.
    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

fn answer(
    mut client: &TcpStream,
    (heads, bodies): &(Noted, Noted),
    judge: &impl Fn(&str) -> u16,
) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    bodies.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
    heads.lock().unwrap().push(head.clone());
    let status = judge(&head);
    write!(client, "HTTP/1.1 {status} Chosen\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    client.shutdown(Shutdown::Both)
}
