//! A command's answer on standard output: one JSON document, or text.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::{Output, error};
use crate::fault::chain;

/// What a command answers.
pub trait Answer: Serialize {
    /// The answer for people.
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()>;
}

/// Writes `answer` to standard output. A reader that has seen enough and closes the pipe is no failure.
pub fn give(answer: &impl Answer, output: Output) -> anyhow::Result<()> {
    write(&render(answer, output)?)
}

/// Writes `answer` to standard output, where it tells of what was done. If that is not possible it was done all the
/// same: the exit code tells of it, and only a message of the output.
pub fn tell(answer: &impl Answer, output: Output) {
    said(give(answer, output));
}

/// Says on standard error that what was done could not be told, if it could not.
pub fn said(given: anyhow::Result<()>) {
    let Err(error) = given else { return };
    let message = format!("the result cannot be written: {}", chain(error.as_ref()));
    let hint = "it stands all the same; the exit code tells of it, and not of this";
    // There is nobody left to tell when standard error is closed.
    let _ = error::write_lines(&mut std::io::stderr().lock(), &message, Some(hint));
}

/// Writes what is rendered already, by the same rule.
pub fn write(rendered: &[u8]) -> anyhow::Result<()> {
    match print(rendered) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Whole before any of it is written, so that a pipe that breaks is not mistaken for an answer that cannot be JSON.
fn render(answer: &impl Answer, output: Output) -> std::io::Result<Vec<u8>> {
    match output {
        Output::Json => json(answer),
        Output::Text => {
            let mut rendered = Vec::new();
            answer.write_text(&mut rendered)?;
            Ok(rendered)
        }
    }
}

/// One JSON document.
pub fn json(document: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut rendered = serde_json::to_vec_pretty(document)?;
    rendered.push(b'\n');
    Ok(rendered)
}

/// Writes to standard output, to the end.
pub fn print(rendered: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(rendered)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Greeting {
        greeting: &'static str,
    }

    impl Answer for Greeting {
        fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
            writeln!(out, "{}", self.greeting)
        }
    }

    #[test]
    fn an_answer_is_text_or_one_json_document() {
        let greeting = Greeting { greeting: "hello" };
        assert_eq!(render(&greeting, Output::Text).unwrap(), b"hello\n");
        let rendered = render(&greeting, Output::Json).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&rendered).unwrap();
        assert_eq!(document["greeting"], "hello");
        assert!(rendered.ends_with(b"}\n"));
    }
}
