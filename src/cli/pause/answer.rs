//! What became of the credentials that were to be paused or resumed.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::ExitCode;
use crate::cli::answer::Answer;
use crate::engine::Engine;
use crate::names::CredentialName;
use crate::rotation::condition::PauseShown;
use crate::text::{instant, relative};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Nothing is begun from now on.
    Paused,
    /// The pause in its record was ended.
    Resumed,
    /// There was none.
    NotPaused,
    /// Nothing was changed, or that is not known.
    Failed,
}

/// What became of one.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: CredentialName,
    pub(super) outcome: Outcome,
    /// As its record says now.
    pub(super) pause: Option<PauseShown>,
    /// As its record said before.
    pub(super) before: Option<PauseShown>,
    /// Whether its configuration says `paused = true`, which nothing here changes.
    pub(super) configured: bool,
    /// Whether a rotation is under way, which is finished all the same.
    pub(super) is_unfinished: bool,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
}

/// What became of all of them.
#[derive(Debug, Serialize)]
pub(super) struct Rows {
    pub(super) credentials: Vec<Row>,
    #[serde(skip)]
    pub(super) now: Timestamp,
}

impl Row {
    /// One of which nothing came yet.
    pub(super) fn new(engine: &Engine, name: &CredentialName) -> Self {
        let credential = engine.config.credentials.get(name);
        Self {
            name: name.clone(),
            outcome: Outcome::Failed,
            pause: None,
            before: None,
            configured: credential.is_some_and(|credential| credential.policy.paused),
            is_unfinished: false,
            error: None,
            hint: None,
        }
    }
}

impl Rows {
    pub(super) fn code(&self) -> ExitCode {
        let has_failed = self.credentials.iter().any(|row| row.outcome == Outcome::Failed);
        if has_failed { ExitCode::Failed } else { ExitCode::Settled }
    }
}

impl Answer for Rows {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for row in &self.credentials {
            let name = &row.name;
            match row.outcome {
                Outcome::Paused => {
                    let until = row.pause.as_ref().and_then(|pause| pause.until);
                    let until = match until {
                        Some(at) => format!("until {}, {}", instant(at), relative(at, self.now)),
                        None => format!("until somebody says: pintail resume {name}"),
                    };
                    writeln!(out, "{name}: paused {until}")?;
                }
                Outcome::Resumed => writeln!(out, "{name}: resumed")?,
                Outcome::NotPaused => writeln!(out, "{name}: it was not paused by hand")?,
                Outcome::Failed => {
                    writeln!(out, "{name}: failed")?;
                    writeln!(out, "  error: {}", row.error.as_deref().unwrap_or_default())?;
                }
            }
            if let Some(before) = &row.before {
                writeln!(out, "  before, it was {}", before.words())?;
            }
            if row.outcome == Outcome::Paused && row.is_unfinished {
                writeln!(out, "  a rotation is under way, and is finished all the same")?;
            }
            if row.configured && matches!(row.outcome, Outcome::Resumed | Outcome::NotPaused) {
                writeln!(
                    out,
                    "  its configuration says `paused = true`: nothing is begun before that is gone, too"
                )?;
            }
            if let Some(hint) = &row.hint {
                writeln!(out, "  hint: {hint}")?;
            }
        }
        Ok(())
    }
}
