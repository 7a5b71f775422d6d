//! Several adoptions: all are checked before the first is made, and each has its own result.

use std::io::Write;

use serde::Serialize;

use super::super::ExitCode;
use super::super::answer::Answer;
use super::super::error::CliError;
use super::context::{AdoptError, AdoptionContext};
use super::{AdoptRequest, Adopted, take_in};
use crate::engine::Engine;
use crate::names::{CredentialName, TokenId};
use crate::rotation::adopt::{AdoptRefusal, TakeOver};

/// How an adoption ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was adopted now.
    Adopted,
    /// It was adopted before.
    AlreadyManaged,
    /// Nothing speaks against it, and nothing was done.
    Ready,
    /// It cannot be adopted, or not yet.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::AlreadyManaged => "already managed",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// What became of one line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    #[serde(rename = "line")]
    number: Option<usize>,
    name: CredentialName,
    token_id: TokenId,
    pub(super) outcome: Outcome,
    /// What consumers were served before; revoked once they are healthy with the adopted token.
    previous_token_ids: Vec<TokenId>,
    error: Option<String>,
    hint: Option<String>,
}

/// What became of all lines.
#[derive(Debug, Serialize)]
pub(super) struct Adoptions {
    pub(super) adoptions: Vec<Line>,
    /// Whether anything was to be changed.
    dry_run: bool,
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    DryRun,
    Adopt,
}

impl Line {
    fn new(request: &AdoptRequest, outcome: Outcome, previous_token_ids: Vec<TokenId>) -> Self {
        Self {
            number: request.line,
            name: request.name.clone(),
            token_id: request.token_id,
            outcome,
            previous_token_ids,
            error: None,
            hint: None,
        }
    }

    fn failed(request: &AdoptRequest, CliError { message, hint, .. }: CliError) -> Self {
        Self { error: Some(message), hint, ..Self::new(request, Outcome::Failed, vec![]) }
    }
}

impl Adoptions {
    pub(super) fn code(&self) -> ExitCode {
        let failed = self.adoptions.iter().any(|line| line.outcome == Outcome::Failed);
        if failed { ExitCode::Failed } else { ExitCode::Settled }
    }
}

/// Adopts all of `requests`, or none of them if one cannot be.
pub(super) async fn adopt_all(
    engine: &Engine,
    requests: &[AdoptRequest],
    take_over: TakeOver,
    mode: Mode,
) -> Adoptions {
    let names: Vec<_> = requests.iter().map(|request| request.name.clone()).collect();
    let context = Box::pin(AdoptionContext::observe(engine, &names)).await;
    let check = |request| match context.prepare(&engine.config, request, take_over, None) {
        Ok(prepared) => Line::new(request, Outcome::Ready, prepared.record.previous_token_ids),
        Err(AdoptError::Refused(AdoptRefusal::AlreadyManaged(id))) if id == request.token_id => {
            Line::new(request, Outcome::AlreadyManaged, vec![])
        }
        Err(error) => Line::failed(request, error.into_error(&request.name)),
    };
    let mut adoptions = Adoptions {
        adoptions: requests.iter().map(check).collect(),
        dry_run: mode == Mode::DryRun,
    };
    if mode == Mode::DryRun || adoptions.code() != ExitCode::Settled {
        return adoptions;
    }
    for (request, line) in requests.iter().zip(&mut adoptions.adoptions) {
        if line.outcome == Outcome::Ready {
            // It is looked at once more: the lines before it took their time.
            *line = match Box::pin(take_in(engine, request, take_over)).await {
                Ok(Adopted { previous_token_ids, .. }) => {
                    Line::new(request, Outcome::Adopted, previous_token_ids)
                }
                Err(into_error) => Line::failed(request, into_error),
            };
        }
    }
    adoptions
}

impl Answer for Adoptions {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for line in &self.adoptions {
            let number = line.number.map_or_else(String::new, |number| format!("line {number}: "));
            match &line.error {
                Some(error) => writeln!(out, "{number}{error}")?,
                None => {
                    writeln!(
                        out,
                        "{number}{}: token {} {}",
                        line.name,
                        line.token_id,
                        line.outcome.as_str()
                    )?;
                }
            }
            if let Some(hint) = &line.hint {
                writeln!(out, "  hint: {hint}")?;
            }
            for id in &line.previous_token_ids {
                writeln!(out, "  {id} was served before, and is revoked after the next gate")?;
            }
        }
        let count = |outcome| self.adoptions.iter().filter(|line| line.outcome == outcome).count();
        writeln!(
            out,
            "{} adopted, {} already managed, {} ready, {} failed",
            count(Outcome::Adopted),
            count(Outcome::AlreadyManaged),
            count(Outcome::Ready),
            count(Outcome::Failed),
        )?;
        if self.dry_run {
            writeln!(out, "nothing was changed: it was a dry run")
        } else if count(Outcome::Ready) > 0 {
            writeln!(
                out,
                "nothing was changed: correct what failed, or take it out, and run it again"
            )
        } else {
            Ok(())
        }
    }
}
