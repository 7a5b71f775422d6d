//! The shipping reconcile loop in a world that loses, delays, duplicates, refuses and crashes, checked against ground
//! truth after every effect.

mod account;
mod actor;
mod admin;
mod bugs;
mod clocks;
mod ground;
mod laws;
mod mirror;
mod part;
mod publish;
mod run;
mod store;
mod tests;
