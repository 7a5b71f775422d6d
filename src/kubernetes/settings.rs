//! How the Kubernetes API server is reached.

use std::path::PathBuf;
use url::Url;

use crate::tls::settings::ClientCertificate;

/// `[kubernetes]`: the cluster. Where the section is not written, it is the one that pintail runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cluster {
    /// The one that the pod runs in, by the token and the authority that are mounted into it.
    #[default]
    Own,
    /// One by its address.
    Named {
        /// The API server; https, or http to a loopback address.
        api_url: Url,
        /// Its authorities, PEM; by default the system's.
        ca_file: Option<PathBuf>,
        /// A token, read anew for each request.
        token_file: Option<PathBuf>,
        /// A client certificate and its key, PEM: both or none.
        client_certificate: Option<ClientCertificate>,
    },
    /// One that a kubeconfig describes.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// The context; by default the file's current one.
        context: Option<String>,
    },
}

impl Cluster {
    /// What tells it from others, as far as the configuration does. Whoever else runs in the same cluster under the same
    /// owner's name is the same deployment.
    pub fn server(&self) -> String {
        match self {
            Self::Own => String::new(),
            Self::Named { api_url, .. } => api_url.to_string(),
            Self::Kubeconfig { file, context } => {
                format!("{}\n{}", file.display(), context.as_deref().unwrap_or_default())
            }
        }
    }
}
