//! What a check found.

use std::io::Write;

use serde::Serialize;

use super::super::answer::Answer;
use super::super::table::counted;
use crate::fault::{Fault, chain};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Allowed, and yet worth a look.
    Warning,
    /// Rotations will fail.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What it is about.
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(subject: &(impl ToString + ?Sized), message: impl Into<String>) -> Self {
        let subject = subject.to_string();
        Self { level: Level::Ok, subject, message: message.into(), hint: None }
    }

    pub(super) fn warning(
        subject: &(impl ToString + ?Sized),
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let subject = subject.to_string();
        Self { level: Level::Warning, subject, message: message.into(), hint }
    }

    pub(super) fn error(
        subject: &(impl ToString + ?Sized),
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let subject = subject.to_string();
        Self { level: Level::Error, subject, message: message.into(), hint }
    }

    pub(super) fn fault(subject: &(impl ToString + ?Sized), fault: Fault) -> Self {
        Self::error(subject, fault.message, fault.hint)
    }
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Findings {
    pub(super) findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// That something could not even be looked at.
    pub(in crate::cli) fn failed(
        subject: &str,
        error: &dyn std::error::Error,
        hint: Option<String>,
    ) -> Self {
        Self { findings: vec![Finding::error(subject, chain(error), hint)] }
    }

    pub(in crate::cli) fn has_error(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

impl Answer for Findings {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for Finding { level, subject, message, hint } in &self.findings {
            writeln!(out, "{:<7}  {subject}: {message}", level.as_str())?;
            if let Some(hint) = hint {
                writeln!(out, "         hint: {hint}")?;
            }
        }
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warning));
        writeln!(out, "{}, {}", counted(errors, "error"), counted(warnings, "warning"))
    }
}
