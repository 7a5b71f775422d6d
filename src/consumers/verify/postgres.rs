//! A connection to MotherDuck's Postgres endpoint, with the token as its password.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::address::Addresses;
use self::attention::Attention;
use self::limited::limited;
use super::region;
use super::settings;
use crate::fault::{Diagnostic, FaultKind};
use crate::names::AccountName;
use crate::redact::foreign_text;
use crate::rotation::policy::IdentityRule;
use crate::rotation::world::{Answer, Verdict};
use crate::secret::Token;
use crate::tls::{Roots, TlsError, client_config, is_distrust};

pub(super) mod address;
mod attention;
mod limited;

/// The limit for the probe of what listens at one address, once it is connected to.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the server may think about which account a connection opens, which works already: beyond that it does not
/// say.
const ACCOUNT_LIMIT: Duration = Duration::from_secs(5);
/// The longest answer that is shown.
const NAME_CHARACTERS: usize = 100;
/// Where an answer is a part of the token, it is one that must not be shown from this length on.
const SECRET_BYTES: usize = 12;
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
    #[error("{host}:{port} did not answer within {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The time.
        limit: Duration,
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
        /// What happened.
        source: Unconnected,
    },
    /// The server let pintail in without asking for a password.
    #[error("{host}:{port} asks for no password, so that a connection proves nothing of a token")]
    NoPassword {
        /// The host.
        host: String,
        /// The port.
        port: u16,
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

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Unconnected {
    /// The name has no address, or nobody answers there.
    #[error(transparent)]
    Network(std::io::Error),
    /// What the client said.
    #[error(transparent)]
    Client(tokio_postgres::Error),
}

impl PostgresError {
    /// Whether another address of the host may have more to say.
    fn is_of_one_address(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Connection { .. } | Self::Distrust { .. } => true,
            Self::Server { .. } => self.kind() == FaultKind::Transient,
            Self::Tls(_) | Self::NoRegion | Self::NoPassword { .. } => false,
        }
    }

    /// Whether it is a word of the server, rather than none.
    fn is_told(&self) -> bool {
        !matches!(self, Self::TimedOut { .. } | Self::Connection { .. })
    }
}

impl Diagnostic for PostgresError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Tls(error) => error.kind(),
            Self::NoRegion | Self::Distrust { .. } | Self::NoPassword { .. } => {
                FaultKind::Permanent
            }
            Self::TimedOut { .. } | Self::Connection { .. } => FaultKind::Transient,
            // What was asked for does not exist (3D, 3F, 42); all else is the server's trouble.
            Self::Server { state, .. } => match state.get(..2) {
                Some("3D" | "3F" | "42") => FaultKind::Permanent,
                Some(_) | None => FaultKind::Transient,
            },
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRegion => Some("name motherduck.postgres.host".to_owned()),
            Self::Distrust { host, ca_file: Some(path), .. } => Some(format!(
                "is {host} the right host? motherduck.postgres.ca_file ({}) must hold the authority of its certificate, and stands in place of the system's",
                path.display()
            )),
            Self::Distrust { host, ca_file: None, .. } => Some(format!(
                "is {host} the right host? a private authority is named by motherduck.postgres.ca_file"
            )),
            Self::NoPassword { host, .. } => Some(format!(
                "is {host} MotherDuck's own host? what stands between must hand the password on, and not let everybody in (`trust`)"
            )),
            Self::Server { .. } if self.kind() == FaultKind::Permanent => {
                Some("check the `database` of the credential's verify.postgres".to_owned())
            }
            Self::TimedOut { host, port, .. } | Self::Connection { host, port, .. } => {
                Some(format!(
                    "the way to {host}:{port} must be open from here: Postgres goes through no HTTP proxy, whatever `proxy` says"
                ))
            }
            Self::Tls(_) | Self::Server { .. } => None,
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
    asks: Asks,
}

/// What is asked on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// Whether it works.
    WhetherItWorks,
    /// And which account it opens.
    Whose,
}

impl Endpoint {
    pub(super) fn new(
        settings: &settings::Postgres,
        database: &str,
        identity: IdentityRule,
    ) -> Result<Self, PostgresError> {
        let roots = Roots::only(settings.ca_file.as_ref());
        let tls = client_config(roots, None).map_err(PostgresError::Tls)?;
        Ok(Self {
            tls: MakeRustlsConnect::new(tls),
            host: settings.host.clone(),
            port: settings.port,
            ca_file: settings.ca_file.clone(),
            database: database.to_owned(),
            asks: match identity {
                IdentityRule::Off => Asks::WhetherItWorks,
                IdentityRule::IfAnswered | IdentityRule::Required => Asks::Whose,
            },
        })
    }

    pub(super) async fn connect(&self, token: &Token) -> Result<Verdict, PostgresError> {
        let host = match &self.host {
            Some(host) => host.clone(),
            None => region::host(token).ok_or(PostgresError::NoRegion)?,
        };
        let addresses = Addresses::of(&host, self.port).await?;
        self.search(host, &addresses, token).await
    }

    /// The verdict of the first address that has one.
    pub(super) async fn search(
        &self,
        host: String,
        addresses: &Addresses,
        token: &Token,
    ) -> Result<Verdict, PostgresError> {
        let mut told: Option<PostgresError> = None;
        for address in addresses.iter() {
            let error = match self.connect_to(&host, addresses, address, token).await {
                Err(error) if error.is_of_one_address() => error,
                // A refusal above all: what another address says does not take it back.
                definite => return definite,
            };
            if told.as_ref().is_none_or(|told| !told.is_told()) {
                told = Some(error);
            }
        }
        // There is one address at least.
        Err(told.unwrap_or(PostgresError::TimedOut { host, port: self.port, limit: LIMIT }))
    }

