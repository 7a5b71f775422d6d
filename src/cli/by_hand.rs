//! What the operations by hand have in common: the client, their output, and what people are told beside it.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::error::CliError;
use super::{ExitCode, Output, answer, selection};
use crate::config::Config;
use crate::engine::client_alone;
use crate::motherduck::{Client, Error};
use crate::names::AccountName;
use crate::redact::is_unfit;
use crate::text;

/// A client, once it is known that there is an admin token.
pub(super) async fn client(config: &Config) -> Result<Client, CliError> {
    selection::ensure_admin_token(config)?;
    client_alone(config).await.map_err(|fault| CliError::fault(fault, ExitCode::Usage))
}

/// An operation that failed, with what MotherDuck said and what to do.
pub(super) fn failed(error: &Error) -> CliError {
    CliError::told(error, ExitCode::Failed)
}

/// Something that speaks against what was asked for, found out by asking MotherDuck.
pub(super) fn refused(message: impl Into<String>, hint: Option<String>) -> CliError {
    CliError { code: ExitCode::Failed, message: message.into(), hint }
}

/// The credentials that use an account. MotherDuck compares usernames without case.
pub(super) fn credentials_of(config: &Config, username: &str) -> Vec<String> {
    let using = config.credentials.values();
    using
        .filter(|credential| credential.username.as_str().eq_ignore_ascii_case(username))
        .map(|credential| credential.name.to_string())
        .collect()
}

/// Writes a result: `document` or `text`, as asked for.
pub(super) fn write(
    output: Output,
    document: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    // It may hold a secret that is shown this once.
    let rendered = Zeroizing::new(match output {
        Output::Json => answer::json(document)?,
        Output::Text => format!("{}\n", text()).into_bytes(),
    });
    Ok(answer::print(&rendered)?)
}

/// Writes the result of something that was done, and is so whether or not this comes about.
pub(super) fn tell(output: Output, document: &impl Serialize, text: impl FnOnce() -> String) {
    answer::said(write(output, document, text));
}

/// Tells people something beside the result, on standard error.
pub(super) fn note(text: &str) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Plain columns, one row a line.
pub(super) fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(|title| title.to_uppercase()))
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A text from outside on one line: a terminal must not obey what somebody called something.
pub(super) fn sanitise(text: &str) -> String {
    text.chars().map(|c| if is_unfit(c) { '\u{fffd}' } else { c }).collect()
}

/// An instant to the second, in UTC, or `never`.
pub(super) fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), text::instant)
}

/// The result of an operation that did something to an account, or nothing.
#[derive(Debug, Serialize)]
pub(super) struct AccountOutcome<'a> {
    pub(super) username: &'a AccountName,
    /// One word of a fixed list.
    pub(super) outcome: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_cannot_command_the_terminal() {
        assert_eq!(sanitise("a\u{1b}[2Jb\nc\u{202e}"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }

    #[test]
    fn columns_are_aligned_without_lines() {
        let text = columns(&["id", "name"], [vec!["1".to_owned(), "a b".to_owned()]]);
        assert_eq!(text, "ID  NAME\n1   a b");
    }
}
