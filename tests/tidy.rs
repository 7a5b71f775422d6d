//! What no tool checks: which way the arrows between the modules point, and that every file says what it is.

#![expect(clippy::unwrap_used, reason = "a test's helpers are tests too")]

#[path = "tidy/papers.rs"]
mod papers;

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

/// The modules of this crate that a file names in paths; what a comment mentions is not imported.
fn imports(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = |line: &str| !line.trim_start().starts_with("//");
    text.lines().enumerate().filter(move |(_, line)| code(line)).flat_map(|(number, line)| {
        line.match_indices("crate::").map(move |(at, matched)| {
            let rest = &line[at + matched.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (number + 1, &rest[..end])
        })
    })
}

/// The one import against an arrow: the simulation of the core runs the stores' own judgement.
const SIMULATION: (&str, &str) = ("src/rotation/simulation", "crate::stores::judgement");

/// What each module may import, from the ground up. A module may import only what stands above it, so no arrow goes
/// round in a circle; what is not named here may not be imported, by tests neither.
const ARROWS: &[(&str, &[&str])] = &[
    ("process", &[]),
    ("regular", &[]),
    ("workers", &[]),
    ("deadline", &[]),
    ("request_stats", &[]),
    ("secret", &["regular"]),
    ("redact", &["secret"]),
    ("log", &["redact"]),
    ("text", &[]),
    ("names", &[]),
    ("glob", &[]),
    ("record", &["names", "secret"]),
    ("fault", &["redact", "regular"]),
    ("retry", &[]),
    ("occupancy", &[]),
    // The core: no client, no HTTP, no files, no configuration.
    ("rotation", &["fault", "names", "record", "redact", "retry", "secret", "text"]),
    // What adapters are made of.
    ("http", &["redact", "secret"]),
    ("tls", &["fault", "http", "regular"]),
    ("kubernetes", &["fault", "http", "redact", "request_stats", "retry", "secret", "tls"]),
    // The adapters: none knows another, nor what decides.
    (
        "motherduck",
        &[
            "fault",
            "http",
            "names",
            "occupancy",
            "record",
            "redact",
            "retry",
            "rotation",
            "secret",
            "request_stats",
            "tls",
        ],
    ),
    (
        "stores",
        &[
            "fault",
            "http",
            "kubernetes",
            "names",
            "record",
            "redact",
            "retry",
            "rotation",
            "secret",
            "tls",
        ],
    ),
    (
        "consumers",
        &[
            "fault",
            "http",
            "kubernetes",
            "names",
            "record",
            "redact",
            "request_stats",
            "rotation",
            "secret",
            "tls",
        ],
    ),
    ("sandbox", &["fault", "names", "record", "secret", "tls"]),
    ("audit_log", &["fault", "names"]),
    ("account", &["audit_log", "fault", "http", "motherduck", "names", "sandbox", "secret"]),
    // What is known of the credentials, and who shows and tells it.
    ("traces", &["fault", "http", "names", "retry", "rotation", "secret", "tls", "workers"]),
    ("status", &["fault", "log", "names", "record", "rotation", "request_stats", "workers"]),
    ("metrics", &["fault", "status", "http", "process", "rotation", "request_stats", "tls"]),
    (
        "notifications",
        &[
            "deadline", "fault", "status", "http", "names", "record", "retry", "rotation",
            "secret", "text", "tls", "workers",
        ],
    ),
    ("server", &["fault", "status", "metrics", "names", "rotation", "text", "workers"]),
    // Which accounts belong to which rule.
    ("fleet", &["glob", "names", "rotation"]),
    // The configuration knows everybody's settings; only those below know the configuration.
    (
        "config",
        &[
            "account",
            "consumers",
            "fault",
            "fleet",
            "http",
            "kubernetes",
            "motherduck",
            "names",
            "notifications",
            "record",
            "rotation",
            "secret",
            "server",
            "stores",
            "traces",
            "tls",
        ],
    ),
    ("engine", ANYTHING_ABOVE),
    ("daemon", ANYTHING_ABOVE),
    ("modes", ANYTHING_ABOVE),
    ("cli", ANYTHING_ABOVE),
];

const ANYTHING_ABOVE: &[&str] = &["*"];

/// What tests of any module draw from; it knows none of them.
const FOR_TESTS: &str = "drawn";

fn module_of(file: &str) -> Option<&str> {
    let below = file.strip_prefix("src/")?;
    Some(below.split('/').next()?.trim_end_matches(".rs"))
}

#[test]
fn every_arrow_points_down() {
    let mut broken = vec![];
    let is_above = |import: &str, module: &str| {
        let place = |name| ARROWS.iter().position(|(one, _)| *one == name);
        place(import) < place(module) && place(import).is_some()
    };
    for (name, text) in sources() {
        let Some(module) = module_of(&name).filter(|name| !["lib", "main"].contains(name)) else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(one, _)| *one == module) else {
            broken.push(format!("{name}: nothing is said of module {module}"));
            continue;
        };
        let text =
            if name.starts_with(SIMULATION.0) { text.replace(SIMULATION.1, "") } else { text };
        for (line, import) in
            imports(&text).filter(|(_, import)| *import != module && *import != FOR_TESTS)
        {
            let is_allowed = allowed.contains(&import) || *allowed == ANYTHING_ABOVE;
            if !is_allowed || !is_above(import, module) {
                broken.push(format!("{name}:{line} imports crate::{import}"));
            }
        }
    }
    assert!(broken.is_empty(), "against the arrows:\n{}", broken.join("\n"));
}

