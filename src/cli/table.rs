//! Tables for people: plain columns that fit a terminal and `awk` alike.

use comfy_table::{ContentArrangement, Table, presets};

/// A table without lines, one row a line however wide.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().map(|title| title.to_uppercase()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A name from outside, in quotes and on one line: a terminal must not obey what somebody called a token.
pub fn quoted(name: Option<&str>) -> String {
    name.map_or_else(|| "(no name)".to_owned(), |name| format!("{name:?}"))
}

/// So many of something: `1 token`, `2 tokens`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_cannot_command_the_terminal() {
        let shown = quoted(Some("a\u{1b}[2Jb\nc"));
        assert!(!shown.contains(['\u{1b}', '\n']), "{shown}");
    }

    #[test]
    fn a_table_is_columns_without_lines() {
        let mut table = table(&["name", "state"]);
        table.add_row(["etl", "fresh"]);
        assert_eq!(table.trim_fmt(), "NAME  STATE\netl   fresh");
    }
}
