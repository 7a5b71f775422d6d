//! What the fleet is told of a credential when it joins, or is configured otherwise.

use std::sync::Arc;

use crate::names::{AccountName, CredentialName, FleetName};
use crate::record::TokenType;
use crate::rotation::policy::Policy;

/// A credential, as it is configured.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Its name.
    pub name: CredentialName,
    /// The rule that made it, unless it stands in a table.
    pub fleet: Option<FleetName>,
    /// Whose tokens are rotated.
    pub username: AccountName,
    /// What they may do.
    pub token_type: TokenType,
    /// The store's name.
    pub store: String,
    /// Where in the store.
    pub path: String,
    /// When and how it is rotated.
    pub policy: Arc<Policy>,
}
