//! What was found of one secret, and what became of all of them.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::paths::Target;
use crate::cli::ExitCode;
use crate::cli::answer::Answer;
use crate::names::{AccountName, CredentialName, TokenId};

/// What becomes of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Its token opens a service account.
    Imported,
    /// A record of this deployment's stands in it.
    AlreadyManaged,
    /// It is not imported.
    LeftOut,
}

/// What was found of one secret. It has no place for a token's text.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) store: String,
    pub(super) path: String,
    pub(super) outcome: Outcome,
    /// The credential that has it, or that its table makes.
    pub(super) name: Option<CredentialName>,
    /// Whether that is configured already.
    pub(super) is_configured: bool,
    /// The account that its token opens.
    pub(super) username: Option<AccountName>,
    /// Its token's ID, where only one can be it.
    pub(super) token_id: Option<TokenId>,
    /// The account's living tokens.
    pub(super) candidates: Vec<TokenId>,
    /// What its token may do, where all that it could be may do the same.
    pub(super) token_type: Option<String>,
    /// Why it is left out, or not to be adopted yet.
    pub(super) why: Option<String>,
    pub(super) hint: Option<String>,
    #[serde(skip)]
    pub(super) lacks_id: bool,
    #[serde(skip)]
    pub(super) token_field: String,
    #[serde(skip)]
    pub(super) digest: Option<String>,
}

/// What became of all of them.
#[derive(Debug, Serialize)]
pub(super) struct Rows {
    pub(super) secrets: Vec<Row>,
    /// The file with the tables, if one was written.
    pub(super) tables: Option<PathBuf>,
    /// The file with the adoptions, if one was written.
    pub(super) adoptions: Option<PathBuf>,
}

impl Row {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            store: target.store.clone(),
            path: target.location.path.clone(),
            outcome: Outcome::Imported,
            name: target.credential.clone(),
            is_configured: target.credential.is_some(),
            username: None,
            token_id: None,
            candidates: vec![],
            token_type: None,
            why: None,
            hint: None,
            lacks_id: false,
            token_field: target.location.token_field.clone(),
            digest: None,
        }
    }

    pub(super) fn left_out(mut self, why: impl Into<String>, hint: Option<String>) -> Self {
        self.leave_out(why, hint);
        self
    }

    pub(super) fn leave_out(&mut self, why: impl Into<String>, hint: Option<String>) {
        self.outcome = Outcome::LeftOut;
        self.why = Some(why.into());
        self.hint = hint;
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        format!("{} of store {}", self.path, self.store)
    }
}

impl Rows {
    pub(super) fn code(&self) -> ExitCode {
        let is_lacking = |row: &Row| row.outcome == Outcome::LeftOut || row.lacks_id;
        if self.secrets.iter().any(is_lacking) { ExitCode::Failed } else { ExitCode::Settled }
    }
}

impl Answer for Rows {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for row in &self.secrets {
            let place = row.place();
            let name = row.name.as_ref().map(CredentialName::as_str).unwrap_or_default();
            let account = row.username.as_ref().map(AccountName::as_str).unwrap_or_default();
            match row.outcome {
                Outcome::Imported => match row.token_id {
                    Some(id) => {
                        writeln!(out, "{place}: {name}, account {account}, token {id}")?;
                    }
                    None => writeln!(out, "{place}: {name}, account {account}")?,
                },
                Outcome::AlreadyManaged => {
                    writeln!(out, "{place}: already managed, account {account}")?;
                }
                Outcome::LeftOut => writeln!(out, "{place}: left out")?,
            }
            if let Some(why) = &row.why {
                writeln!(out, "  {why}")?;
            }
            if let Some(hint) = &row.hint {
                writeln!(out, "  hint: {hint}")?;
            }
        }
        let count = |outcome| self.secrets.iter().filter(|row| row.outcome == outcome).count();
        writeln!(
            out,
            "{} imported, {} already managed, {} left out; nothing was changed in the stores and at MotherDuck",
            count(Outcome::Imported),
            count(Outcome::AlreadyManaged),
            count(Outcome::LeftOut)
        )?;
        for (what, file) in [("tables", &self.tables), ("adoptions", &self.adoptions)] {
            if let Some(file) = file {
                writeln!(out, "{what}: {}", file.display())?;
            }
        }
        Ok(())
    }
}