    /// The verdict of what listens at one address of the host.
    async fn connect_to(
        &self,
        host: &str,
        addresses: &Addresses,
        address: SocketAddr,
        token: &Token,
    ) -> Result<Verdict, PostgresError> {
        let stream = addresses.connect(address).await?;
        let host = host.to_owned();
        let attention = Attention::default();
        match timeout(LIMIT, Box::pin(self.probe(stream, &host, token, &attention))).await {
            Ok(Ok(_)) if !attention.heard_a_password() => {
                Err(PostgresError::NoPassword { host, port: self.port })
            }
            Ok(Ok(account)) => {
                let endpoint = format!("{host}:{}", self.port);
                Ok(Verdict::Works(account.map(|account| Answer { account, endpoint })))
            }
            Ok(Err(Unconnected::Client(error))) => self.judge(host, error),
            Ok(Err(source)) => Err(PostgresError::Connection { host, port: self.port, source }),
            Err(_) => Err(PostgresError::TimedOut { host, port: self.port, limit: LIMIT }),
        }
    }

    /// Connects, and asks what is to be asked; the account that the server names, if it does.
    async fn probe(
        &self,
        stream: TcpStream,
        host: &str,
        token: &Token,
        attention: &Attention,
    ) -> Result<Option<String>, Unconnected> {
        // By setters alone: nothing comes from the environment or from a connection string.
        let mut settings = tokio_postgres::Config::new();
        settings
            .user("postgres")
            .dbname(&self.database)
            .application_name("pintail")
            .ssl_mode(SslMode::Require);
        token.lend(|text| settings.password(text));

        // The certificate must be the name's, whichever address it was found under.
        let mut tls = attention.over(limited(self.tls.clone()));
        let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host)
            .map_err(|error| Unconnected::Network(io::Error::other(error)))?;
        let (client, connection) =
            settings.connect_raw(stream, tls).await.map_err(Unconnected::Client)?;
        // Whoever was let in without a password has nothing to ask: what is answered proves nothing.
        let asks = attention.heard_a_password().then_some(self.asks);
        let works = AtomicBool::new(false);
        // The client is dropped with the answer, which makes the connection say goodbye.
        let ask = Box::pin(async {
            let client = client;
            let Some(asks) = asks else { return Ok(None) };
            client.simple_query("SELECT 1").await?;
            works.store(true, Ordering::Release);
            Ok(match asks {
                Asks::WhetherItWorks => None,
                Asks::Whose => account(&client).await,
            })
        });
        let answer = match select(ask, connection).await {
            Either::Left((answer, connection)) => {
                let _ = timeout(FAREWELL, connection).await;
                answer
            }
            // A server that hangs up on the second question has answered the first.
            Either::Right((Err(_), _)) if works.load(Ordering::Acquire) => Ok(None),
            Either::Right((Err(error), _)) => Err(error),
            Either::Right((Ok(()), ask)) => ask.await,
        }
        .map_err(Unconnected::Client)?;
        Ok(answer.and_then(|name| shown(&name, token)))
    }

    /// SQLSTATE class 28 is the server's word on the password; nothing else is.
    fn judge(&self, host: String, error: tokio_postgres::Error) -> Result<Verdict, PostgresError> {
        let port = self.port;
        let Some(answer) = error.as_db_error() else {
            return Err(if is_distrust(&error) {
                PostgresError::Distrust { host, port, ca_file: self.ca_file.clone(), source: error }
            } else {
                PostgresError::Connection { host, port, source: Unconnected::Client(error) }
            });
        };
        let state = foreign_text(answer.code().code(), 5);
        if state.starts_with("28") {
            return Ok(Verdict::Refused(format!("{host}:{port} refused it with SQLSTATE {state}")));
        }
        let message = foreign_text(answer.message(), MESSAGE_CHARACTERS);
        Err(PostgresError::Server { host, port, state, message })
    }
}

/// Which account the connection opens, if the server says so; by the simple protocol, which needs no description of
/// the result. That the token works is known by now, so whatever else comes is no answer.
async fn account(client: &Client) -> Option<String> {
    let asked = timeout(ACCOUNT_LIMIT, client.simple_query("SELECT current_user")).await;
    asked.ok()?.ok()?.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok()?.map(str::to_owned),
        SimpleQueryMessage::CommandComplete(_) | SimpleQueryMessage::RowDescription(_) | _ => None,
    })
}

/// A name that came from outside, fit to be shown: a server could answer with anything, the password included. What can
/// be an account's name is left as it is, however random it looks: it is to be compared.
fn shown(name: &str, token: &Token) -> Option<String> {
    let name = name.trim();
    let is_secret = token.lend(|text| name.contains(text) || is_part(name, text));
    let shown = match name.parse::<AccountName>() {
        _ if is_secret => "[redacted]".to_owned(),
        Ok(account) => account.into(),
        Err(_) => foreign_text(name, NAME_CHARACTERS),
    };
    (!shown.is_empty()).then_some(shown)
}

fn is_part(name: &str, text: &str) -> bool {
    name.len() >= SECRET_BYTES && text.contains(name)
}
