//! The wires between pintail and everybody else: they lose, delay and refuse by chance, and stall where it is to be
//! killed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::relay::{Fate, response};
use crate::stores::Kind;

/// What pintail asks others for in a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    List,
    Create,
    Revoke,
    Read,
    Write,
    Label,
    Connect,
    Deploy,
    Gate,
}

/// When it is killed: before what it asked for took effect, or after, without having heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    Before,
    After,
}

/// How long a stalled request waits for the kill.
const STALL: Duration = Duration::from_secs(2);

/// What all the wires of one soak have in common.
pub struct Wire {
    /// Where to stall, and after how many passages.
    armed: Mutex<Option<(Point, Moment, u32)>>,
    /// It has stalled, and the effect has come about or never will.
    struck: AtomicBool,
    rough: AtomicBool,
    chance: Mutex<fastrand::Rng>,
    faults: AtomicU64,
}

impl Wire {
    /// Calm wires.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            armed: Mutex::default(),
            struck: AtomicBool::default(),
            rough: AtomicBool::default(),
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            faults: AtomicU64::default(),
        })
    }

    /// From now on they lose, delay and refuse by chance, or no longer.
    pub fn be_rough(&self, rough: bool) {
        self.rough.store(rough, Ordering::SeqCst);
    }

    /// How much was lost, delayed or refused by chance.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::SeqCst)
    }

    /// Stalls at the passage after the next `skip` ones.
    pub fn arm(&self, point: Point, moment: Moment, skip: u32) {
        self.struck.store(false, Ordering::SeqCst);
        *self.armed.lock().unwrap() = Some((point, moment, skip));
    }

    /// No longer stalls.
    pub fn disarm(&self) {
        *self.armed.lock().unwrap() = None;
        self.struck.store(false, Ordering::SeqCst);
    }

    /// Whether it has stalled.
    pub fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Tells that it has stalled, and gives the kill its time.
    pub fn strike(&self) {
        self.struck.store(true, Ordering::SeqCst);
        let start = Instant::now();
        while self.has_struck() && start.elapsed() < STALL {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Tells that an answer is on its way.
    pub fn has_answered(&self) {
        self.struck.store(true, Ordering::SeqCst);
    }

    /// Whether this passage is to stall.
    pub fn stalls(&self, point: Point) -> Option<Moment> {
        let mut armed = self.armed.lock().unwrap();
        let (at, moment, skip) = armed.as_mut()?;
        if *at != point {
            return None;
        }
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        let moment = *moment;
        *armed = None;
        Some(moment)
    }

    /// What becomes of an HTTP request.
    pub fn fate(self: &Arc<Self>, point: Option<Point>) -> Fate {
        match point.and_then(|point| self.stalls(point)) {
            Some(Moment::Before) => {
                self.strike();
                return Fate::LoseRequest;
            }
            // The relay tells when it is passed on.
            Some(Moment::After) => return Fate::StallReply,
            None => {}
        }
        if !self.rough.load(Ordering::SeqCst) {
            return Fate::Pass;
        }
        let (draw, millis) = self.draw();
        match draw {
            0..2 => Fate::LoseRequest,
            2..4 => Fate::LoseReply,
            4..5 => response(503, "", ""),
            5..9 => {
                std::thread::sleep(Duration::from_millis(millis));
                Fate::Pass
            }
            _ => {
                self.faults.fetch_sub(1, Ordering::SeqCst);
                Fate::Pass
            }
        }
    }

    fn draw(&self) -> (u32, u64) {
        self.faults.fetch_add(1, Ordering::SeqCst);
        let mut chance = self.chance.lock().unwrap();
        (chance.u32(0..100), chance.u64(10..400))
    }

    /// A wire to the Postgres endpoint, encrypted from end to end: its port.
    pub fn to_postgres(self: &Arc<Self>, upstream: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Arc::clone(self);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let wire = Arc::clone(&wire);
                // A side that hangs up is no failure of the wire.
                std::thread::spawn(move || wire.carry(&client?, upstream));
            }
        });
        port
    }

    fn carry(&self, client: &TcpStream, upstream: u16) -> std::io::Result<()> {
        let moment = self.stalls(Point::Connect);
        if moment == Some(Moment::Before) {
            self.strike();
            return client.shutdown(Shutdown::Both);
        }
        if self.rough.load(Ordering::SeqCst) {
            let (draw, millis) = self.draw();
            match draw {
                0..3 => return client.shutdown(Shutdown::Both),
                3..6 => std::thread::sleep(Duration::from_millis(millis)),
                _ => {
                    self.faults.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
        let server = TcpStream::connect(("127.0.0.1", upstream))?;
        let back = (server.try_clone()?, client.try_clone()?);
        let answers = std::thread::spawn(move || pour(&back.0, &back.1));
        pour(client, &server);
        let _ = answers.join();
        if moment.is_some() {
            self.strike();
        }
        Ok(())
    }
}

fn pour(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// What a request to MotherDuck asks for.
pub fn rest_point(head: &str) -> Option<Point> {
    match head.split(' ').next()? {
        "GET" => Some(Point::List),
        "POST" => Some(Point::Create),
        "DELETE" => Some(Point::Revoke),
        _ => None,
    }
}

/// What a request to a store asks for.
pub fn store_point(head: &str) -> Point {
    let head = head.to_ascii_lowercase();
    if head.contains("secretsmanager.updatesecretversionstage") {
        Point::Label
    } else if head.contains("secretsmanager.put") || head.contains("secretsmanager.create") {
        Point::Write
    } else if head.contains("secretsmanager.") || head.starts_with("get ") {
        Point::Read
    } else {
        Point::Write
    }
}

/// The points of a rotation, before and after the effect.
pub fn points(kind: Kind) -> Vec<(Point, Moment)> {
    let mut points = vec![
        Point::List,
        Point::Create,
        Point::Connect,
        Point::Write,
        Point::Deploy,
        Point::Gate,
        Point::Revoke,
    ];
    if kind != Kind::File {
        points.push(Point::Read);
    }
    if kind == Kind::Aws {
        points.push(Point::Label);
    }
    points.into_iter().flat_map(|point| [(point, Moment::Before), (point, Moment::After)]).collect()
}
