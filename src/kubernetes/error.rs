//! Why the API server cannot be reached, and the words for what is asked of it.

use std::path::PathBuf;

use crate::fault::{Diagnostic, FaultKind};
use crate::tls::TlsError;

/// Why no way to the API server could be made.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// pintail does not run in a cluster, and none was named.
    #[error("this is no pod of Kubernetes: {variable} is not set")]
    NotInACluster {
        /// The variable that every pod has.
        variable: &'static str,
    },
    /// What stands in the variables is no address.
    #[error("the API server's address {text:?} is not one")]
    Address {
        /// What it was made of.
        text: String,
    },
    /// The kubeconfig cannot be read.
    #[error("cannot read kubeconfig {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The kubeconfig is not one that pintail can use.
    #[error("kubeconfig {path} cannot be used: {reason}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. No value of it.
        reason: String,
    },
    /// The certificates do not fit.
    #[error("cannot make the TLS configuration for the API server")]
    Tls(#[from] TlsError),
}

impl Diagnostic for AccessError {
    /// A file that is not there yet may come.
    fn kind(&self) -> FaultKind {
        match self {
            Self::File { source, .. } => FaultKind::of_system(source),
            Self::Tls(error) => error.kind(),
            Self::NotInACluster { .. } | Self::Address { .. } | Self::Kubeconfig { .. } => {
                FaultKind::Permanent
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotInACluster { .. } => Some(
                "outside of a cluster name a file: [kubernetes] kubeconfig = \"…\", or api_url and token_file"
                    .to_owned(),
            ),
            Self::Kubeconfig { .. } => Some(
                "pintail uses clusters by `server` and `certificate-authority`, and users by `token`, `tokenFile` or a \
                 client certificate; it runs no plugins: make a token, with `kubectl create token` for instance"
                    .to_owned(),
            ),
            Self::Address { .. } | Self::File { .. } | Self::Tls(_) => None,
        }
    }
}

/// What is done to objects, in Kubernetes' own words for the rights to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// One object is read.
    Get,
    /// All objects of a kind are read.
    List,
    /// An object is made.
    Create,
    /// Parts of an object are changed.
    Patch,
}

impl Verb {
    /// Kubernetes' word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Patch => "patch",
        }
    }
}
