//! The end of a command's output, kept within bounds and made fit to be shown.

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::redact::foreign_text;

const KEPT_BYTES: usize = 4096;
const SHOWN_CHARACTERS: usize = 1024;

/// The last [`KEPT_BYTES`] of what a command wrote.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    /// Reads to the end, if there is anything to read.
    pub(super) async fn follow(&mut self, output: Option<Receiver>) {
        let Some(mut output) = output else { return };
        let mut chunk = [0; KEPT_BYTES];
        while let Ok(count @ 1..) = output.read(&mut chunk).await {
            self.0.extend_from_slice(chunk.get(..count).unwrap_or_default());
            let excess = self.0.len().saturating_sub(KEPT_BYTES);
            self.0.drain(..excess);
        }
    }

    /// `": …"` with what was written, redacted; empty if nothing was.
    pub(super) fn sentence_end(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let shown = foreign_text(&lines.join(" | "), SHOWN_CHARACTERS);
        if shown.is_empty() { shown } else { format!(": {shown}") }
    }
}
