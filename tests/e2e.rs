//! The built program against real servers: OpenBao, moto and the sandbox, over HTTP and over Postgres with TLS.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are tests too; clippy knows only the functions that are marked"
)]

#[path = "e2e/accounts.rs"]
mod accounts;
#[path = "e2e/admin_token.rs"]
mod admin_token;
#[path = "e2e/bad_input.rs"]
mod bad_input;
#[path = "e2e/budgets.rs"]
mod budgets;
#[path = "e2e/clients.rs"]
mod clients;
#[path = "e2e/clocks.rs"]
mod clocks;
#[path = "e2e/compromise.rs"]
mod compromise;
#[path = "e2e/consumers.rs"]
mod consumers;
#[path = "e2e/crashes.rs"]
mod crashes;
#[path = "e2e/cycle.rs"]
mod cycle;
#[path = "e2e/daemon.rs"]
mod daemon;
#[path = "e2e/demo.rs"]
mod demo;
#[path = "e2e/drivers.rs"]
mod drivers;
#[path = "e2e/faults.rs"]
mod faults;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "e2e/fleets.rs"]
mod fleets;
#[path = "e2e/gates.rs"]
mod gates;
#[path = "e2e/hanging.rs"]
mod hanging;
#[path = "e2e/history.rs"]
mod history;
#[path = "e2e/holding.rs"]
mod holding;
#[path = "e2e/hooks.rs"]
mod hooks;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "support/http.rs"]
mod http;
#[path = "e2e/identity.rs"]
mod identity;
#[path = "e2e/import.rs"]
mod import;
#[path = "e2e/init.rs"]
mod init;
#[path = "e2e/load.rs"]
mod load;
#[path = "e2e/log.rs"]
mod log;
#[path = "e2e/manager.rs"]
mod manager;
#[path = "e2e/mirrors.rs"]
mod mirrors;
#[path = "e2e/moved.rs"]
mod moved;
#[path = "e2e/notifications.rs"]
mod notifications;
#[path = "e2e/paused.rs"]
mod paused;
#[path = "e2e/place.rs"]
mod place;
#[path = "e2e/privacy.rs"]
mod privacy;
#[path = "e2e/program.rs"]
mod program;
#[path = "e2e/proxies.rs"]
mod proxies;
#[path = "e2e/races.rs"]
mod races;
#[path = "support/relay.rs"]
mod relay;
#[path = "e2e/reload.rs"]
mod reload;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "e2e/scene.rs"]
mod scene;
#[path = "e2e/secrecy.rs"]
mod secrecy;
#[path = "support/servers.rs"]
mod servers;
#[path = "e2e/start.rs"]
mod start;
#[path = "e2e/supervision.rs"]
mod supervision;
#[path = "e2e/surroundings.rs"]
mod surroundings;
#[path = "e2e/trail.rs"]
mod trail;
#[path = "e2e/users_keys.rs"]
mod users_keys;
#[path = "e2e/verbs.rs"]
mod verbs;
#[path = "e2e/verifiers.rs"]
mod verifiers;
#[path = "e2e/words.rs"]
mod words;
