//! The examples of `config/`: once the files that they name are there, `pintail check --offline` finds nothing.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;

use crate::sandbox::{PINTAIL, Sandbox};

/// Makes what an example names under `root`, as its guide has it made. `key` is what stands before the path.
fn make(path: &Path, key: &str, sandbox: &Sandbox) {
    let open = |mode| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode).open(path).unwrap()
    };
    let folder = |path: &Path| {
        let mut made = std::fs::DirBuilder::new();
        made.recursive(true).mode(0o700).create(path).unwrap();
    };
    folder(path.parent().unwrap());
    let authority = Path::new(sandbox.text("ca_file"));
    let text = match key {
        "dir" => return folder(path),
        "command" => {
            std::io::Write::write_all(&mut open(0o755), b"#!/bin/sh\n").unwrap();
            return;
        }
        "ca_file" | "client_cert_file" => std::fs::read(authority).unwrap(),
        "client_key_file" => std::fs::read(authority.with_file_name("ca-key.pem")).unwrap(),
        _ => b"https://hooks.example.com/some-secret".to_vec(),
    };
    std::io::Write::write_all(&mut open(0o600), &text).unwrap();
}

#[test]
fn every_example_passes_its_check_as_it_is_shipped() {
    let sandbox = Sandbox::start(&[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        found += 1;
        let dir = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        // What every pod has, and this machine has not.
        let pod = "kubernetes = { role = \"pintail\", token_file = \"/run/secrets/pod-token\" }";
        let text = text.replace("kubernetes = { role = \"pintail\" }", pod);
        let mut moved = String::new();
        let mut seen = BTreeSet::new();
        for line in text.lines() {
            let code = line.split("   #").next().unwrap();
            let mut rest = line;
            if !line.trim_start().starts_with('#') {
                // An absolute path stands between quotes, and its key before it.
                let mut parts = code.split("\"/");
                let mut before = parts.next().unwrap().to_owned();
                for part in parts {
                    let (path, after) = part.split_once('"').unwrap();
                    let path = dir.path().join(path);
                    let key = before.trim_end_matches([' ', '=', '[', '{']);
                    let key = key.rsplit([' ', '.', '{', ',']).next().unwrap();
                    let is_new = seen.insert(path.clone());
                    if is_new {
                        make(&path, key, &sandbox);
                    }
                    moved.push_str(&before);
                    write!(moved, "\"{}\"", path.display()).unwrap();
                    before = after.to_owned();
                }
                moved.push_str(&before);
                rest = "";
            }
            moved.push_str(rest);
            moved.push('\n');
        }
        let place = dir.path().join("pintail.toml");
        std::fs::write(&place, moved).unwrap();
        let checked = Command::new(PINTAIL)
            .env_clear()
            .env("MOTHERDUCK_ADMIN_TOKEN", "some-token")
            .args(["--config", place.to_str().unwrap(), "check", "--offline"])
            .output()
            .unwrap();
        let said = String::from_utf8(checked.stdout).unwrap();
        let errors = String::from_utf8(checked.stderr).unwrap();
        let name = file.display();
        assert_eq!(checked.status.code(), Some(0), "{name}: {said}{errors}");
        assert!(said.contains("0 errors, 0 warnings"), "{name}: {said}{errors}");
    }
    assert!(found >= 6, "the examples were found");
}
