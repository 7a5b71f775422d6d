//! `[daemon]`: how the daemon works.

use std::time::Duration;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;

use super::findings::{Findings, Key};
use super::scalar::{Flag, Number, Span};
use super::table::table;

const DAY: Duration = Duration::from_hours(24);

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

/// `[daemon]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Daemon")]
pub(super) struct Table {
    /// How many credentials are worked on at once: 1 to 256.
    #[schemars(extend("default" = 8, "examples" = [16]))]
    concurrency: Option<Number>,
    /// Whether profilers, debuggers and hooks of the same user may read the daemon's memory, which holds the admin token.
    #[schemars(extend("default" = false, "examples" = [true]))]
    dumpable: Option<Flag>,
    /// The longest time between two looks at a credential: 1 s to 1 day.
    #[schemars(extend("default" = "10m", "examples" = ["1h"]))]
    sweep: Option<Span>,
    /// How long a shutdown waits for the steps in hand: 0 s to 1 h.
    #[schemars(extend("default" = "30s", "examples" = ["1m"]))]
    shutdown_grace: Option<Span>,
    /// The time between two looks at the configuration's files: 1 s to 1 day.
    #[schemars(extend("default" = "5s", "examples" = ["1m"]))]
    watch: Option<Span>,
}

/// The section, the defaults filled in.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Daemon {
    let raw: Table = table(root, "daemon", findings).unwrap_or_default();
    let key = Key::root("daemon");
    let second = Duration::from_secs(1);
    let (sweep, grace) = (Duration::from_mins(10), Duration::from_secs(30));
    let hour = Duration::from_hours(1);
    Daemon {
        concurrency: usize::from(findings.number(
            &key.child("concurrency"),
            raw.concurrency,
            8_u16,
            1..=256,
        )),
        sweep: findings.span(&key.child("sweep"), raw.sweep, sweep, second..=DAY),
        shutdown_grace: findings.span(
            &key.child("shutdown_grace"),
            raw.shutdown_grace,
            grace,
            Duration::ZERO..=hour,
        ),
        watch: findings.span(&key.child("watch"), raw.watch, Duration::from_secs(5), second..=DAY),
        dumpable: raw.dumpable.is_some_and(|flag| flag.0),
    }
}
