//! A service manager's end of `sd_notify(3)`: it hears what the program says of itself.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_mins(1);

/// The manager's socket, and all that was said so far.
pub struct Manager {
    socket: UnixDatagram,
    /// What stands in `NOTIFY_SOCKET`.
    pub name: String,
    pub said: Vec<String>,
}

impl Manager {
    /// One with a socket in a directory.
    pub fn new(dir: &Path) -> Self {
        let name = dir.join("notify").display().to_string();
        Self::with(UnixDatagram::bind(&name).unwrap(), name)
    }

    /// One whose socket stands in no file system.
    pub fn without_file() -> Self {
        let name = format!("pintail-{}", uuid::Uuid::new_v4());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self::with(UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}"))
    }

    fn with(socket: UnixDatagram, name: String) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, name, said: vec![] }
    }

    /// The variables that a program is started with.
    pub fn variables(&self, watchdog: Option<Duration>) -> Vec<(String, String)> {
        let mut variables = vec![("NOTIFY_SOCKET".to_owned(), self.name.clone())];
        if let Some(limit) = watchdog {
            variables.push(("WATCHDOG_USEC".to_owned(), limit.as_micros().to_string()));
        }
        variables
    }

    /// Listens until so many messages in all held `part`; the last of them.
    pub fn hear(&mut self, part: &str, count: usize) -> String {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while self.count(part) < count {
            assert!(begun.elapsed() < PATIENCE, "no {part} in {:#?}", self.said);
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.said.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
            }
        }
        self.said.iter().rfind(|message| message.contains(part)).unwrap().clone()
    }

    /// How many messages held `part`.
    pub fn count(&self, part: &str) -> usize {
        self.said.iter().filter(|message| message.contains(part)).count()
    }
}
