//! The stand-in for MotherDuck: its REST API and its Postgres endpoint, with a switch for everything undocumented.

mod certificates;
mod ducklings;
mod events;
mod faults;
mod identity;
mod journal;
mod options;
mod postgres;
mod rest;
mod seed;
mod service;
mod state;
mod storage;
#[cfg(test)]
mod tests;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use self::identity::Identity;
pub(crate) use self::options::loopback;
pub use self::options::{Options, OwnTokens, RetryAfter};
use self::service::Service;
use self::storage::Directory;
use crate::fault::{Diagnostic, FaultKind};

/// How long a stop waits for the requests in hand.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How to reach a sandbox, as its ready line tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The REST API's base URL; plain HTTP on a loopback address.
    pub api_url: String,
    /// The Postgres endpoint's host; its certificate covers `localhost` too.
    pub postgres_host: String,
    /// The Postgres endpoint's port.
    pub postgres_port: u16,
    /// The certificate authority that signed the Postgres endpoint's certificate, PEM.
    pub ca_file: PathBuf,
    /// The file that holds the admin's read/write token, mode 0600.
    pub admin_token_file: PathBuf,
    /// The admin's username.
    pub admin_username: String,
}

/// A running sandbox. It stops when it is dropped; [`Sandbox::stop`] also waits for what is in hand.
#[derive(Debug)]
pub struct Sandbox {
    ready: Ready,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    _stop_on_drop: DropGuard,
    _directory: Directory,
}

impl Sandbox {
    /// How to reach it.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Stops listening, lets the requests in hand finish (for at most 5 s), and closes every session.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_LIMIT, self.tasks.wait()).await.is_err() {
            tracing::warn!("sandbox stopped with requests in hand");
        }
    }
}

/// Starts a sandbox inside this process; both endpoints accept connections when this returns.
pub async fn start(options: Options) -> Result<Sandbox, SandboxError> {
    options.check()?;
    let directory = Directory::open(options.dir.as_deref())?;
    let certificates = certificates::prepare(directory.path())?;
    let (organisation, admin_token_file) =
        seed::organisation(&directory, &options.accounts, options.accounts_file.as_deref())?;
    let faults = faults::Faults::new(&options);
    let service = Arc::new(Service::new(organisation, faults, directory.state_file())?);

    let (rest, rest_address) = listen(options.rest_listen).await?;
    let (postgres, postgres_address) = listen(options.postgres_listen).await?;
    let tasks = TaskTracker::new();
    let rest = rest::serve(rest, service.clone());
    tasks.spawn(async move {
        if let Err(error) = rest.await {
            tracing::error!(%error, "REST API ended");
        }
    });
    tasks.spawn(postgres::serve(postgres, certificates.server, service.clone(), tasks.clone()));

    Ok(Sandbox {
        ready: Ready {
            api_url: format!("http://{rest_address}"),
            postgres_host: postgres_address.ip().to_string(),
            postgres_port: postgres_address.port(),
            ca_file: certificates.ca_file,
            admin_token_file,
            admin_username: seed::ADMIN.to_owned(),
        },
        shutdown: service.shutdown.clone(),
        tasks,
        _stop_on_drop: service.shutdown.clone().drop_guard(),
        _directory: directory,
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SandboxError> {
    let failed = |source| SandboxError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Why a sandbox does not start, or cannot keep its state.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// An address that other machines can reach.
    #[error("the sandbox cannot listen on {address}, which is not a loopback address")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// A rate outside 0 to 1.
    #[error("{switch} must be a number from 0 to 1")]
    NotAProbability {
        /// The switch.
        switch: &'static str,
    },
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The directory cannot be made or locked.
    #[error("cannot use directory {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another sandbox has the directory.
    #[error("directory {path} is in use by another sandbox")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the directory cannot be read.
    #[error("cannot read file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file of the directory cannot be written.
    #[error("cannot write file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The state is not what a sandbox writes.
    #[error("the state in file {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line of the accounts' file is not a username.
    #[error("line {line} of file {path} names no account")]
    Account {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        source: crate::names::NameError,
    },
    /// The admin token's file does not hold a token.
    #[error("file {path} does not hold a token")]
    AdminToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::secret::TokenError,
    },
    /// A certificate cannot be made, or the authority's key cannot be used.
    #[error("cannot make the sandbox's certificates")]
    Certificate(#[source] rcgen::Error),
    /// The certificates do not make a TLS server.
    #[error("cannot serve TLS with the sandbox's certificates")]
    Tls(#[source] rustls::Error),
}

impl Diagnostic for SandboxError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InUse { .. } => FaultKind::Transient,
            Self::NotLoopback { .. }
            | Self::NotAProbability { .. }
            | Self::Listen { .. }
            | Self::Directory { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Damaged { .. }
            | Self::Account { .. }
            | Self::AdminToken { .. }
            | Self::Certificate(_)
            | Self::Tls(_) => FaultKind::Permanent,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotLoopback { .. } => {
                Some("use 127.0.0.1: anybody who reaches a sandbox can make it fail".to_owned())
            }
            Self::Listen { .. } => Some("port 0 picks a free port".to_owned()),
            Self::InUse { .. } => {
                Some("stop the other sandbox, or choose another --dir".to_owned())
            }
            Self::Damaged { .. } | Self::AdminToken { .. } | Self::Certificate(_) => {
                Some("start over with an empty --dir".to_owned())
            }
            Self::NotAProbability { .. }
            | Self::Directory { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Account { .. }
            | Self::Tls(_) => None,
        }
    }
}
