//! The rotation of one credential: observe the world, decide one step, act, look again.

pub mod schedule;
pub mod world;
