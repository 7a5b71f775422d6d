//! How the Kubernetes API server is reached, and a store that is kept in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::ClientCertificate;

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

/// `[stores.NAME.kubernetes]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesStore {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace of all Secrets of the store.
    pub namespace: String,
    /// Whether a Secret that does not exist is created (default true).
    pub create: bool,
    /// The type of Secrets that pintail creates (default `Opaque`).
    pub secret_type: String,
    /// The key of the token's ID (default `token_id`).
    pub token_id_field: String,
    /// Labels of one's own.
    pub labels: BTreeMap<String, String>,
    /// Annotations of one's own.
    pub annotations: BTreeMap<String, String>,
}
