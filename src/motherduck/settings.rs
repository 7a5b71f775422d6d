//! How to reach MotherDuck, and where the admin token is.

use std::path::PathBuf;
use url::Url;

use crate::http::settings::Proxy;
use crate::secret::SecretSource;

/// `[motherduck]`: how to reach MotherDuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MotherDuck {
    /// The REST API's base URL; https, or http to a loopback address.
    pub api_url: Url,
    /// Where the admin's token is read from.
    pub admin_token: AdminToken,
    /// The request rate limit (1 to 1000, default 10).
    pub requests_per_second: u32,
    /// Extra certificate authorities for the REST API, PEM.
    pub ca_file: Option<PathBuf>,
    /// How requests to the REST API get out.
    pub proxy: Proxy,
}

/// Where the admin's token is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminToken {
    /// A file or a variable.
    Secret(SecretSource),
    /// A secret in a store. Where a credential is kept in the same place, pintail rotates its own admin token.
    Stored(StoredToken),
}

impl std::fmt::Display for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(source) => source.fmt(f),
            Self::Stored(token) => write!(f, "{} in store {}", token.path, token.store),
        }
    }
}

/// A token in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The store's name; it exists in `Config::stores`.
    pub store: String,
    /// Where in the store: relative, without empty, `.` or `..` parts.
    pub path: String,
    /// The key of the token's text (default `motherduck_token`).
    pub token_field: String,
}
