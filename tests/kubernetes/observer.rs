//! An observer of its own: no pod that lives ever holds a token that was revoked.
