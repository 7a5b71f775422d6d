//! The guides, walked as they are written: each in a clean directory, with nothing but the program and a shell.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "guides/examples.rs"]
mod examples;
#[path = "support/http.rs"]
mod http;
#[path = "guides/page.rs"]
mod page;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/servers.rs"]
mod servers;
#[path = "guides/walk.rs"]
mod walk;
