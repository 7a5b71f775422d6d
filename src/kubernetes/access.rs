//! Who pintail is to the API server: where it is, whom it believes, and what is shown to it, read anew each time.

use std::path::{Path, PathBuf};

use url::Url;

use super::error::AccessError;
use super::kubeconfig;
use super::settings::Cluster;
use crate::secret::{SecretSource, Token};
use crate::tls::settings::ClientCertificate;

/// What Kubernetes mounts into every pod that is allowed to ask.
const MOUNTED: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The way to one API server.
pub(super) struct Access {
    pub(super) url: Url,
    pub(super) authorities: Authorities,
    pub(super) bearer: Bearer,
    pub(super) identity: Option<ClientCertificate>,
    /// Files that were made from what stands inside of a kubeconfig, for as long as the access lives.
    pub(super) _files: Option<tempfile::TempDir>,
}

/// Whose certificates are believed.
pub(super) enum Authorities {
    /// The system's.
    System,
    /// Those of a file alone, which may be replaced at any time.
    File(PathBuf),
}

/// The token that is shown with each request.
pub(super) enum Bearer {
    /// None: a client certificate, or nothing at all.
    None,
    /// A file's, which may be replaced at any time.
    File(PathBuf),
    /// One that stands in a kubeconfig.
    Fixed(Token),
}

impl Access {
    /// The way that is configured. Files are read later, but for a kubeconfig.
    pub(super) fn new(settings: &Cluster) -> Result<Self, AccessError> {
        match settings {
            Cluster::Own => own(),
            Cluster::Named { api_url, ca_file, token_file, client_certificate } => Ok(Self {
                url: api_url.clone(),
                authorities: ca_file
                    .as_ref()
                    .map_or(Authorities::System, |path| Authorities::File(path.clone())),
                bearer: token_file.as_ref().map_or(Bearer::None, |path| Bearer::File(path.clone())),
                identity: client_certificate.clone(),
                _files: None,
            }),
            Cluster::Kubeconfig { file, context } => kubeconfig::read(file, context.as_deref()),
        }
    }
}

impl Bearer {
    /// The token as it is now.
    pub(super) fn read(&self) -> Result<Option<Token>, crate::secret::SecretError> {
        match self {
            Self::None => Ok(None),
            Self::File(path) => SecretSource::File(path.clone()).read().map(Some),
            Self::Fixed(token) => Ok(Some(token.duplicate())),
        }
    }
}

/// The cluster that the pod runs in.
fn own() -> Result<Access, AccessError> {
    let variable =
        |variable| std::env::var(variable).map_err(|_| AccessError::NotInACluster { variable });
    let host = variable("KUBERNETES_SERVICE_HOST")?;
    let port = variable("KUBERNETES_SERVICE_PORT")?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let text = format!("https://{}:{}", host.trim(), port.trim());
    let url = Url::parse(&text).map_err(|_| AccessError::Address { text })?;
    let mounted = |name: &str| Path::new(MOUNTED).join(name);
    Ok(Access {
        url,
        authorities: Authorities::File(mounted("ca.crt")),
        bearer: Bearer::File(mounted("token")),
        identity: None,
        _files: None,
    })
}
