//! The rotation of one credential: observe the world, decide one step, act, look again.
//!
#![doc = include_str!("rotation/protocol.md")]

pub mod adopt;
pub mod clock;
pub mod condition;
pub mod decide;
pub mod drive;
pub mod evidence;
pub mod journal;
pub mod kinship;
pub mod mirror;
pub mod policy;
pub mod reconcile;
pub mod schedule;
#[cfg(test)]
mod simulation;
pub mod whose;
pub mod world;
