//! Commands that users configured: run without a shell, with a clean environment, a limit, and no way to see a token
//! but on their standard input.

mod context;
mod group;
pub mod orphans;
pub mod settings;
mod tail;

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::time::timeout;

use crate::fault::{Diagnostic, FaultKind};
use crate::secret::Token;
use crate::secret::wiped::concat;

#[cfg(test)]
pub(crate) use context::sample;
pub use context::{Context, Encoding};
use group::Group;
pub use group::kill_all;
use tail::Tail;

/// How long output is still read after the command has ended: a process that it left behind may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How a command ended.
#[derive(Debug)]
pub enum Outcome {
    /// It exited with 0.
    Succeeded,
    /// It exited with another code.
    Failed(CommandError),
    /// It said nothing: it could not be started, did not end in time, or was killed.
    Unanswered(CommandError),
}

/// Where a program without a path is looked for, and what the commands themselves get as their `PATH`.
pub const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a command did not succeed. Output is shown only of commands that were given no token.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It exited with another code than 0.
    #[error("command {program} exited with code {code}{said}")]
    Exit {
        /// The program.
        program: PathBuf,
        /// Its exit code.
        code: i32,
        /// The end of its output, in a form that continues the sentence.
        said: String,
    },
    /// A signal ended it.
    #[error("command {program} was killed by a signal{said}")]
    Killed {
        /// The program.
        program: PathBuf,
        /// The end of its output, in a form that continues the sentence.
        said: String,
    },
    /// It did not end in time; it and its children were killed.
    #[error("command {program} did not end within {} and was killed{said}", humantime::format_duration(*limit))]
    TimedOut {
        /// The program.
        program: PathBuf,
        /// The limit.
        limit: Duration,
        /// The end of its output, in a form that continues the sentence.
        said: String,
    },
    /// It could not be started.
    #[error("cannot start command {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It was started, and how it ended is not known.
    #[error("cannot wait for command {program}")]
    Wait {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Diagnostic for CommandError {
    /// A program that cannot be started needs a person; one that failed may succeed the next time.
    fn kind(&self) -> FaultKind {
        match self {
            Self::Start { .. } => FaultKind::Permanent,
            Self::Exit { .. } | Self::Killed { .. } | Self::TimedOut { .. } | Self::Wait { .. } => {
                FaultKind::Transient
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Start { program, .. } => Some(format!(
                "check that {} exists and that pintail's user may execute it",
                program.display()
            )),
            Self::TimedOut { .. } => {
                Some("raise the command's `timeout` if it needs longer".to_owned())
            }
            Self::Exit { .. } | Self::Killed { .. } | Self::Wait { .. } => None,
        }
    }
}

/// Runs `command` for `context`. With a `token`, the command reads it from its standard input as one line, and its
/// output is thrown away: it may hold the token. Dropping the future kills the command with its children.
pub async fn run(command: &settings::Command, context: &Context, token: Option<&Token>) -> Outcome {
    let program = command.program.clone();
    let mut tail = Tail::default();
    let ended = match execute(command, context, token, &mut tail).await {
        Ok(ended) => ended,
        Err(source) => return Outcome::Unanswered(CommandError::Start { program, source }),
    };
    let said = tail.sentence_end();
    match ended {
        Ended::Exited(status) if status.success() => Outcome::Succeeded,
        Ended::Exited(status) => match status.code() {
            Some(code) => Outcome::Failed(CommandError::Exit { program, code, said }),
            None => Outcome::Unanswered(CommandError::Killed { program, said }),
        },
        Ended::TimedOut => {
            let limit = command.timeout;
            Outcome::Unanswered(CommandError::TimedOut { program, limit, said })
        }
        Ended::Lost(source) => Outcome::Unanswered(CommandError::Wait { program, source }),
    }
}

enum Ended {
    Exited(ExitStatus),
    TimedOut,
    Lost(std::io::Error),
}

/// An error means that nothing was started.
async fn execute(
    command: &settings::Command,
    context: &Context,
    token: Option<&Token>,
    tail: &mut Tail,
) -> std::io::Result<Ended> {
    let mut prepared = prepare(command, context);
    let output = if token.is_some() {
        prepared.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        None
    } else {
        let (reader, writer) = std::io::pipe()?;
        prepared.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        Some(tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?)
    };
    let mut child = prepared.spawn()?;
    // It holds the writing ends of the pipe, whose end would never be seen.
    drop(prepared);
    let mut group = Group::of(&child, context.variables());

    let stdin = child.stdin.take();
    let work = Box::pin(timeout(command.timeout, finish(&mut child, stdin, token)));
    let listen = Box::pin(tail.follow(output));
    let (finished, listen) = match select(work, listen).await {
        Either::Left((finished, listen)) => (finished, Some(listen)),
        Either::Right(((), work)) => (work.await, None),
    };
    let ended = match finished {
        Ok(Ok(status)) => {
            group.release();
            Ended::Exited(status)
        }
        Ok(Err(error)) => Ended::Lost(error),
        Err(_) => {
            group.kill();
            Ended::TimedOut
        }
    };
    if let Some(listen) = listen {
        // Out of time or at the end: what was read until then is kept either way.
        let _ = timeout(LAST_WORDS, listen).await;
    }
    if matches!(ended, Ended::TimedOut) && child.wait().await.is_ok() {
        group.release();
    }
    Ok(ended)
}

fn prepare(command: &settings::Command, context: &Context) -> tokio::process::Command {
    let mut prepared = tokio::process::Command::new(&command.program);
    prepared
        .args(command.arguments.iter().map(|text| context.fill(text, Encoding::Plain)))
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .envs(context.variables())
        .current_dir("/")
        .process_group(0)
        .kill_on_drop(true);
    prepared
}

/// Hands over the token and waits. A command that does not read it, or not to its end, is no error.
async fn finish(
    child: &mut Child,
    stdin: Option<ChildStdin>,
    token: Option<&Token>,
) -> std::io::Result<ExitStatus> {
    let hand_over = async {
        if let (Some(mut stdin), Some(token)) = (stdin, token) {
            let line = token.lend(|text| concat(&[text, "\n"]));
            let _ = stdin.write_all(line.as_bytes()).await;
            let _ = stdin.shutdown().await;
        }
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        status = child.wait() => status,
        never = hand_over => match never {},
    }
}

#[cfg(test)]
mod tests;
