//! What `deploy/` ships, put to use: policies on a real server, and configurations that load.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "deploy/bench.rs"]
mod bench;
#[path = "deploy/files.rs"]
mod files;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/servers.rs"]
mod servers;
#[path = "deploy/vault.rs"]
mod vault;
