//! The built program against a real API server with its real controllers; a kubelet of ours plays the pods.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are tests too; clippy knows only the functions that are marked"
)]

#[path = "kubernetes/check.rs"]
mod check;
#[path = "support/control_plane.rs"]
mod control_plane;
#[path = "kubernetes/events.rs"]
mod events;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/http.rs"]
mod http;
#[path = "kubernetes/jobs.rs"]
mod jobs;
#[path = "kubernetes/kubelet.rs"]
mod kubelet;
#[path = "kubernetes/many.rs"]
mod many;
#[path = "kubernetes/observer.rs"]
mod observer;
#[path = "e2e/program.rs"]
mod program;
#[path = "kubernetes/proofs.rs"]
mod proofs;
#[path = "kubernetes/readme.rs"]
mod readme;
#[path = "support/relay.rs"]
mod relay;
#[path = "kubernetes/rollouts.rs"]
mod rollouts;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "kubernetes/scene.rs"]
mod scene;
#[path = "support/servers.rs"]
mod servers;
#[path = "kubernetes/trouble.rs"]
mod trouble;
