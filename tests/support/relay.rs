//! A relay between a client and a server that counts the requests, and loses or answers those that a test chooses.

#![allow(dead_code, reason = "each test target uses its own part of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pintail::tls::{Roots, client_config};

/// What becomes of a request.
pub enum Fate {
    /// It is passed on, and so is its reply.
    Pass,
    /// It is passed on twice, and the second reply is given back, as by a proxy that lost the first.
    Twice,
    /// It is passed on, and its reply is lost.
    LoseReply,
    /// It is lost.
    LoseRequest,
    /// It is answered by the relay with this whole response.
    Answer(String),
    /// It is answered by the relay with this, and then this again and again, for as long as the client listens.
    Endless(String, String),
    /// It gets no further, and the client waits for its reply until it is killed.
    StallRequest,
    /// It is passed on, and the client waits for its reply until it is killed.
    StallReply,
    /// What is done with the client, given the way to pass the request on and have its whole reply.
    Play(Play),
}

/// What a test does with a client, given the way to pass its request on and have the whole reply.
pub type Play = Box<
    dyn FnOnce(&TcpStream, &dyn Fn() -> std::io::Result<Vec<u8>>) -> std::io::Result<()> + Send,
>;

/// The relay. It listens for as long as the test process lives.
pub struct Relay {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<Vec<String>>>,
    stalls: Receiver<()>,
}

/// What the relay remembers, and whom it tells.
#[derive(Clone)]
struct Notes {
    heads: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<Vec<String>>>,
    stalls: Sender<()>,
}

impl Relay {
    /// A relay to `upstream` that asks `fate` about each request's head.
    pub fn start(upstream: &str, fate: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self::listen(listener, url, Arc::new(Upstream { address, tls: None }), fate)
    }

    /// The same to an upstream that speaks TLS, while the relay itself does not.
    pub fn start_to_tls(
        upstream: &str,
        ca_file: &Path,
        fate: impl Fn(&str) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = upstream.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let tls = Some(Arc::new(client_config(Roots::Only(ca_file), None).unwrap()));
        Self::listen(listener, url, Arc::new(Upstream { address, tls }), fate)
    }

    fn listen(
        listener: TcpListener,
        url: String,
        upstream: Arc<Upstream>,
        fate: impl Fn(&str) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let (heads, replies) = (Arc::default(), Arc::default());
        let (tell, stalls) = channel();
        let notes =
            Notes { heads: Arc::clone(&heads), replies: Arc::clone(&replies), stalls: tell };
        let fate = Arc::new(fate);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (upstream, notes) = (Arc::clone(&upstream), notes.clone());
                let fate = Arc::clone(&fate);
                std::thread::spawn(move || {
                    // A client that hangs up is no failure of the relay.
                    let _ = relay(&client?, &upstream, &notes, &*fate);
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        Self { url, heads, replies, stalls }
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The whole replies that the server gave so far.
    pub fn replies(&self) -> Vec<String> {
        self.replies.lock().unwrap().clone()
    }

    /// Waits until a request or a reply stalls; whether one did within `limit`.
    pub fn stalled(&self, limit: Duration) -> bool {
        self.stalls.recv_timeout(limit).is_ok()
    }
}

/// A response with a status and a body.
pub fn response(status: u16, headers: &str, body: &str) -> Fate {
    Fate::Answer(format!(
        "HTTP/1.1 {status} Chosen\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    ))
}

/// Where requests are passed on to.
struct Upstream {
    address: String,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Upstream {
    /// The whole reply to a whole request.
    fn ask(&self, head: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        let mut reply = vec![];
        match &self.tls {
            None => {
                stream.write_all(head)?;
                stream.write_all(body)?;
                stream.read_to_end(&mut reply)?;
            }
            Some(config) => {
                let host = self.address.split(':').next().unwrap().to_owned().try_into().unwrap();
                let session = rustls::ClientConnection::new(Arc::clone(config), host).unwrap();
                let mut stream = rustls::StreamOwned::new(session, stream);
                stream.write_all(head)?;
                stream.write_all(body)?;
                // Some servers close without saying so.
                if let Err(error) = stream.read_to_end(&mut reply)
                    && error.kind() != std::io::ErrorKind::UnexpectedEof
                {
                    return Err(error);
                }
            }
        }
        Ok(reply)
    }
}

/// One request and its reply; the connection is closed after it.
fn relay(
    mut client: &TcpStream,
    upstream: &Upstream,
    notes: &Notes,
    fate: &dyn Fn(&str) -> Fate,
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
    notes.heads.lock().unwrap().push(head.clone());
    let fate = fate(&head);
    let pass = || {
        let lines = head.trim_end().lines();
        let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut passed: String = kept.flat_map(|line| [line, "\r\n"]).collect();
        passed.push_str("Connection: close\r\n\r\n");
        let reply = upstream.ask(passed.as_bytes(), &body)?;
        notes.replies.lock().unwrap().push(String::from_utf8_lossy(&reply).into_owned());
        std::io::Result::Ok(reply)
    };
    let stall = || {
        let _ = notes.stalls.send(());
        // Until the client is gone.
        let _ = (&mut &*client).read(&mut [0]);
    };
    match fate {
        Fate::Pass => client.write_all(&pass()?)?,
        Fate::Twice => {
            drop(pass()?);
            client.write_all(&pass()?)?;
        }
        Fate::LoseReply => drop(pass()?),
        Fate::LoseRequest => {}
        Fate::Answer(text) => client.write_all(text.as_bytes())?,
        Fate::Endless(head, again) => {
            client.write_all(head.as_bytes())?;
            loop {
                client.write_all(again.as_bytes())?;
            }
        }
        Fate::Play(play) => play(client, &pass)?,
        Fate::StallRequest => stall(),
        Fate::StallReply => {
            drop(pass()?);
            stall();
        }
    }
    client.shutdown(Shutdown::Both)
}
