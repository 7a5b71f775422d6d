//! Whether a server speaks TLS under a certificate that is believed, and for how long it will. Nothing secret is sent,
//! and no Duckling wakes: the connection ends before the first request.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::Validity;
use super::finding::Finding;
use crate::fault::{Diagnostic, Fault, FaultKind, chain};
use crate::tls::settings::ClientCertificate;
use crate::tls::{Roots, TlsError, client_config, is_distrust};

const LIMIT: Duration = Duration::from_secs(15);
/// PostgreSQL's `SSLRequest`: its length and its code.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// How a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// With TLS.
    Tls,
    /// With PostgreSQL's request for TLS.
    Postgres,
}

/// A server, as the configuration names it.
pub(super) struct Endpoint<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) opening: Opening,
    pub(super) roots: Roots<'a>,
    pub(super) identity: Option<&'a ClientCertificate>,
    /// The key that names the host.
    pub(super) host_key: &'a str,
    /// The key that names a private authority.
    pub(super) ca_key: &'a str,
}

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
    fn hint(&self, endpoint: &Endpoint<'_>) -> String {
        let Endpoint { host_key, ca_key, .. } = endpoint;
        match self {
            Self::Distrust(..) | Self::Tls(..) => {
                format!("is {host_key} right? a private authority is named by {ca_key}")
            }
            Self::Name(..) | Self::Plain(_) => format!("is {host_key} right?"),
            Self::Connection(..) | Self::TimedOut(_) => {
                format!("are host and port of {host_key} right, and is the way there open?")
            }
        }
    }
}

impl Diagnostic for EndpointError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Connection(..) | Self::TimedOut(_) => FaultKind::Transient,
            Self::Tls(..) | Self::Name(..) | Self::Plain(_) | Self::Distrust(..) => {
                FaultKind::Permanent
            }
        }
    }
}

impl Endpoint<'_> {
    /// Resolves, connects, verifies the certificate, and hangs up.
    pub(super) async fn examine(&self, subject: &str, now: Timestamp) -> Finding {
        let address = format!("{}:{}", self.host, self.port);
        let shaken = tokio::time::timeout(LIMIT, self.handshake(&address, now)).await;
        match shaken.unwrap_or_else(|_| Err(EndpointError::TimedOut(address.clone()))) {
            Ok(validity) => match validity.exposure(now) {
                None => {
                    Finding::ok(subject, format!("{address} has a certificate that is believed"))
                }
                Some(exposure) => Finding::warning(
                    subject,
                    format!("the certificate of {address} {exposure}"),
                    Some(
                        "have it renewed: pintail does not connect once it has expired".to_owned(),
                    ),
                ),
            },
            Err(error) => Finding::fault(
                subject,
                Fault { kind: error.kind(), message: chain(&error), hint: Some(error.hint(self)) },
            ),
        }
    }

    async fn handshake(&self, address: &str, now: Timestamp) -> Result<Validity, EndpointError> {
        let at = || address.to_owned();
        let tls = client_config(self.roots, self.identity)
            .map_err(|source| EndpointError::Tls(at(), source))?;
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|source| EndpointError::Name(at(), source))?;
        let broken = |source| EndpointError::Connection(at(), source);
        let mut stream = TcpStream::connect((host, self.port)).await.map_err(broken)?;
        match self.opening {
            Opening::Tls => {}
            Opening::Postgres => {
                stream.write_all(&SSL_REQUEST).await.map_err(broken)?;
                if stream.read_u8().await.map_err(broken)? != b'S' {
                    return Err(EndpointError::Plain(at()));
                }
            }
        }
        let connector = TlsConnector::from(Arc::new(tls));
        let mut secured = connector.connect(name, stream).await.map_err(|source| {
            if is_distrust(&source) {
                EndpointError::Distrust(at(), source)
            } else {
                EndpointError::Connection(at(), source)
            }
        })?;
        let leaf: Option<CertificateDer<'static>> = secured
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| leaf.clone().into_owned());
        // The certificate was seen; how the farewell goes tells nothing.
        let _ = secured.shutdown().await;
        Ok(Validity::of(&leaf, now))
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::ring;
    use rustls::pki_types::PrivateKeyDer;

    use super::super::certificate::tests::ending;
    use super::super::finding::Level;
    use super::*;

    #[tokio::test]
    async fn a_certificate_that_is_about_to_expire_is_a_warning() {
        let (certificate, key) = ending((2099, 1, 1));
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, certificate.pem()).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
            while let Ok((stream, _)) = listener.accept().await {
                let _ = acceptor.accept(stream).await;
            }
        });
        let endpoint = Endpoint {
            host: "localhost",
            port,
            opening: Opening::Tls,
            roots: Roots::Only(&ca_file),
            identity: None,
            host_key: "motherduck.api_url",
            ca_key: "motherduck.ca_file",
        };
        let found = endpoint.examine("x", "2026-01-01T00:00:00Z".parse().unwrap()).await;
        assert_eq!(found.level, Level::Ok, "{}", found.message);
        let found = endpoint.examine("x", "2098-12-22T00:00:00Z".parse().unwrap()).await;
        assert_eq!(found.level, Level::Warning);
        assert!(found.message.contains("expires in 10d, at 2099-01-01"), "{}", found.message);

        let (stranger, _) = ending((2099, 1, 1));
        std::fs::write(&ca_file, stranger.pem()).unwrap();
        let found = endpoint.examine("x", "2026-01-01T00:00:00Z".parse().unwrap()).await;
        assert_eq!(found.level, Level::Error);
        assert!(found.message.contains("not believed"), "{}", found.message);
        assert!(found.hint.unwrap().contains("motherduck.ca_file"));
    }
}
