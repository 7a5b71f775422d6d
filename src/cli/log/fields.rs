//! The fields of spans in text: each once, as it was recorded last.
//!
//! A run may find that the rotation it works at is another one than it began. The usual formatter appends, and a line
//! would carry both IDs.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, FormatFields, Writer};

/// The usual form, but for values that are recorded again.
#[derive(Debug, Default)]
pub(super) struct Latest(DefaultFields);

impl<'writer> FormatFields<'writer> for Latest {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut names = Names::default();
        fields.record(&mut names);
        for name in names.0 {
            current.fields = without(&current.fields, name);
        }
        if !current.fields.is_empty() {
            current.fields.push(' ');
        }
        self.format_fields(current.as_writer(), fields)
    }
}

#[derive(Default)]
struct Names(Vec<&'static str>);

impl Visit for Names {
    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.0.push(field.name());
    }
}

/// The formatted fields without the one of that name. A value with blanks stands in quotes, as a name or an ID never
/// does.
fn without(fields: &str, name: &str) -> String {
    let plain = format!("{name}=");
    let coloured = format!("\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m");
    let is_of = |word: &&str| word.starts_with(&plain) || word.starts_with(&coloured);
    fields.split(' ').filter(|word| !is_of(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(colours: bool) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(Latest::default())
            .with_ansi(colours)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::error_span!(
                "rotation",
                credential = "etl prod",
                rotation_id = tracing::field::Empty
            );
            let _entered = span.enter();
            for id in ["first", "second", "third"] {
                span.record("rotation_id", tracing::field::display(id));
            }
            tracing::info!("token published");
        });
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_carries_the_one_rotation_that_was_told_last() {
        let line = logged(false);
        assert!(line.contains("rotation{credential=\"etl prod\" rotation_id=third}"), "{line}");
    }

    #[test]
    fn so_it_is_in_colours() {
        let line = logged(true);
        assert!(line.contains("third") && line.contains("etl prod"), "{line}");
        assert!(!line.contains("first") && !line.contains("second"), "{line}");
    }
}
