//! The Kubernetes API server: who pintail is to it, one request at a time, and what each answer means.
//!
//! Written by hand over the HTTP client that all adapters share, where `kube` would be the common choice. What is asked
//! here are half a dozen requests, and of each it must be known what `kube` does not tell:
//!
//! - whether it may still take effect: a write is sent once and never again, and an answer that is lost is told apart
//!   from a connection that was never made (`Unwritten`);
//! - that its answer is bounded, a list by its pages too, and never quoted where the request held a token;
//! - that it is counted like those of the other adapters, through the one TLS configuration that all of them share;
//! - that the token and the authority are those of the files as they are now.
//!
//! Measured on a stripped program with link-time optimisation, these requests take 0.1 MB. `kube` 4.2 with `ring` takes
//! 4.8 to 5.4 MB and 26 more crates, a second TLS verifier among them, and the types of `k8s-openapi` alone 1.2 MB.

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
