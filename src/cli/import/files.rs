//! The files that an import writes: tables of a configuration, and lines for `pintail adopt --from`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::row::{Outcome, Row};
use crate::cli::arguments::TOKEN_FIELD;
use crate::cli::error::CliError;
use crate::names::CredentialName;

/// The tables of what no credential has yet; `None` if there is nothing to write.
pub(super) fn tables(rows: &[Row]) -> Option<String> {
    let mut text = "# Written by pintail import. Read it, then give each credential a gate (or [defaults] one), and:\n\
        # pintail check; pintail adopt --from FILE --dry-run\n"
        .to_owned();
    let new = |row: &&Row| row.outcome != Outcome::LeftOut && !row.is_configured;
    let mut rows =
        rows.iter().filter(new).filter_map(|row| Some((row, row.name.as_ref()?))).peekable();
    rows.peek()?;
    for (row, name) in rows {
        let mut line = |text_: String| writeln!(text, "{text_}").unwrap_or_default();
        line(String::new());
        line(format!("[credentials.{}]", key(name)));
        if let Some(account) = row.username.as_ref().filter(|it| it.as_str() != name.as_str()) {
            line(format!("username = {}", quoted(account.as_str())));
        }
        line(format!("store = {}", quoted(&row.store)));
        line(format!("path = {}", quoted(&row.path)));
        if row.token_field != TOKEN_FIELD {
            line(format!("token_field = {}", quoted(&row.token_field)));
        }
        match row.token_type.as_deref() {
            Some("read_write") => {}
            Some(other) => line(format!("token_type = {}", quoted(other))),
            None => line(
                "# token_type = \"read_scaling\"   # which, its account's list does not tell"
                    .to_owned(),
            ),
        }
    }
    Some(text)
}

/// The adoptions; `None` if there is none.
pub(super) fn adoptions(rows: &[Row]) -> Option<String> {
    let mut text = "# Written by pintail import: the name of a credential and the ID of the token in its secret.\n".to_owned();
    let is_new = |row: &&Row| row.outcome == Outcome::Imported;
    let mut count = 0;
    for row in rows.iter().filter(is_new) {
        let (Some(name), Some(id)) = (&row.name, row.token_id) else { continue };
        count += 1;
        writeln!(text, "{name} {id}").unwrap_or_default();
    }
    (count > 0).then_some(text)
}

/// Writes a new file, whole or not at all.
pub(super) fn write(file: &Path, text: &str) -> Result<(), CliError> {
    let refuse = |error: std::io::Error| {
        CliError::usage(format!("cannot write {}: {error}", file.display()), None)
    };
    let mut open = std::fs::File::create_new(file).map_err(refuse)?;
    open.write_all(text.as_bytes()).and_then(|()| open.sync_all()).map_err(|error| {
        let _ = std::fs::remove_file(file);
        refuse(error)
    })
}

/// A credential's name as a key of TOML.
fn key(name: &CredentialName) -> String {
    if name.as_str().contains('.') { quoted(name.as_str()) } else { name.to_string() }
}

/// A text as a basic string of TOML, which JSON's strings are.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('\u{7f}', "\\u007f")
}
