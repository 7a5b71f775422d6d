//! What no tool checks: which way the arrows between the modules point, and that every file says what it is.

#![expect(clippy::unwrap_used, reason = "a test's helpers are tests too")]

use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![];
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(".venv") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the source tree was found");
    found
}

/// The modules of this crate that a file names in paths.
fn imports(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(number, line)| {
        line.match_indices("crate::").map(move |(at, matched)| {
            let rest = &line[at + matched.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (number + 1, &rest[..end])
        })
    })
}

/// The simulation of the core runs the stores' own judgement; nothing else of the core knows a store.
const SIMULATION: &str = "src/rotation/simulation";

/// What tests of any module draw from; it knows none of them.
const FOR_TESTS: &str = "drawn";

fn assert_imports_only(below: &str, allowed: &[&str]) {
    let mut broken = vec![];
    for (name, text) in sources() {
        let module = format!("src/{below}");
        if name != format!("{module}.rs") && !name.starts_with(&format!("{module}/")) {
            continue;
        }
        let judgement = if name.starts_with(SIMULATION) { "crate::store::judgement" } else { "-" };
        let text = text.replace(judgement, "");
        for (line, import) in imports(&text) {
            if import != below && import != FOR_TESTS && !allowed.contains(&import) {
                broken.push(format!("{name}:{line} imports crate::{import}"));
            }
        }
    }
    assert!(broken.is_empty(), "{below} may import only {allowed:?}:\n{}", broken.join("\n"));
}

#[test]
fn the_core_knows_no_client_no_http_and_no_files() {
    assert_imports_only("rotation", &["config", "names", "record", "redact", "secret"]);
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("src/rotation")) {
        for forbidden in
            ["reqwest", "vaultrs", "aws_", "tokio_postgres", "std::fs", "std::net", "axum"]
        {
            assert!(!text.contains(forbidden), "{name} names {forbidden}");
        }
    }
}

#[test]
fn the_adapters_know_neither_each_other_nor_the_policy() {
    let shared =
        ["config", "http", "names", "record", "redact", "rotation", "secret", "tally", "tls"];
    let with = |more: &[&'static str]| [shared.as_slice(), more].concat();
    assert_imports_only("motherduck", &shared);
    assert_imports_only("kubernetes", &shared);
    assert_imports_only("store", &with(&["kubernetes"]));
    assert_imports_only("gate", &with(&["command", "kubernetes"]));
    assert_imports_only("verify", &with(&["command"]));
    assert_imports_only("command", &shared);
    assert_imports_only("sandbox", &shared);
    for (name, text) in sources() {
        let is_adapter =
            ["src/motherduck", "src/store", "src/gate", "src/verify", "src/command", "src/sandbox"]
                .iter()
                .any(|adapter| name.starts_with(adapter));
        if is_adapter {
            for core in ["rotation::decide", "rotation::drive", "rotation::reconcile"] {
                assert!(!text.contains(core), "{name} names {core}");
            }
        }
    }
}

#[test]
fn what_is_shown_knows_the_fleet_and_not_who_tells_it() {
    assert_imports_only("tally", &[]);
    assert_imports_only("log", &["redact"]);
    assert_imports_only("redact", &["secret"]);
    assert_imports_only("workers", &[]);
    assert_imports_only(
        "fleet",
        &["config", "log", "names", "record", "rotation", "tally", "workers"],
    );
    assert_imports_only("metrics", &["fleet", "http", "names", "rotation", "tally", "tls"]);
    assert_imports_only(
        "notify",
        &[
            "config", "deadline", "fleet", "http", "names", "record", "rotation", "secret", "tls",
            "workers",
        ],
    );
    assert_imports_only("http", &["config", "redact", "secret"]);
    assert_imports_only("server", &["config", "fleet", "metrics", "names", "rotation", "workers"]);
}

#[test]
fn what_is_written_down_and_sent_knows_no_adapter() {
    assert_imports_only("audit", &["names", "rotation"]);
    assert_imports_only("telemetry", &["config", "names", "rotation", "secret", "tls", "workers"]);
}

#[test]
fn only_one_file_joins_the_core_to_the_adapters() {
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("src/")) {
        // A generic wrapper around another world, such as the daemon's, knows no adapter.
        if text.contains("impl World for ") && !name.starts_with("src/rotation/simulation") {
            assert_eq!(name, "src/live.rs");
        }
    }
}

#[test]
fn the_text_of_a_secret_is_reached_in_one_file() {
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("src/")) {
        assert!(
            !text.contains("expose_secret") || name == "src/secret.rs",
            "{name} reaches into secrets"
        );
    }
}

#[test]
fn every_file_opens_with_a_sentence_about_itself() {
    for (name, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 15, "{name} says nothing about itself");
    }
}

#[test]
fn no_file_is_long_enough_to_be_feared() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{name} has {lines} lines: is it one subject?");
    }
}

#[test]
fn the_stated_rust_version_is_one_that_all_dependencies_can_be_built_with() {
    let cargo = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Of other platforms' packages not all have been fetched.
    let metadata = ["metadata", "--locked", "--offline", "--format-version=1", "--filter-platform"];
    let metadata = cargo(&[metadata.as_slice(), &[host]].concat());
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let version = |text: &str| -> Vec<u32> {
        let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
        parts.resize(3, 0);
        parts
    };
    let stated = env!("CARGO_PKG_RUST_VERSION");
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "the dependencies were found");
    let too_new: Vec<_> = packages
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?, package["rust_version"].as_str()?)))
        .filter(|(_, needed)| version(needed) > version(stated))
        .collect();
    assert!(too_new.is_empty(), "Cargo.toml states {stated}; newer is needed by {too_new:?}");
    let dockerfile =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile"));
    let dockerfile = dockerfile.unwrap();
    let image = dockerfile.split("rust:").nth(1).and_then(|rest| rest.split('-').next()).unwrap();
    assert!(version(image) >= version(stated), "the image is built with Rust {image}");
}
