//! Readers of the status server who mean harm: many at once, in the ways that readers have.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::peer::{Health, Illness, Way};

/// So many at once.
const READERS: usize = 40;

/// Between two of their deeds: it is the server that is to have the work.
const MOMENT: Duration = Duration::from_millis(5);

/// The readers.
pub struct Crowd {
    health: Arc<Health>,
    readers: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Of the server at this URL.
    pub fn of(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let health = Arc::new(Health::default());
        let readers = (0..READERS)
            .map(|_| {
                let (health, address) = (Arc::downgrade(&health), address.clone());
                std::thread::spawn(move || {
                    while let Some(health) = health.upgrade() {
                        if let Some((way, turn, number)) = health.ask() {
                            // Whom the server has had enough of comes again.
                            let _ = read(&address, way, turn, number, &health);
                        }
                        drop(health);
                        std::thread::sleep(Duration::from_millis(20));
                    }
                })
            })
            .collect();
        Self { health, readers }
    }
}

impl Illness for Crowd {
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

impl Drop for Crowd {
    fn drop(&mut self) {
        self.health.recover();
        self.health = Arc::default();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

fn read(
    address: &str,
    way: Way,
    turn: usize,
    number: usize,
    health: &Health,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let whole = b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    match way {
        Way::Endless => {
            let heads: [&[u8]; 3] = [
                b"GET /",
                b"GET / HTTP/1.1\r\nx: ",
                b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            ];
            stream.write_all(heads[number % 3])?;
            while health.lasts(turn) {
                stream.write_all(&[b'1'; 4_096])?;
                std::thread::sleep(MOMENT);
            }
        }
        Way::Slow => {
            for byte in whole.iter().cycle().take_while(|_| health.lasts(turn)) {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(40));
            }
        }
        Way::Nonsense => {
            let noise: Vec<u8> = (0..=255).cycle().skip(number).take(2_000).collect();
            stream.write_all(&noise)?;
            let _ = stream.read(&mut [0; 512])?;
        }
        // They have no clock; many ask for the dearest page without reading it.
        Way::WrongClock => {
            while health.lasts(turn) {
                stream.write_all(b"GET /?rows=all HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
                std::thread::sleep(MOMENT);
            }
        }
        Way::Closed => stream.write_all(whole)?,
        // A page of a stranger's, whose name leads here.
        Way::Redirecting => {
            stream.write_all(
                b"GET / HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n",
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
        }
        Way::Silent => health.outlast(turn),
    }
    Ok(())
}
