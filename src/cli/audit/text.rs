//! An audit for people.

use std::io::Write;

use super::super::answer::Answer;
use super::super::table::{counted, quoted, table};
use super::accounts::Source;
use super::{Report, Token};
use crate::text::span;

impl Answer for Report {
    fn write_text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut listed = table(&[
            "account",
            "kind",
            "credential",
            "age",
            "expires",
            "token ID",
            "name",
            "remarks",
        ]);
        for account in &self.accounts {
            for token in account.tokens.iter().flatten() {
                let mut row = vec![account.username.to_string()];
                row.extend(cells(token));
                listed.add_row(row);
            }
        }
        if listed.row_count() > 0 {
            writeln!(out, "{}\n", listed.trim_fmt())?;
        }
        match self.accounts_source {
            Source::Users => {}
            Source::Active => writeln!(
                out,
                "note: MotherDuck lists no users here: of accounts without a credential only the active ones are known\n"
            )?,
            Source::None => {
                writeln!(out, "note: accounts without a credential could not be looked for\n")?;
            }
        }
        for found in &self.findings {
            let word = if found.allowed { "allowed" } else { "finding" };
            let subject = match &found.credential {
                Some(name) => name.to_string(),
                None => format!("account {}", found.username),
            };
            writeln!(out, "{word}  {}  {subject}: {}", found.kind.as_str(), found.message)?;
            writeln!(out, "         hint: {}", found.hint)?;
        }
        for error in &self.errors {
            writeln!(out, "error    {}: {}", error.subject, error.message)?;
            if let Some(hint) = &error.hint {
                writeln!(out, "         hint: {hint}")?;
            }
        }
        let allowed = self.findings.iter().filter(|found| found.allowed).count();
        writeln!(
            out,
            "{}: {}, {allowed} allowed, {}",
            counted(self.accounts.len(), "account"),
            counted(self.findings.len() - allowed, "finding"),
            counted(self.errors.len(), "error"),
        )
    }
}

fn cells(token: &Token) -> [String; 7] {
    let exposures: Vec<_> = token.findings.iter().map(|kind| kind.as_str()).collect();
    let none = || "-".to_owned();
    [
        token.kind.as_str().to_owned(),
        token.credential.as_ref().map_or_else(none, ToString::to_string),
        span(token.age),
        token.expires_at.map_or_else(|| "never".to_owned(), crate::text::instant),
        token.id.to_string(),
        quoted(token.name.as_deref()),
        if exposures.is_empty() { none() } else { exposures.join(", ") },
    ]
}
