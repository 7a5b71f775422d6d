//! What became of the credentials of a run, as it is written to standard output.

use std::io::Write;

use serde::Serialize;

use super::answer::Answer;
use crate::names::{CredentialName, RotationId, TokenId};
use crate::rotation::condition::{PauseShown, Reason};
use crate::rotation::run::{Outcome, Report};
use crate::rotation::step_log::StepReport;
use crate::workers::Panicked;

/// What became of the credentials of a run.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) credentials: Vec<CredentialResult>,
}

/// What became of one credential.
#[derive(Debug, Serialize)]
pub(super) struct CredentialResult {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    rotation_id: Option<RotationId>,
    token_id: Option<TokenId>,
    previous_token_id: Option<TokenId>,
    revoked: Vec<TokenId>,
    steps: Vec<StepReport>,
    error: Option<String>,
    hint: Option<String>,
    reason: Option<Reason>,
    /// The pause that keeps it at rest, where somebody paused it by hand.
    pause: Option<PauseShown>,
    #[serde(skip)]
    is_unclear: bool,
}

impl CredentialResult {
    pub(super) fn new(name: &CredentialName, report: Report, pause: Option<PauseShown>) -> Self {
        let reason = report.problem.as_ref().map(|problem| problem.reason);
        let (error, hint) = match report.problem {
            Some(problem) => {
                let at =
                    problem.step.map(|step| format!("{}: ", step.as_str())).unwrap_or_default();
                (Some(format!("{at}{}", problem.message)), Some(problem.advice(name)))
            }
            None => (None, None),
        };
        Self {
            name: name.to_string(),
            outcome: report.outcome,
            rotation_id: report.rotation_id,
            token_id: report.token_id,
            previous_token_id: report.previous_token_id,
            revoked: report.revoked,
            steps: report.steps,
            error,
            hint,
            reason,
            pause,
            is_unclear: false,
        }
    }

    /// Of a run that ended by a panic nothing is known but what stands in the store.
    pub(super) fn panicked(name: &impl ToString, panicked: Panicked) -> Self {
        let name = name.to_string();
        let hint = format!(
            "look with: pintail status {name}; another run goes on where this one stopped; report what the log says"
        );
        Self {
            name,
            outcome: Outcome::Failed,
            rotation_id: None,
            token_id: None,
            previous_token_id: None,
            revoked: vec![],
            steps: vec![],
            error: Some(panicked.to_string()),
            hint: Some(hint),
            reason: Some(Reason::Panicked),
            pause: None,
            is_unclear: true,
        }
    }
}

impl Answer for Results {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        self.credentials.iter().try_for_each(|result| result.write_text(out))
    }
}

impl Answer for CredentialResult {
    /// One line for people, and two more where something is wrong.
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let name = &self.name;
        let token = self.token_id.map(|id| id.to_string()).unwrap_or_default();
        let said = match (self.outcome, self.previous_token_id) {
            (Outcome::Rotated, Some(previous)) => {
                format!("rotated: token {token} replaced {previous}")
            }
            (Outcome::Rotated, None) => format!("rotated: token {token} is its first"),
            (Outcome::NotDue, _) if self.pause.is_some() => {
                let words = self.pause.as_ref().map(PauseShown::words).unwrap_or_default();
                format!("{words}; token {token} stays")
            }
            (Outcome::NotDue, _) => format!("not due: token {token} stays"),
            (Outcome::Failed, _) if self.is_unclear => {
                "failed: how far it came is not known".to_owned()
            }
            (Outcome::Failed, _) => "failed: nothing new is served".to_owned(),
            (Outcome::Held, None) => format!("held: token {token} is served"),
            (Outcome::Held, Some(_)) => {
                format!("held: token {token} is served, and what it replaces stays valid")
            }
            (Outcome::RolledBack, _) => format!("rolled back: token {token} is served again"),
        };
        writeln!(out, "{name}: {said}")?;
        if let Some(error) = &self.error {
            writeln!(out, "  error: {error}")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(out, "  hint: {hint}")?;
        }
        Ok(())
    }
}
