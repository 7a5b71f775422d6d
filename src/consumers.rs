//! What uses the token: how its health is asked for, how it is made to reload, and how a token is proved to work.

pub mod command;
pub mod gate;
pub mod verify;
