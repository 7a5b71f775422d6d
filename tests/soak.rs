//! The built program, killed again and again while everything around it fails, and consumers that connect all the time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers are tests too; clippy knows only the functions that are marked"
)]

#[path = "soak/consumers.rs"]
mod consumers;
#[path = "soak/cycle.rs"]
mod cycle;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "soak/hostile.rs"]
mod hostile;
#[path = "support/http.rs"]
mod http;
#[path = "soak/process.rs"]
mod process;
#[path = "soak/reader.rs"]
mod reader;
#[path = "support/relay.rs"]
mod relay;
#[path = "soak/report.rs"]
mod report;
#[path = "soak/rounds.rs"]
mod rounds;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/servers.rs"]
mod servers;
#[path = "soak/settings.rs"]
mod settings;
#[path = "soak/stores.rs"]
mod stores;
#[path = "soak/truth.rs"]
mod truth;
#[path = "soak/wire.rs"]
mod wire;

use report::{Report, Size};
use rounds::Soak;
use stores::Kind;

fn soak(kind: Kind) -> Report {
    let size = Size::from_environment();
    let mut soak = Soak::new(kind, size);
    soak.run();
    let report = soak.rest();
    assert!(report.rotations >= size.least && report.kills > 0, "the time was up: {report}");
    report
}

#[test]
fn consumers_of_files_always_connect_and_nothing_is_left_behind() {
    println!("soak, files: {}", soak(Kind::File));
}

#[test]
fn consumers_of_openbao_always_connect_and_nothing_is_left_behind() {
    println!("soak, OpenBao: {}", soak(Kind::Vault));
}

#[test]
fn consumers_of_secrets_manager_always_connect_and_nothing_is_left_behind() {
    println!("soak, Secrets Manager: {}", soak(Kind::Aws));
}
