//! A command's answer on standard output: one JSON document, or text.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::Output;

/// What a command answers.
pub trait Answer: Serialize {
    /// The answer for people.
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()>;
}

/// Writes `answer` to standard output. A reader that has seen enough and closes the pipe is no failure.
pub fn give(answer: &impl Answer, output: Output) -> anyhow::Result<()> {
    match write(answer, output, &mut std::io::stdout().lock()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn write(answer: &impl Answer, output: Output, out: &mut dyn Write) -> std::io::Result<()> {
    // Whole, so that a pipe that breaks is not mistaken for an answer that cannot be written as JSON.
    let mut rendered = Vec::new();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut rendered, answer)?;
            rendered.push(b'\n');
        }
        Output::Text => answer.write_text(&mut rendered)?,
    }
    out.write_all(&rendered)?;
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
        let mut out = Vec::new();
        write(&Greeting { greeting: "hello" }, Output::Text, &mut out).unwrap();
        assert_eq!(out, b"hello\n");
        out.clear();
        write(&Greeting { greeting: "hello" }, Output::Json, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["greeting"], "hello");
        assert!(out.ends_with(b"}\n"));
    }
}
