//! `[daemon]`: how the daemon works.

use std::time::Duration;

use figment::value::Dict;
use schemars::JsonSchema;
use serde::Deserialize;

use super::findings::{Findings, Key};
use super::limits::{Limits, Range};
use super::scalar::{Flag, Number, Span};
use super::table::table;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// An account at rest is listed every so many sweeps, unless the configuration says otherwise.
const SWEEPS_A_LIST: u32 = 6;

const CONCURRENCY: Limits<u16> = Range::new(1, 256).or(8);
const SWEEP: Limits<Duration> = Range::new(SECOND, DAY).or(Duration::from_mins(10));
const RELIST: Range<Duration> = Range::new(SECOND, Duration::from_hours(7 * 24));
const SHUTDOWN_GRACE: Limits<Duration> =
    Range::new(Duration::ZERO, HOUR).or(Duration::from_secs(30));
const WATCH: Limits<Duration> = Range::new(SECOND, DAY).or(Duration::from_secs(5));

/// `[daemon]`: how the daemon works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// How many credentials are worked on at once.
    pub concurrency: usize,
    /// The longest time between two looks at a credential.
    pub sweep: Duration,
    /// The shortest time between two lists of an account where nothing seems to have changed.
    pub relist: Duration,
    /// How long a shutdown waits for the steps in hand.
    pub shutdown_grace: Duration,
    /// The time between two looks at the configuration's files.
    pub watch: Duration,
    /// Whether the same user's profilers, debuggers and hooks may read the daemon's memory.
    pub dumpable: bool,
}

/// `[daemon]`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[schemars(rename = "Daemon")]
pub(super) struct Table {
    /// How many credentials are worked on at once.
    #[schemars(extend("examples" = [16]), transform = CONCURRENCY.schema())]
    concurrency: Option<Number>,
    /// Whether profilers, debuggers and hooks of the same user may read the daemon's memory, which holds the admin token.
    #[schemars(extend("default" = false, "examples" = [true]))]
    dumpable: Option<Flag>,
    /// The longest time between two looks at a credential.
    #[schemars(extend("examples" = ["1h"]), transform = SWEEP.schema())]
    sweep: Option<Span>,
    /// The shortest time between two lists of an account's tokens where nothing seems to have changed; six times `sweep` unless set. Lists take at most a quarter of `motherduck.requests_per_second`, so where the accounts are many it takes longer.
    #[schemars(extend("default" = "1h", "examples" = ["6h"]), transform = RELIST.schema())]
    relist: Option<Span>,
    /// How long a shutdown waits for the steps in hand.
    #[schemars(extend("examples" = ["1m"]), transform = SHUTDOWN_GRACE.schema())]
    shutdown_grace: Option<Span>,
    /// The time between two looks at the configuration's files.
    #[schemars(extend("examples" = ["1m"]), transform = WATCH.schema())]
    watch: Option<Span>,
}

/// The section, the defaults filled in.
pub(super) fn read(root: &Dict, findings: &mut Findings) -> Daemon {
    let raw: Table = table(root, "daemon", findings).unwrap_or_default();
    let key = Key::root("daemon");
    let concurrency = findings.number(&key.child("concurrency"), raw.concurrency, &CONCURRENCY);
    let sweep = findings.span(&key.child("sweep"), raw.sweep, &SWEEP);
    let relist = raw.relist.and_then(|span| findings.span_in(&key.child("relist"), span, &RELIST));
    Daemon {
        concurrency: usize::from(concurrency),
        sweep,
        relist: relist.unwrap_or_else(|| sweep.saturating_mul(SWEEPS_A_LIST)),
        shutdown_grace: findings.span(
            &key.child("shutdown_grace"),
            raw.shutdown_grace,
            &SHUTDOWN_GRACE,
        ),
        watch: findings.span(&key.child("watch"), raw.watch, &WATCH),
        dumpable: raw.dumpable.is_some_and(|flag| flag.0),
    }
}
