//! The `pintail` program.

fn main() {}
