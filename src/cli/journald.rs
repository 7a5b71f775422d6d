//! Lines for systemd's journal: it knows the time, and takes the priority from the front of a line.

use std::fmt;

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format};
use tracing_subscriber::registry::LookupSpan;

/// Whether standard error leads to the journal: systemd names the device and the inode, so that a process whose
/// output was led elsewhere notices.
pub(super) fn reads_standard_error() -> bool {
    let Ok(file) = fstat(std::io::stderr()) else { return false };
    std::env::var("JOURNAL_STREAM")
        .is_ok_and(|named| named == format!("{}:{}", file.st_dev, file.st_ino))
}

/// The usual lines without the time, behind the priority: see `sd-daemon(3)`.
pub(super) fn lines() -> Lines {
    Lines(format().without_time().with_target(false).with_ansi(false))
}

/// See [`lines`].
pub(super) struct Lines(Format<Full, ()>);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
