//! The addresses behind a host name, and the way to one of them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{LIMIT, PostgresError, Unconnected};

/// A name with more addresses is not tried to the end.
const MOST: usize = 8;
/// How long one of several may take to answer at all: enough to ask twice.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(3);

/// Where a host is to be found, each address once and in the resolver's order.
pub(in crate::consumers::verify) struct Addresses {
    host: String,
    port: u16,
    found: Vec<SocketAddr>,
}

impl Addresses {
    pub(super) async fn of(host: &str, port: u16) -> Result<Self, PostgresError> {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let unresolved = |source| PostgresError::Connection {
            host: host.to_owned(),
            port,
            source: Unconnected::Network(source),
        };
        let looked = timeout(LIMIT, lookup_host((plain, port))).await;
        let looked = looked.map_err(|_| late(host, port, LIMIT))?.map_err(unresolved)?;
        let mut found = Vec::new();
        for address in looked.take(MOST) {
            if !found.contains(&address) {
                found.push(address);
            }
        }
        if found.is_empty() {
            return Err(unresolved(io::Error::other("the name has no address")));
        }
        Ok(Self { host: host.to_owned(), port, found })
    }

    /// These, as if a resolver had told of them.
    #[cfg(test)]
    pub(in crate::consumers::verify) fn told(host: &str, found: Vec<SocketAddr>) -> Self {
        Self { host: host.to_owned(), port: 0, found }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.found.iter().copied()
    }

    /// A connection to one of them, within the limit of each.
    pub(super) async fn connect(&self, address: SocketAddr) -> Result<TcpStream, PostgresError> {
        let limit = if self.found.len() > 1 { ONE_OF_SEVERAL } else { LIMIT };
        let unconnected = |source| PostgresError::Connection {
            host: self.host.clone(),
            port: self.port,
            source: Unconnected::Network(source),
        };
        let connected = timeout(limit, TcpStream::connect(address)).await;
        let stream =
            connected.map_err(|_| late(&self.host, self.port, limit))?.map_err(unconnected)?;
        stream.set_nodelay(true).map_err(unconnected)?;
        Ok(stream)
    }
}

fn late(host: &str, port: u16, limit: Duration) -> PostgresError {
    PostgresError::TimedOut { host: host.to_owned(), port, limit }
}
