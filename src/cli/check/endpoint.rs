//! Whether the Postgres endpoint speaks TLS under a certificate that is believed. No token is sent, and no Duckling
//! wakes: the connection ends before the startup message.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Postgres;
use crate::rotation::world::{Fault, FaultKind, chain};
use crate::tls::{Roots, TlsError, client_config, is_distrust};

const LIMIT: Duration = Duration::from_secs(15);
/// PostgreSQL's `SSLRequest`: its length and its code.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Why the endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
enum EndpointError {
    #[error("cannot set up TLS for {0}")]
    Tls(String, #[source] TlsError),
    #[error("{0} is not a host name")]
    Name(String, #[source] rustls::pki_types::InvalidDnsNameError),
    #[error("no connection to {0}")]
    Connection(String, #[source] std::io::Error),
    #[error("{0} does not offer TLS")]
    Plain(String),
    #[error("the certificate of {0} is not believed")]
    Distrust(String, #[source] std::io::Error),
    #[error("{0} did not answer within {limit}", limit = humantime::format_duration(LIMIT))]
    TimedOut(String),
}

impl EndpointError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Connection(..) | Self::TimedOut(_) => FaultKind::Transient,
            Self::Tls(..) | Self::Name(..) | Self::Plain(_) | Self::Distrust(..) => {
                FaultKind::Permanent
            }
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Distrust(..) | Self::Tls(..) => {
                "is motherduck.postgres.host right? a private authority is named by motherduck.postgres.ca_file"
            }
            Self::Name(..) | Self::Plain(_) => "is motherduck.postgres.host right?",
            Self::Connection(..) | Self::TimedOut(_) => {
                "are motherduck.postgres.host and port right, and is the way there open?"
            }
        }
    }
}

/// Resolves, connects, verifies the certificate, and hangs up. What was reached, in words.
pub(super) async fn examine(settings: &Postgres, host: &str) -> Result<String, Fault> {
    let address = format!("{host}:{}", settings.port);
    let shaken = tokio::time::timeout(LIMIT, handshake(settings, host, &address)).await;
    match shaken.unwrap_or_else(|_| Err(EndpointError::TimedOut(address.clone()))) {
        Ok(()) => Ok(format!("{address} has a certificate that is believed")),
        Err(error) => Err(Fault {
            kind: error.kind(),
            message: chain(&error),
            hint: Some(error.hint().to_owned()),
        }),
    }
}

async fn handshake(settings: &Postgres, host: &str, address: &str) -> Result<(), EndpointError> {
    let at = || address.to_owned();
    let tls = client_config(Roots::only(settings.ca_file.as_ref()), None)
        .map_err(|source| EndpointError::Tls(at(), source))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|source| EndpointError::Name(at(), source))?;
    let broken = |source| EndpointError::Connection(at(), source);
    let mut stream = TcpStream::connect((host, settings.port)).await.map_err(broken)?;
    stream.write_all(&SSL_REQUEST).await.map_err(broken)?;
    if stream.read_u8().await.map_err(broken)? != b'S' {
        return Err(EndpointError::Plain(at()));
    }
    let connector = TlsConnector::from(Arc::new(tls));
    let mut secured = connector.connect(name, stream).await.map_err(|source| {
        if is_distrust(&source) {
            EndpointError::Distrust(at(), source)
        } else {
            EndpointError::Connection(at(), source)
        }
    })?;
    // The certificate was seen; how the farewell goes tells nothing.
    let _ = secured.shutdown().await;
    Ok(())
}
