//! The Kubernetes API server: who pintail is to it, one request at a time, and what each answer means.
//!
//! Written by hand over the HTTP client that all adapters share, where `kube` would be the common choice: of what is
//! asked here there are half a dozen requests, and each must be bounded, sent once, never quoted where it holds a
//! token, and told apart by whether it may still take effect; and the authority is read anew as it rotates.

mod access;
mod answer;
mod client;
mod error;
mod kubeconfig;
mod object;
mod right;
pub mod settings;

pub(crate) use self::answer::{Answer, Unwritten};
pub use self::client::Cluster;
pub(crate) use self::client::{Content, Mode};
pub use self::error::{AccessError, Verb};
pub(crate) use self::object::{Metadata, Object, Place};
pub use self::right::Right;
