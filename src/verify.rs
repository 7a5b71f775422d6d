//! Proof that a token works: a fresh connection, or a command.
