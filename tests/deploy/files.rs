//! What can be said of the shipped files without a server.
