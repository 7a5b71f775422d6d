//! The manual's tables of states and reasons are the program's.

use std::fmt::Write;
use std::path::Path;

use pintail::rotation::condition::{Reason, State};

const MANUAL: &str = "docs/reference/states.md";

/// A cell: a pipe would end it, and `NAME` is a placeholder.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn states() -> String {
    let mut table = "| State | Means | Next |\n|---|---|---|\n".to_owned();
    for state in State::ALL {
        let (meaning, next) = (cell(state.meaning()), cell(state.outlook()));
        writeln!(table, "| `{}` | {meaning} | {next} |", state.as_str()).unwrap();
    }
    table
}

fn reasons() -> String {
    let mut table = "| Reason | Severity | Means | What to do |\n|---|---|---|---|\n".to_owned();
    for reason in Reason::ALL {
        let (meaning, hint) = (cell(reason.meaning()), cell(reason.advice()));
        let severity = reason.severity().as_str();
        writeln!(table, "| `{}` | {severity} | {meaning} | {hint} |", reason.as_str()).unwrap();
    }
    table
}

#[test]
fn the_manual_has_every_state_and_every_reason_in_the_programs_own_words() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANUAL);
    let text = std::fs::read_to_string(manual).unwrap_or_default();
    for table in [states(), reasons()] {
        assert!(text.contains(&table), "{MANUAL} has drifted; put there:\n\n{table}");
    }
}
