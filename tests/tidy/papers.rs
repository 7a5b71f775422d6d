//! The papers: each promise names a test that exists, and each link within the tree leads somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::sources;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md, SECURITY.md and what stands in `docs`, at any depth.
fn papers() -> Vec<(PathBuf, String)> {
    let mut all = vec![root().join("README.md"), root().join("SECURITY.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                all.push(path);
            }
        }
    }
    assert!(all.len() > 20, "the papers were found");
    all.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// What stands between backquotes and has the form of a test's name; `pintail_…` is a metric's.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let is_of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.starts_with("pintail_"))
        .filter(move |word| word.matches('_').count() >= 4 && word.chars().all(is_of_a_name))
}

/// The names of all tests of the tree.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && !line.starts_with("#[") {
                let rest = line.trim_start_matches("async ").strip_prefix("fn ");
                found.extend(rest.and_then(|rest| rest.split('(').next()).map(str::to_owned));
                is_test = false;
            }
        }
    }
    found
}

#[test]
fn every_test_that_a_paper_names_exists() {
    let tests = tests();
    let mut missing = vec![];
    for (path, text) in papers() {
        for (number, line) in (1..).zip(text.lines()) {
            let unknown = named(line).filter(|name| !tests.contains(*name));
            missing.extend(unknown.map(|name| format!("{}:{number}: {name}", path.display())));
        }
    }
    assert!(missing.is_empty(), "there are no such tests:\n{}", missing.join("\n"));
}

#[test]
fn every_promise_of_the_threat_model_names_the_test_that_shows_it() {
    let text = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let promised =
        text.split("\n## What is promised").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows =
        promised.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Promise"));
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 30, "the promises were found");
    let empty: Vec<_> = rows.into_iter().filter(|row| named(row).next().is_none()).collect();
    assert!(empty.is_empty(), "nothing shows this:\n{}", empty.join("\n"));
}

/// The anchors that a page's headings have.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_a_paper_within_the_tree_leads_somewhere() {
    let mut broken = vec![];
    for (path, text) in papers() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has_anchor = || {
                std::fs::read_to_string(&target).is_ok_and(|page| anchors(&page).contains(anchor))
            };
            let is_there = target.exists() && (anchor.is_empty() || has_anchor());
            if !is_there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_file_that_the_front_door_names_exists() {
    for paper in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(paper)).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        let named = words.filter(|word| word.contains('/') && !word.contains(['<', ' ', '\n']));
        let files: Vec<_> = named.filter(|word| !word.contains("NAME")).collect();
        assert!(files.len() > 5, "{paper} names files");
        for file in files {
            let is_there = root().join(file).exists() || root().join("src").join(file).exists();
            assert!(is_there, "{paper} names {file}, which is not there");
        }
    }
}

#[test]
fn every_alert_and_every_reason_has_its_place_in_the_runbook() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let runbook = read("docs/runbook.md");
    let headings: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let rules = read("deploy/kubernetes/components/monitoring/prometheus-rule.yaml");
    let states = read("docs/reference/states.md");
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let reasons = states.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let reasons = reasons.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    let all: Vec<_> = alerts.chain(reasons).collect();
    assert!(all.len() > 40, "alerts and reasons were found");
    let missing: Vec<_> = all.into_iter().filter(|name| !headings.contains(name)).collect();
    assert!(missing.is_empty(), "the runbook has no heading for {missing:?}");
    // And each alert leads there.
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let place = format!("/docs/runbook.md#{}\n", name.to_lowercase());
        assert!(rule.contains("runbook_url: ") && rule.contains(&place), "{name} leads nowhere");
    }
}

#[test]
fn every_page_is_in_the_book_once() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: Vec<_> =
        summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let docs = root().join("docs");
    let pages = papers().into_iter().filter_map(|(path, _)| {
        Some(path.strip_prefix(&docs).ok()?.to_string_lossy().into_owned())
    });
    let pages: BTreeSet<_> = pages.filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(listed.len(), pages.len(), "a page is listed twice, or not at all");
    let missing: Vec<_> = pages.iter().filter(|page| !listed.contains(&page.as_str())).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:?}");
}
