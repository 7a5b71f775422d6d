//! The one TLS configuration that all clients share: the system's roots or a private CA, ring, and no surprises.

pub mod settings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use self::settings::ClientCertificate;
use crate::fault::{Diagnostic, FaultKind};
use crate::http::settings::Proxy;
use crate::regular;

/// No bundle of certificates is larger.
const MOST_BYTES: usize = 8 << 20;

/// Which certificate authorities are believed.
#[derive(Debug, Clone, Copy)]
pub enum Roots<'a> {
    /// The system's.
    System,
    /// The system's, and those of a PEM file.
    SystemAnd(&'a Path),
    /// Those of a PEM file alone.
    Only(&'a Path),
}

impl<'a> Roots<'a> {
    /// The system's roots, and those of `ca_file` if there is one.
    pub fn system_and(ca_file: Option<&'a PathBuf>) -> Self {
        ca_file.map_or(Self::System, |path| Self::SystemAnd(path))
    }

    /// The roots of `ca_file` alone if there is one, else the system's.
    pub fn only(ca_file: Option<&'a PathBuf>) -> Self {
        ca_file.map_or(Self::System, |path| Self::Only(path))
    }
}

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read, or is not PEM.
    #[error("cannot read PEM file {path}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// A PEM file without a certificate in it.
    #[error("PEM file {path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Whether there is nothing in it at all.
        is_empty: bool,
    },
    /// The system has no root certificates, and no file was named.
    #[error(
        "this system has no root certificates: install its ca-certificates package or name a ca_file"
    )]
    NoRoots,
    /// A variable names the system's root certificates, and there are none.
    #[error(
        "environment variable {variable} names {path}, where there are no usable root certificates"
    )]
    NoRootsNamed {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: String,
    },
    /// A certificate or a key that does not fit.
    #[error("the certificates of {path} cannot be used")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The TLS library cannot speak the versions that it should.
    #[error("cannot set up TLS")]
    Provider(#[source] rustls::Error),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Http(#[source] reqwest::Error),
}

impl Diagnostic for TlsError {
    /// A file that is not there yet, or holds nothing yet, may come.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Pem { source: pem::Error::Io(error), .. } => FaultKind::of_system(error),
            Self::NoCertificate { is_empty: true, .. } | Self::NoRootsNamed { .. } => {
                FaultKind::Transient
            }
            Self::Pem { .. }
            | Self::NoCertificate { is_empty: false, .. }
            | Self::NoRoots
            | Self::Unusable { .. }
            | Self::Provider(_)
            | Self::Http(_) => FaultKind::Permanent,
        }
    }
}

/// The certificates of a PEM file, at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unread = |source| TlsError::Pem { path: path.to_owned(), source };
    let content = regular::read(path, MOST_BYTES).map_err(|error| unread(pem::Error::Io(error)))?;
    let found =
        CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(unread)?;
    if found.is_empty() {
        let is_empty = content.is_empty();
        return Err(TlsError::NoCertificate { path: path.to_owned(), is_empty });
    }
    Ok(found)
}

/// The system's roots, read once: parsing a whole bundle for each of thousands of credentials would be felt. Where there
/// are none they are read again: what a variable names may be there by then.
fn system_roots() -> Arc<RootCertStore> {
    static FOUND: Mutex<Option<Arc<RootCertStore>>> = Mutex::new(None);
    let mut known = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.as_ref() {
        return Arc::clone(known);
    }
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    let store = Arc::new(store);
    // Where only a part is missing, or nobody needs these roots, this is all that is ever said of it.
    if let Some((variable, path)) = named_roots().filter(|_| !found.errors.is_empty()) {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| tracing::warn!(variable, path, "root certificates cannot be read"));
    }
    if !store.is_empty() {
        *known = Some(Arc::clone(&store));
    }
    store
}

/// The variable that names the system's roots, and what it names, if there is one; of two the one that names nothing.
fn named_roots() -> Option<(&'static str, String)> {
    let set = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(|variable| {
        let path = std::env::var_os(variable).filter(|path| !path.is_empty())?;
        Some((variable, PathBuf::from(path)))
    });
    let (variable, path) = set.min_by_key(|(_, path)| path.exists())?;
    Some((variable, path.to_string_lossy().into_owned()))
}

fn no_roots() -> TlsError {
    match named_roots() {
        Some((variable, path)) => TlsError::NoRootsNamed { variable, path },
        None => TlsError::NoRoots,
    }
}

/// The roots that `roots` stands for; the system's alone are shared and not copied.
fn shared_roots(roots: Roots<'_>) -> Result<Arc<RootCertStore>, TlsError> {
    match roots {
        Roots::System => {
            let roots = system_roots();
            if roots.is_empty() { Err(no_roots()) } else { Ok(roots) }
        }
        Roots::SystemAnd(_) | Roots::Only(_) => root_store(roots).map(Arc::new),
    }
}

