//! The stores: where consumers read the secret.
