//! The stores against real servers: one contract for all kinds, and what is particular to each.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are tests too; clippy knows only the functions that are marked"
)]

#[path = "stores/aws.rs"]
mod aws;
#[path = "stores/contract.rs"]
mod contract;
#[path = "support/control_plane.rs"]
mod control_plane;
#[path = "stores/file.rs"]
mod file;
#[path = "stores/keys.rs"]
mod keys;
#[path = "stores/kubernetes.rs"]
mod kubernetes;
#[path = "support/relay.rs"]
mod relay;
#[path = "support/servers.rs"]
mod servers;
#[path = "stores/vault.rs"]
mod vault;
