//! How long pintail tries, as the manual tells it.

use std::time::Duration;

use pintail::retry::{Retry, TABLE};

const MANUAL: &str = "docs/reference/retries.md";

fn span(duration: Duration) -> String {
    if duration == Duration::MAX {
        return "as long as it takes".to_owned();
    }
    match duration.as_millis() {
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms < 60_000 => format!("{} s", duration.as_secs()),
        _ => format!("{} min", duration.as_secs() / 60),
    }
}

fn row((what, retry): (&str, &Retry)) -> String {
    let tries =
        if retry.tries == u32::MAX { "any number".to_owned() } else { retry.tries.to_string() };
    let asked = match retry.longest_asked {
        Duration::ZERO => "not read".to_owned(),
        limit => format!("up to {}", span(limit)),
    };
    format!(
        "| {what} | {tries} | {}, then × {} up to {} | {asked} | {} |",
        span(retry.first),
        retry.factor,
        span(retry.longest),
        span(retry.in_all)
    )
}

#[test]
fn the_manual_tells_how_long_everything_is_tried() {
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let shown: Vec<_> = manual
        .lines()
        .filter(|line| line.starts_with("| a ") || line.starts_with("| the "))
        .collect();
    let rows = TABLE.map(row);
    assert_eq!(shown, rows, "{MANUAL} should show:\n{}\n", rows.join("\n"));
}
