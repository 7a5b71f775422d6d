//! pintail keeps MotherDuck service-account tokens fresh, and never leaves a client without one that works.
//!
//! # One rotation
//!
//! ```text
//!              due, asked for, or nothing served
//!                         │
//!    create ──► preflight ──► publish ──► deploy ──► gate ──► verify ──► seal ──► revoke ──► confirm
//!                          (compare-and-set)                      (compare-and-set)
//! ```
//!
//! A pass looks at the world ([`rotation::reconcile`]), [`rotation::decide`] names the one next step, and the
//! reconciler takes it. There is no journal: the secret store and MotherDuck's own list are the state.
//!
//! # The promises, and the test that shows each
//!
//! | Promise | Test |
//! |---|---|
//! | The served token is never revoked. | `no_two_faults_break_a_promise` |
//! | A predecessor outlives its successor's proof: a connection as read back, and the gate. | `a_rotation_walks_from_its_publication_to_its_seal` |
//! | Nothing is revoked that pintail did not create or adopt. | `only_listed_tokens_with_our_name_are_orphans` |
//! | From any state, once the world works, one live token remains: the served one. | `whatever_is_down_for_hours_from_any_moment_on_hurts_nobody` |
//! | No token's text reaches a log, an error, an argument list, an environment or a URL. | `the_text_of_a_secret_is_reached_in_one_file` and `tests/e2e/secrecy.rs` |
//!
//! The arguments for them are in the documentation of [`rotation`].
//!
//! # Words
//!
//! | Word | Means |
//! |---|---|
//! | credential | one secret in one store, for one account: what is rotated |
//! | served | what consumers read in the store now |
//! | predecessor | a token that was served before and may still live |
//! | orphan | a token with our name that no record knows |
//! | seal | the write after which the predecessors are *retiring* and nobody rolls back |
//! | gate | what says that the consumers are healthy with the new token |
//! | preflight | a connection with the new token before anybody can read it |
//! | hold | both tokens stay valid, and a person is told |
//! | mirror | a further place where the token is copied to; it decides nothing |
//! | splay | the share by which a credential's schedule is shifted, so that not all are due at once |
//! | sandbox | the stand-in for MotherDuck |
//!
//! # The map
//!
//! | Module | Is |
//! |---|---|
//! | [`account`] | Accounts as declarations: made where absent, Ducklings kept as declared. |
//! | [`audit_log`] | What was done, by whom and why, in lines that hold one another. |
//! | [`cli`] | The command line: one file for each verb. |
//! | [`config`] | The checked configuration: it knows everybody's settings. |
//! | [`consumers`] | Gates, deploy hooks and verifiers. |
//! | [`daemon`] | The planner, the permits to work, reloads, signals. |
//! | [`engine`] | The real world: joins the core to the adapters. |
//! | [`fault`] | What went wrong, and whether it may pass. |
//! | [`fleet`] | Which accounts belong to which rule. |
//! | [`http`] | What all HTTP clients share. |
//! | [`kubernetes`] | The Kubernetes API server. |
//! | [`metrics`] | What Prometheus is shown. |
//! | [`motherduck`] | The typed client of MotherDuck's REST API. |
//! | [`names`] | Names, each checked when made. |
//! | [`notifications`] | Who is told that a person may have to act. |
//! | [`occupancy`] | Places to work in, given back by work that only waits. |
//! | [`record`] | What stands beside a token in the secret. |
//! | [`redact`] | Text of others, made fit to be shown. |
//! | [`retry`] | How long everything is tried. |
//! | [`rotation`] | The core: decide, act, look again. |
//! | [`sandbox`] | The stand-in for MotherDuck. |
//! | [`secret`] | A token that cannot be printed. |
//! | [`server`] | The status page, probes and metrics over HTTP. |
//! | [`status`] | What is known of every credential, for whoever shows it. |
//! | [`stores`] | Files, Vault, AWS Secrets Manager, Kubernetes. |
//! | [`text`] | Instants and spans for people: once. |
//! | [`traces`] | What a run did, for OpenTelemetry. |
//!
//! `ARCHITECTURE.md` has the picture, the arrows between the modules, and where to change what.

#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "the times of a test are its own")
)]

pub mod account;
pub mod audit_log;
pub mod cli;
pub mod config;
pub mod consumers;
pub mod daemon;
pub mod deadline;
#[cfg(test)]
#[path = "../tests/support/drawn.rs"]
mod drawn;
pub mod engine;
pub mod fault;
pub mod fleet;
mod glob;
pub mod http;
pub mod kubernetes;
pub mod log;
pub mod metrics;
pub mod modes;
pub mod motherduck;
pub mod names;
pub mod notifications;
pub mod occupancy;
pub mod process;
pub mod record;
pub mod redact;
pub mod regular;
pub mod request_stats;
pub mod retry;
pub mod rotation;
pub mod sandbox;
pub mod secret;
pub mod server;
pub mod status;
pub mod stores;
pub mod text;
pub mod tls;
pub mod traces;
pub mod workers;
