//! The log, on standard error.

mod fields;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use self::fields::Latest;
use super::{Arguments, Command, LogFormat, journald};
use crate::log::Lines;
use crate::redact::foreign_text;

/// A panic says this much of itself.
const PANIC_CHARACTERS: usize = 500;

/// What a person said about a run. It is logged at every level, since it was written for the log.
pub(super) const REASON: &str = "pintail::reason";

/// Starts logging as the arguments ask for it. The environment has no say: `RUST_LOG` was set for somebody else.
pub(super) fn start(arguments: &Arguments) -> anyhow::Result<()> {
    let ours = match (arguments.verbose, &arguments.command) {
        (0, Command::Run) => "info",
        // What a one-shot command did is its output; the log tells of trouble.
        (0, _) => "warn",
        (1, _) => "debug",
        (_, _) => "trace",
    };
    let others = if arguments.verbose > 0 { "info" } else { "warn" };
    // Vault's client logs errors for what is expected, such as a secret that does not exist yet.
    let filter = EnvFilter::try_new(format!(
        "{others},pintail={ours},{REASON}=info,vaultrs=off,rustify=off"
    ))?;
    // An empty NO_COLOR is none, as its convention says.
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::stderr().is_terminal() && !plain;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines)
        // That would be printed to standard error, which may be what is out of order.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    match arguments.log_format {
        LogFormat::Text if journald::reads_standard_error() => {
            let log = log.fmt_fields(Latest::default()).with_ansi(false);
            log.event_format(journald::lines()).init();
        }
        LogFormat::Text => {
            log.fmt_fields(Latest::default()).with_ansi(colours).with_target(false).init();
        }
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).init(),
    }
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Rust's own way would write to standard error, and wait for it.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or_default();
    let at = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(
        error = foreign_text(said, PANIC_CHARACTERS),
        at,
        thread = thread.name(),
        "panicked: this is a fault in pintail"
    );
}
