//! What goes wrong on the way to the API server.
