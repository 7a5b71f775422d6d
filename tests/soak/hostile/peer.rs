//! A peer over HTTP that is well until it falls ill, and the ways in which it then means harm.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::relay::{Fate, Play, Relay};

/// A way to mean harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It never comes to an end.
    Endless,
    /// A byte now and then.
    Slow,
    /// What nobody understands.
    Nonsense,
    /// Its clock is wrong, by days ahead, by hours behind, or beyond all time.
    WrongClock,
    /// It hangs up.
    Closed,
    /// It sends elsewhere, where somebody waits for secrets.
    Redirecting,
    /// It says nothing.
    Silent,
}

impl Way {
    pub const ALL: [Self; 7] = [
        Self::Endless,
        Self::Slow,
        Self::Nonsense,
        Self::WrongClock,
        Self::Closed,
        Self::Redirecting,
        Self::Silent,
    ];
}

/// Who can fall ill.
pub trait Illness {
    /// From now on it means harm in this way.
    fn fall_ill(&self, way: Way);
    /// No longer; what hung is let go.
    fn recover(&self);
    /// The requests that it harmed so far.
    fn asked(&self) -> usize;
}

/// Whether somebody is ill, how, and in which of its illnesses.
#[derive(Default)]
pub struct Health {
    now: Mutex<(Option<Way>, usize)>,
    asked: AtomicUsize,
}

impl Health {
    /// The way of now, the number of this illness, and the number of this request.
    pub fn ask(&self) -> Option<(Way, usize, usize)> {
        let (way, turn) = *self.now.lock().unwrap();
        way.map(|way| (way, turn, self.asked.fetch_add(1, Ordering::SeqCst)))
    }

    /// Whether that illness lasts.
    pub fn lasts(&self, turn: usize) -> bool {
        let (way, now) = *self.now.lock().unwrap();
        way.is_some() && now == turn
    }

    /// Waits until that illness is over.
    pub fn outlast(&self, turn: usize) {
        while self.lasts(turn) {
            std::thread::sleep(TICK);
        }
    }
}

impl Illness for Health {
    fn fall_ill(&self, way: Way) {
        let mut now = self.now.lock().unwrap();
        *now = (Some(way), now.1 + 1);
    }

    fn recover(&self) {
        self.now.lock().unwrap().0 = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const TICK: Duration = Duration::from_millis(20);

/// A peer that stands before a real one.
pub struct Peer {
    relay: Relay,
    health: Arc<Health>,
}

impl Peer {
    /// One that means harm, when it does, to those requests whose head `is_meant`.
    pub fn before(
        upstream: &str,
        thief: &Thief,
        is_meant: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        let health = Arc::new(Health::default());
        let (known, thief) = (Arc::clone(&health), thief.url.clone());
        let relay = Relay::start(upstream, move |head| {
            let harm = if is_meant(head) { known.ask() } else { None };
            match harm {
                None => Fate::Pass,
                Some((way, turn, number)) => {
                    Fate::Play(harm_by(way, turn, number, Arc::clone(&known), thief.clone()))
                }
            }
        });
        Self { relay, health }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.relay.url.clone()
    }
}

impl Illness for Peer {
    fn fall_ill(&self, way: Way) {
        self.health.fall_ill(way);
    }

    fn recover(&self) {
        self.health.recover();
    }

    fn asked(&self) -> usize {
        self.health.asked()
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const DATES: [&str; 4] = [
    "Fri, 05 Mar 2027 12:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
];

fn harm_by(way: Way, turn: usize, number: usize, health: Arc<Health>, thief: String) -> Play {
    Box::new(move |mut client, pass| match way {
        Way::Endless => {
            let (head, again) = endless(number);
            client.write_all(head.as_bytes())?;
            while health.lasts(turn) {
                client.write_all(again.as_bytes())?;
            }
            Ok(())
        }
        Way::Slow => {
            let answer =
                format!("{OK}Content-Length: 100000\r\n\r\n{{\"tokens\":[{}", "{},".repeat(9_000));
            for byte in answer.bytes().take_while(|_| health.lasts(turn)) {
                client.write_all(&[byte])?;
                std::thread::sleep(TICK);
            }
            Ok(())
        }
        Way::Nonsense => client.write_all(&nonsense(number)),
        Way::WrongClock => client.write_all(&at_another_time(&pass()?, number)),
        Way::Closed => Ok(()),
        Way::Redirecting => {
            let status = ["301 Moved", "302 Found", "303 See", "307 Go", "308 Stay"][number % 5];
            write!(
                client,
                "HTTP/1.1 {status}\r\nLocation: {thief}/stolen\r\nContent-Length: 0\r\n\r\n"
            )
        }
        Way::Silent => {
            health.outlast(turn);
            Ok(())
        }
    })
}

fn endless(number: usize) -> (String, String) {
    let many = |part: &str| part.repeat((64 << 10) / part.len());
    match number % 5 {
        0 => (format!("{OK}\r\n{{\"tokens\":["), many("{},")),
        1 => ("HTTP/1.1 500 No\r\n\r\n".to_owned(), many("x")),
        2 => ("HTTP/1.1 200 OK\r\n".to_owned(), many("x-a: bbbb\r\n")),
        3 => (format!("{OK}Transfer-Encoding: chunked\r\n\r\n"), many("1\r\n[\r\n")),
        _ => (String::new(), many("x")),
    }
}

fn nonsense(number: usize) -> Vec<u8> {
    let whole = |status: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    match number % 12 {
        0 => whole("200 OK", "<html><body>It works!</body></html>"),
        1 => whole("200 OK", &"[".repeat(1 << 20)),
        2 => whole("200 OK", "{\"tokens\":[]}"),
        3 => whole("206 Part", "{\"tokens\":[]}"),
        4 => whole("404 No", "{\"code\":\"NOT_FOUND\"}"),
        5 => whole("404 No", "{\"errors\":[]}"),
        6 => whole("202 Later", "{}"),
        7 => whole(
            "200 OK",
            "{\"errors\":null,\"data\":{\"data\":null,\"metadata\":{\"version\":-1}}}",
        ),
        8 => whole(
            "400 No",
            "{\"errors\":[\"check-and-set parameter did not match the current version\"]}",
        ),
        9 => whole("429 Slow\r\nRetry-After: 18446744073709551615", "\u{1b}[2J\u{202e}"),
        10 => whole("503 No\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT", ""),
        _ => (0..=255).cycle().take(4_096).collect(),
    }
}

/// The reply with another `Date`.
fn at_another_time(reply: &[u8], number: usize) -> Vec<u8> {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(reply.len());
    let (head, body) = reply.split_at(end);
    let head = String::from_utf8_lossy(head);
    let is_date = |line: &&str| line.to_ascii_lowercase().starts_with("date:");
    let lines: Vec<_> = head.split("\r\n").filter(|line| !is_date(line)).collect();
    let date = DATES[number % DATES.len()];
    [lines.join("\r\n").as_bytes(), format!("\r\nDate: {date}").as_bytes(), body].concat()
}

/// Somebody who waits for what is sent after a redirect.
pub struct Thief {
    pub url: String,
    visits: Arc<AtomicUsize>,
}

impl Thief {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let visits = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&visits);
        std::thread::spawn(move || {
            for visitor in listener.incoming() {
                let _: std::io::Result<TcpStream> = visitor;
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, visits }
    }

    /// How many came.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}
