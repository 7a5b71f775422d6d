//! The Postgres endpoint behind a wire that means harm at times.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::peer::{Health, Illness, Way};

/// The wire.
pub struct Postgres {
    pub port: u16,
    health: Arc<Health>,
}

impl Postgres {
    /// To the endpoint at this port of this machine.
    pub fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let health = Arc::new(Health::default());
        let known = Arc::clone(&health);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let health = Arc::clone(&known);
                // A side that hangs up is no failure of the wire.
                std::thread::spawn(move || carry(&client?, upstream, &health));
            }
        });
        Self { port, health }
    }
}

impl Illness for Postgres {
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

fn carry(mut client: &TcpStream, upstream: u16, health: &Health) -> std::io::Result<()> {
    let Some((way, turn, number)) = health.ask() else { return pass(client, upstream) };
    match way {
        // A server that takes up the encryption, and sends no end of what is none; or a message without end.
        Way::Endless => {
            let head: &[u8] =
                if number.is_multiple_of(2) { b"S" } else { b"N\x52\x7f\xff\xff\xff" };
            client.write_all(head)?;
            while health.lasts(turn) {
                client.write_all(&[0x16; 4_096])?;
            }
        }
        Way::Slow => {
            let hello = b"S\x16\x03\x03\x40\x00".iter().chain([0x02; 1_000].iter());
            for byte in hello.take_while(|_| health.lasts(turn)) {
                client.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Way::Nonsense => {
            let said: [&[u8]; 4] = [
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                b"N",
                b"S\x15\x03\x03\x00\x02\x02\x28",
                b"E\x00\x00\x00\x1bSFATAL\x00C28P01\x00Mno\x00\x00\x00",
            ];
            client.write_all(said[number % said.len()])?;
        }
        // It has no clock that anybody asks for, and sends nobody elsewhere.
        Way::WrongClock | Way::Redirecting => return pass(client, upstream),
        Way::Closed => {}
        Way::Silent => health.outlast(turn),
    }
    client.shutdown(Shutdown::Both)
}

fn pass(client: &TcpStream, upstream: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", upstream))?;
    let back = (server.try_clone()?, client.try_clone()?);
    let answers = std::thread::spawn(move || pour(&back.0, &back.1));
    pour(client, &server);
    let _ = answers.join();
    Ok(())
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
