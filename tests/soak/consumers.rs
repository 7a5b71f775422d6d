//! The consumers: all the time, each reads its secret and connects with it, and says so to whoever asks for its health.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::http::Consumer;
use crate::reader::{Reader, Secret};
use crate::wire::{Moment, Point, Wire};

/// What the consumers have lived through.
#[derive(Debug, Default)]
pub struct Lives {
    /// Connections that came about.
    pub connections: u64,
    /// Refusals of a token that the store had replaced meanwhile; the consumer went on with the other.
    pub outdated: u64,
    /// Refusals of a token that the store still served when it was read again.
    pub failed: Vec<String>,
    /// Connections that came to nothing for another reason than the token.
    pub broken: u64,
    /// Times that the store could not be read.
    pub unread: u64,
    /// The token that each consumer connected with last.
    current: BTreeMap<String, String>,
    /// Every token that any of them connected with.
    pub seen: BTreeSet<String>,
}

/// The consumers, in a thread of their own until they are dropped.
pub struct Consumers {
    /// Where they are asked for their health, and told to reload.
    pub url: String,
    lives: Arc<Mutex<Lives>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a consumer needs to connect.
#[derive(Clone)]
struct Door {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
}

enum Answer {
    Connected,
    Refused,
    Broken,
}

impl Consumers {
    /// One for each credential, each with `pause` between two connections.
    pub fn start(
        credentials: &[String],
        reader: &Reader,
        port: u16,
        ca_file: &Path,
        pause: Duration,
        wire: Arc<Wire>,
    ) -> Self {
        let lives = Arc::new(Mutex::new(Lives::default()));
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&lives);
        let ear = Consumer::start(move |head| health(head, &told, &wire));
        let door = Door::new(port, ca_file);
        let all: Vec<_> = credentials
            .iter()
            .map(|name| Life {
                credential: name.clone(),
                reader: reader.clone(),
                door: door.clone(),
                lives: Arc::clone(&lives),
                ended: Arc::clone(&ended),
                held: None,
            })
            .collect();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let lives = all.into_iter().map(|life| life.live(pause));
            runtime.unwrap().block_on(futures::future::join_all(lives));
        });
        Self { url: ear.url, lives, ended, thread: Some(thread) }
    }

    /// Looks at what they have lived through.
    pub fn look<T>(&self, at: impl FnOnce(&Lives) -> T) -> T {
        at(&self.lives.lock().unwrap())
    }
}

impl Drop for Consumers {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The status for `GET /gate/CREDENTIAL/TOKEN_ID`: whether that is the token with which the consumer connected last.
fn health(head: &str, lives: &Mutex<Lives>, wire: &Wire) -> u16 {
    let mut path = head.split(' ').nth(1).unwrap_or_default().split('/').skip(1);
    let point = if path.next() == Some("gate") { Point::Gate } else { Point::Deploy };
    match wire.stalls(point) {
        Some(Moment::Before) => wire.strike(),
        Some(Moment::After) => wire.has_answered(),
        None => {}
    }
    if point == Point::Deploy {
        return 200;
    }
    let (Some(credential), Some(id)) = (path.next(), path.next()) else { return 404 };
    let lives = lives.lock().unwrap();
    if lives.current.get(credential).is_some_and(|current| current == id) { 200 } else { 503 }
}

/// One consumer.
struct Life {
    credential: String,
    reader: Reader,
    door: Door,
    lives: Arc<Mutex<Lives>>,
    ended: Arc<AtomicBool>,
    held: Option<Secret>,
}

impl Life {
    async fn live(mut self, pause: Duration) {
        while !self.ended.load(Ordering::SeqCst) {
            match self.reader.read(&self.credential).await {
                Some(secret) => self.held = Some(secret),
                // What it has read before must go on working.
                None => self.count(|lives| lives.unread += 1),
            }
            if let Some(secret) = self.held.clone() {
                self.connect(secret).await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Connects, as clients must: a refused token is read again, and tried again if it is another one.
    async fn connect(&mut self, mut secret: Secret) {
        loop {
            match self.door.knock(&secret.token).await {
                Answer::Connected => {
                    return self.count(|lives| {
                        lives.connections += 1;
                        lives.seen.insert(secret.id.clone());
                        lives.current.insert(self.credential.clone(), secret.id.clone());
                    });
                }
                Answer::Broken => return self.count(|lives| lives.broken += 1),
                Answer::Refused => {}
            }
            let Some(again) = self.read_again().await else { return };
            if again.token == secret.token {
                return self.count(|lives| lives.failed.push(secret.id.clone()));
            }
            self.count(|lives| lives.outdated += 1);
            self.held = Some(again.clone());
            secret = again;
        }
    }

    /// Reads until it can be read, for a minute.
    async fn read_again(&self) -> Option<Secret> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            if let Some(secret) = self.reader.read(&self.credential).await {
                return Some(secret);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let why = "refused, and nothing to read for a minute".to_owned();
        self.count(|lives| lives.failed.push(why));
        None
    }

    fn count(&self, how: impl FnOnce(&mut Lives)) {
        how(&mut self.lives.lock().unwrap());
    }
}

impl Door {
    fn new(port: u16, ca_file: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots);
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(port)
            .user("postgres")
            .dbname("md:")
            .ssl_mode(SslMode::Require);
        Self { config, tls: MakeRustlsConnect::new(tls.with_no_client_auth()) }
    }

    async fn knock(&self, token: &str) -> Answer {
        let mut config = self.config.clone();
        config.password(token);
        let limit = Duration::from_secs(20);
        let attempt = async {
            let (client, connection) = config.connect(self.tls.clone()).await?;
            let (row, _) = futures::future::join(
                async {
                    let row = client.simple_query("SELECT 1").await;
                    drop(client);
                    row
                },
                connection,
            )
            .await;
            row.map(drop)
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(Ok(())) => Answer::Connected,
            Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_PASSWORD) => Answer::Refused,
            Ok(Err(_)) | Err(_) => Answer::Broken,
        }
    }
}
