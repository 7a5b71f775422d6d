//! What a signal does.

use std::time::Duration;

use nix::sys::signal::{Signal, raise};

use crate::daemon::shutdown_on_signals;

#[tokio::test]
async fn the_first_signal_asks_for_an_orderly_stop() {
    let shutdown = shutdown_on_signals().unwrap();
    assert!(!shutdown.is_cancelled());
    raise(Signal::SIGTERM).unwrap();
    tokio::time::timeout(Duration::from_secs(30), shutdown.cancelled()).await.unwrap();
}
