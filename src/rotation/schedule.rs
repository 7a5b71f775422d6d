//! When a credential is due: scheduled instants, splay, expiry and the arithmetic of lifetimes; pure.

/// The scheduled instants of one credential.
#[derive(Debug, Clone)]
pub struct Schedule;
