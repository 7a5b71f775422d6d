//! MotherDuck's operations by hand: the built program against its own stand-in for the service.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are tests too; clippy knows only the functions that are marked"
)]

#[path = "operations/account.rs"]
mod account;
#[path = "operations/audit.rs"]
mod audit;
#[path = "operations/bench.rs"]
mod bench;
#[path = "operations/dive.rs"]
mod dive;
#[path = "operations/duckling.rs"]
mod duckling;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "operations/revoke.rs"]
mod revoke;
#[path = "operations/token.rs"]
mod token;
