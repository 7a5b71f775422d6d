//! Lines on their way to standard error: written by a thread of their own, so that nobody waits for who reads them.
//!
//! What cannot be written, or does not fit into the queue, is dropped and counted. A log that fails, or stands still,
//! is no reason to stop anything.

mod queue;

use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use self::queue::Queue;

/// So many bytes wait to be written at most.
const MOST_BYTES: usize = 1 << 20;

static QUEUE: LazyLock<Arc<Queue>> = LazyLock::new(|| {
    let queue = Arc::new(Queue::new(MOST_BYTES));
    let ours = queue.clone();
    let begun =
        thread::Builder::new().name("log".to_owned()).spawn(move || carry(&ours, std::io::stderr));
    if begun.is_err() {
        queue.close();
    }
    queue
});

/// Where log lines are written to: never fails, never waits.
#[derive(Debug, Clone, Copy)]
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        QUEUE.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

/// Waits until all lines are written, for at most `limit`. The program is about to end.
pub fn flush(limit: Duration) {
    QUEUE.flush(limit);
}

/// How many lines were dropped since this process began.
pub fn dropped() -> u64 {
    QUEUE.dropped()
}

/// Writes what is put into `queue` until it is closed.
fn carry<W: Write>(queue: &Queue, out: impl Fn() -> W) {
    let mut told = 0;
    while let Some(line) = queue.next() {
        if out().write_all(&line).is_err() {
            queue.lost();
            continue;
        }
        let dropped = queue.dropped();
        if dropped > told {
            tracing::warn!(
                count = dropped.saturating_sub(told),
                "log lines dropped: nobody took them in"
            );
            told = dropped;
        }
    }
}

#[cfg(test)]
mod tests;
