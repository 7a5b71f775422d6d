//! pintail keeps MotherDuck service-account tokens fresh, and never leaves a client without one that works.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "the times of a test are its own")
)]

pub mod account;
pub mod audit;
pub mod cli;
pub mod command;
pub mod config;
pub mod daemon;
pub mod deadline;
#[cfg(test)]
#[path = "../tests/support/drawn.rs"]
mod drawn;
pub mod fault;
pub mod fleet;
pub mod fleets;
pub mod gate;
mod glob;
pub mod http;
pub mod kubernetes;
pub mod live;
pub mod log;
pub mod metrics;
pub mod modes;
pub mod motherduck;
pub mod names;
pub mod notify;
pub mod process;
pub mod record;
pub mod redact;
pub mod regular;
pub mod retry;
pub mod rotation;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod store;
pub mod tally;
pub mod telemetry;
pub mod text;
pub mod tls;
pub mod verify;
pub mod workers;
