//! How HTTP gets out.

use url::Url;

/// Whether requests go through a proxy. None does that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Proxy {
    /// Directly.
    #[default]
    None,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// All through this one.
    At(Url),
}
