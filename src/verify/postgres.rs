//! A connection to MotherDuck's Postgres endpoint, with the token as its password.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::limited::limited;
use super::region;
use crate::config;
use crate::redact::foreign_text;
use crate::rotation::world::{FaultKind, Verdict};
use crate::secret::Token;
use crate::tls::{Roots, TlsError, client_config, is_distrust};

mod limited;

/// The limit for the whole probe.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the server may take to close a connection that has served its purpose.
const FAREWELL: Duration = Duration::from_secs(1);
const MESSAGE_CHARACTERS: usize = 200;

/// Why the endpoint told nothing about a token.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No TLS configuration could be made.
    #[error("cannot set up TLS")]
    Tls(#[source] TlsError),
    /// Neither the configuration nor the token names the host.
    #[error("the token does not tell its region")]
    NoRegion,
    /// The time was up.
    #[error("{host}:{port} did not answer within {}", humantime::format_duration(LIMIT))]
    TimedOut {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The server's certificate is not believed, or is another host's.
    #[error("the certificate of {host}:{port} is not believed")]
    Distrust {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The authorities that are believed in place of the system's.
        ca_file: Option<PathBuf>,
        /// What is wrong.
        source: tokio_postgres::Error,
    },
    /// The connection could not be made, or broke.
    #[error("no connection to {host}:{port}")]
    Connection {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the client said.
        source: tokio_postgres::Error,
    },
    /// The server reported an error that does not concern the token.
    #[error("{host}:{port} answered SQLSTATE {state}: {message}")]
    Server {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The SQLSTATE.
        state: String,
        /// The server's message, without the token.
        message: String,
    },
}

impl PostgresError {
    /// Whether trying again may help.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Tls(error) => error.kind(),
            Self::NoRegion | Self::Distrust { .. } => FaultKind::Permanent,
            Self::TimedOut { .. } | Self::Connection { .. } => FaultKind::Transient,
            // What was asked for does not exist (3D, 3F, 42); all else is the server's trouble.
            Self::Server { state, .. } => match state.get(..2) {
                Some("3D" | "3F" | "42") => FaultKind::Permanent,
                Some(_) | None => FaultKind::Transient,
            },
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRegion => Some("name motherduck.postgres.host".to_owned()),
            Self::Distrust { host, ca_file: Some(path), .. } => Some(format!(
                "is {host} the right host? motherduck.postgres.ca_file ({}) must hold the authority of its certificate, and stands in place of the system's",
                path.display()
            )),
            Self::Distrust { host, ca_file: None, .. } => Some(format!(
                "is {host} the right host? a private authority is named by motherduck.postgres.ca_file"
            )),
            Self::Server { .. } if self.kind() == FaultKind::Permanent => {
                Some("check the `database` of the credential's verify.postgres".to_owned())
            }
            Self::Tls(_)
            | Self::TimedOut { .. }
            | Self::Connection { .. }
            | Self::Server { .. } => None,
        }
    }
}

/// The Postgres endpoint, as one credential's tokens are tried at it.
pub(super) struct Endpoint {
    tls: MakeRustlsConnect,
    host: Option<String>,
    port: u16,
    ca_file: Option<PathBuf>,
    database: String,
}

impl Endpoint {
    pub(super) fn new(settings: &config::Postgres, database: &str) -> Result<Self, PostgresError> {
        let roots = Roots::only(settings.ca_file.as_ref());
        let tls = client_config(roots, None).map_err(PostgresError::Tls)?;
        Ok(Self {
            tls: MakeRustlsConnect::new(tls),
            host: settings.host.clone(),
            port: settings.port,
            ca_file: settings.ca_file.clone(),
            database: database.to_owned(),
        })
    }

    pub(super) async fn connect(&self, token: &Token) -> Result<Verdict, PostgresError> {
        let host = match &self.host {
            Some(host) => host.clone(),
            None => region::host(token).ok_or(PostgresError::NoRegion)?,
        };
        match timeout(LIMIT, Box::pin(self.probe(&host, token))).await {
            Ok(Ok(())) => Ok(Verdict::Works),
            Ok(Err(error)) => self.judge(host, token, error),
            Err(_) => Err(PostgresError::TimedOut { host, port: self.port }),
        }
    }

    async fn probe(&self, host: &str, token: &Token) -> Result<(), tokio_postgres::Error> {
        // By setters alone: nothing comes from the environment or from a connection string.
        let mut settings = tokio_postgres::Config::new();
        settings
            .host(host)
            .port(self.port)
            .user("postgres")
            .dbname(&self.database)
            .application_name("pintail")
            .ssl_mode(SslMode::Require);
        token.lend(|text| settings.password(text));

        let (client, connection) = settings.connect(limited(self.tls.clone())).await?;
        // The client is dropped with the answer, which makes the connection say goodbye.
        let ask = Box::pin(async move { client.simple_query("SELECT 1").await.map(drop) });
        match select(ask, connection).await {
            Either::Left((answer, connection)) => {
                let _ = timeout(FAREWELL, connection).await;
                answer
            }
            Either::Right((Err(error), _)) => Err(error),
            Either::Right((Ok(()), ask)) => ask.await,
        }
    }

    /// SQLSTATE class 28 is the server's word on the password; nothing else is.
    fn judge(
        &self,
        host: String,
        token: &Token,
        error: tokio_postgres::Error,
    ) -> Result<Verdict, PostgresError> {
        let port = self.port;
        let Some(answer) = error.as_db_error() else {
            return Err(if is_distrust(&error) {
                PostgresError::Distrust { host, port, ca_file: self.ca_file.clone(), source: error }
            } else {
                PostgresError::Connection { host, port, source: error }
            });
        };
        let state = foreign_text(answer.code().code(), 5);
        if state.starts_with("28") {
            return Ok(Verdict::Refused(format!("{host}:{port} refused it with SQLSTATE {state}")));
        }
        let message = token.lend(|text| answer.message().replace(text, "[redacted]"));
        let message = foreign_text(&message, MESSAGE_CHARACTERS);
        Err(PostgresError::Server { host, port, state, message })
    }
}