/// The roots that `roots` stands for.
pub fn root_store(roots: Roots<'_>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let file = match roots {
        Roots::System => None,
        Roots::SystemAnd(path) | Roots::Only(path) => Some(path),
    };
    if !matches!(roots, Roots::Only(_)) {
        store.roots.extend_from_slice(&system_roots().roots);
    }
    if let Some(path) = file {
        for certificate in certificates(path)? {
            store
                .add(certificate)
                .map_err(|source| TlsError::Unusable { path: path.to_owned(), source })?;
        }
    }
    if store.is_empty() { Err(no_roots()) } else { Ok(store) }
}

/// A client's TLS configuration: TLS 1.2 and 1.3, full verification of chain and name.
pub fn client_config(
    roots: Roots<'_>,
    identity: Option<&ClientCertificate>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?
        .with_root_certificates(shared_roots(roots)?);
    let Some(identity) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let unread = |source| TlsError::Pem { path: identity.key_file.clone(), source };
    let key = regular::read(&identity.key_file, MOST_BYTES)
        .map_err(|error| unread(pem::Error::Io(error)))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(unread)?;
    builder
        .with_client_auth_cert(certificates(&identity.cert_file)?, key)
        .map_err(|source| TlsError::Unusable { path: identity.cert_file.clone(), source })
}

/// An HTTP client that follows no redirect (a credential must not travel to another host), uses no proxy that was
/// not configured, repeats nothing by itself, and gives up: 5 s to connect, `timeout` in all.
pub fn http_client(
    roots: Roots<'_>,
    identity: Option<&ClientCertificate>,
    timeout: Duration,
) -> Result<reqwest::Client, TlsError> {
    http_client_by(&Proxy::None, roots, identity, timeout)
}

/// The same, by way of a proxy.
pub fn http_client_by(
    proxy: &Proxy,
    roots: Roots<'_>,
    identity: Option<&ClientCertificate>,
    timeout: Duration,
) -> Result<reqwest::Client, TlsError> {
    let builder = match proxy {
        Proxy::None => reqwest::Client::builder().no_proxy(),
        Proxy::Environment => reqwest::Client::builder(),
        Proxy::At(url) => {
            let proxy = reqwest::Proxy::all(url.clone()).map_err(TlsError::Http)?;
            reqwest::Client::builder().no_proxy().proxy(proxy)
        }
    };
    builder
        .tls_backend_preconfigured(client_config(roots, identity)?)
        .user_agent(concat!("pintail/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(5))
        .timeout(timeout)
        .build()
        .map_err(TlsError::Http)
}

/// Whether `error` comes from a certificate that was not believed: something that no repetition cures.
pub fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return matches!(found, rustls::Error::InvalidCertificate(_));
        }
        // `io::Error::source` skips the error that it wraps.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// The HTTP clients of many small users, one for each set of authorities and way out, so that thousands of gates share a few
/// connection pools. Make a new one for each load of the configuration: a `ca_file` is read once.
#[derive(Default)]
pub struct HttpClients(HashMap<(Option<PathBuf>, Proxy), reqwest::Client>);

impl HttpClients {
    /// The longest that any user may wait; each sets its own limit on the request.
    const LONGEST: Duration = Duration::from_mins(10);

    /// The client that believes the system's roots and those of `ca_file`.
    pub fn with_extra_roots(
        &mut self,
        ca_file: Option<&PathBuf>,
        proxy: &Proxy,
    ) -> Result<reqwest::Client, TlsError> {
        let key = (ca_file.cloned(), proxy.clone());
        if let Some(client) = self.0.get(&key) {
            return Ok(client.clone());
        }
        let client = http_client_by(proxy, Roots::system_and(ca_file), None, Self::LONGEST)?;
        self.0.insert(key, client.clone());
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_authority_is_distrust_and_a_closed_port_is_not() {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let server =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![issued.cert.der().clone()], key)
                .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other.pem");
        let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
        std::fs::write(&other, stranger.cert.pem()).unwrap();
        let client = http_client(Roots::Only(&other), None, Duration::from_secs(20)).unwrap();

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let refused = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let tls = tokio_rustls::TlsAcceptor::from(Arc::new(server));
            tls.accept(stream).await.is_err()
        });
        let error = client.get(&url).send().await.unwrap_err();
        assert!(error.is_connect() && is_distrust(&error));
        assert!(refused.await.unwrap());

        let error = client.get(&url).send().await.unwrap_err();
        assert!(error.is_connect() && !is_distrust(&error));
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("empty.pem");
        std::fs::write(&file, "not PEM at all").unwrap();
        assert!(matches!(root_store(Roots::Only(&file)), Err(TlsError::NoCertificate { .. })));
    }

    #[test]
    fn users_with_the_same_authorities_share_a_client() {
        let mut clients = HttpClients::default();
        clients.with_extra_roots(None, &Proxy::None).unwrap();
        clients.with_extra_roots(None, &Proxy::None).unwrap();
        assert_eq!(clients.0.len(), 1);
    }
}
