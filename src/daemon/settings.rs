//! How the daemon works.

use std::time::Duration;

/// `[daemon]`: how the daemon works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// How many credentials are worked on at once (1 to 256, default 8).
    pub concurrency: usize,
    /// The longest time between two looks at a credential (1 s to 1 d, default 10 min).
    pub sweep: Duration,
    /// How long a shutdown waits for the steps in hand (default 30 s).
    pub shutdown_grace: Duration,
    /// The time between two looks at the configuration's files (1 s to 1 d, default 5 s).
    pub watch: Duration,
    /// Whether the same user's profilers, debuggers and hooks may read the daemon's memory (default false).
    pub dumpable: bool,
}
