//! The rotation of one credential: observe the world, decide one step, act, look again.
//!
#![doc = include_str!("rotation/protocol.md")]

pub mod adopt;
pub mod clock;
pub mod condition;
pub mod decide;
pub mod evidence;
pub mod layer;
pub mod mirror;
pub mod ownership;
pub mod pause;
pub mod policy;
pub mod reconcile;
pub mod run;
pub mod schedule;
#[cfg(test)]
mod simulation;
pub mod step_log;
pub mod time;
pub mod whose;
pub mod world;