#[test]
fn no_arrow_is_kept_open_for_nobody() {
    let mut unused = vec![];
    let sources = sources();
    for (module, allowed) in ARROWS.iter().filter(|(_, allowed)| *allowed != ANYTHING_ABOVE) {
        let files = sources.iter().filter(|(name, _)| module_of(name) == Some(*module));
        let used: Vec<_> =
            files.flat_map(|(_, text)| imports(text).map(|(_, import)| import)).collect();
        let idle = allowed.iter().filter(|one| !used.contains(one));
        unused.extend(idle.map(|one| format!("{module} does not import {one}")));
    }
    assert!(unused.is_empty(), "take these off:\n{}", unused.join("\n"));
}

/// Whoever sends a body that is not wiped: no token is in it.
const PLAIN_BODIES: [(&str, &str); 4] = [
    ("src/metrics/push.rs", ".body(text)"),
    ("src/motherduck/call.rs", ".json(body)"),
    ("src/notifications/receiver.rs", ".body(body.to_string())"),
    ("src/traces.rs", ".body(trace.to_owned())"),
];

#[test]
fn a_body_that_may_hold_a_token_is_wiped_when_it_was_sent() {
    let mut sent = vec![];
    for (name, text) in sources() {
        let is_ours = name.starts_with("src/") && !name.contains("/sandbox/");
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        if !is_ours || name.contains("tests") || !code.contains("reqwest") && !code.contains("http")
        {
            continue;
        }
        for line in code.lines().map(str::trim) {
            let sends = [".body(", ".json(", ".form(", ".multipart("].into_iter();
            for at in sends.filter_map(|call| line.find(call)) {
                let call = &line[at..];
                let is_wiped = call.contains("wiped(") || call.starts_with(".body()");
                let is_read = call.starts_with(".json()");
                let is_plain = PLAIN_BODIES
                    .iter()
                    .any(|(file, known)| name == *file && call.starts_with(known));
                if !is_wiped && !is_read && !is_plain {
                    sent.push(format!("{name}: {line}"));
                }
            }
        }
    }
    assert!(sent.is_empty(), "use `http::body::wiped`:\n{}", sent.join("\n"));
}

#[test]
fn the_core_knows_no_client_no_http_and_no_files() {
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("src/rotation")) {
        for forbidden in
            ["reqwest", "vaultrs", "aws_", "tokio_postgres", "std::fs", "std::net", "axum"]
        {
            assert!(!text.contains(forbidden), "{name} names {forbidden}");
        }
    }
}

#[test]
fn the_adapters_do_not_know_what_decides() {
    for (name, text) in sources() {
        let is_adapter = [
            "src/motherduck",
            "src/store",
            "src/consumers/gate",
            "src/consumers/verify",
            "src/consumers/command",
            "src/sandbox",
        ]
        .iter()
        .any(|adapter| name.starts_with(adapter));
        if is_adapter {
            for core in ["rotation::decide", "rotation::run", "rotation::reconcile"] {
                assert!(!text.contains(core), "{name} names {core}");
            }
        }
    }
}

#[test]
fn only_one_file_joins_the_core_to_the_adapters() {
    for (name, text) in sources().iter().filter(|(name, _)| name.starts_with("src/")) {
        // A layer round another world, such as the daemon's, is none of its own.
        if text.contains("impl World for ") && !name.starts_with("src/rotation/simulation") {
            assert_eq!(name, "src/engine/production.rs");
        }
    }
}

#[test]
fn what_mutants_are_made_of_and_excused_is_there() {
    let text = std::fs::read_to_string(".cargo/mutants.toml").unwrap();
    let sources: Vec<_> =
        sources().into_iter().filter(|(name, _)| name.starts_with("src/")).collect();
    for path in text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()) {
        let start = path.split("**").next().unwrap();
        assert!(sources.iter().any(|(name, _)| name.starts_with(start)), "{path} names no file");
    }
    for pattern in
        text.lines().filter_map(|line| line.trim().strip_prefix('\'')?.split('\'').next())
    {
        let file = pattern.split(".*").next().unwrap().replace('\\', "");
        let function = pattern.rsplit([' ', ':', '*']).next().unwrap();
        let has = |(name, text): &(String, String)| {
            name.ends_with(&file) && text.contains(&format!("fn {function}"))
        };
        assert!(sources.iter().any(has), "{pattern} names no function");
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
