//! The schema says what the program takes: no key more and none less, and every example is right by it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pintail::config::Config;
use serde_json::Value;

#[path = "../support/servers.rs"]
mod servers;

use super::pintail;

const COMMITTED: &str = "config/pintail.schema.json";

fn schema() -> Value {
    serde_json::from_str(&pintail(&["schema"])).unwrap()
}

#[test]
fn the_committed_schema_is_the_one_that_the_program_writes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(root.join(COMMITTED)).unwrap_or_default();
    assert!(
        committed == pintail(&["schema"]),
        "it has drifted; write it again with: cargo run -- schema > {COMMITTED}"
    );
}

/// A table of the schema: where it is in a configuration, and its keys.
struct Table {
    path: Vec<String>,
    keys: BTreeSet<String>,
}

/// All tables below `part`, those of lists excepted.
fn tables(schema: &Value, part: &Value, path: &[String], found: &mut Vec<Table>) {
    if let Some(name) = part["$ref"].as_str() {
        let named = schema.pointer(name.trim_start_matches('#')).unwrap();
        return tables(schema, named, path, found);
    }
    for choices in ["anyOf", "allOf", "oneOf"] {
        for choice in part[choices].as_array().into_iter().flatten() {
            tables(schema, choice, path, found);
        }
    }
    let below = |key: &str| [path, &[key.to_owned()]].concat();
    let properties = part["properties"].as_object();
    if part["additionalProperties"] == Value::Bool(false) {
        let keys = properties.into_iter().flat_map(|all| all.keys().cloned()).collect();
        found.push(Table { path: path.to_vec(), keys });
    } else if part["additionalProperties"].is_object() {
        tables(schema, &part["additionalProperties"], &below("some"), found);
    }
    for (key, value) in properties.into_iter().flatten() {
        tables(schema, value, &below(key), found);
    }
}

/// The keys that the program says it knows, where it is given one that it does not know.
fn known_to_the_program(path: &[String]) -> BTreeSet<String> {
    let key = [path, &["zzzz9".to_owned()]].concat().join(".");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{key} = 1\n")).unwrap();
    let error = Config::load(&[PathBuf::from(file.path())], []).unwrap_err().to_string();
    let line = error.lines().find(|line| line.contains("known here: ")).unwrap_or_default();
    let known = line.split_once("known here: ").map(|(_, known)| known).unwrap_or_default();
    known
        .split(", ")
        .map(|key| key.trim_matches('`').to_owned())
        .filter(|key| !key.is_empty())
        .collect()
}

#[test]
fn every_key_of_the_program_is_in_the_schema_and_the_reverse() {
    let schema = schema();
    let mut found = vec![];
    tables(&schema, &schema, &[], &mut found);
    assert!(found.len() > 20, "the walk went through the schema");
    for table in found.iter().filter(|table| !table.keys.is_empty()) {
        let known = known_to_the_program(&table.path);
        assert_eq!(table.keys, known, "{}", table.path.join("."));
    }
}

const CHECK: &str = r"
import json, sys, tomllib
from jsonschema import Draft7Validator
schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
for path in sys.argv[2:]:
    for error in Draft7Validator(schema).iter_errors(tomllib.load(open(path, 'rb'))):
        print(path, '/'.join(map(str, error.absolute_path)))
";

fn complaints(files: &[PathBuf]) -> String {
    let schema = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(schema.path(), pintail(&["schema"])).unwrap();
    let mut python = Command::new(servers::environment().join("bin/python3"));
    let output = python.args(["-c", CHECK]).arg(schema.path()).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn examples(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            examples(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_example_is_right_by_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![];
    examples(&root.join("config"), &mut files);
    examples(&root.join("deploy"), &mut files);
    assert!(files.len() >= 4, "{files:?}");
    assert_eq!(complaints(&files), "");
}

#[test]
fn what_the_program_refuses_for_its_shape_is_wrong_by_the_schema() {
    let dir = tempfile::tempdir().unwrap();
    for (number, (text, place)) in [
        ("credentials.etl.scedule = '0 3 * * *'", "credentials/etl"),
        ("credentials.etl.ttl = 3600", "credentials/etl/ttl"),
        ("credentials.etl.on_failure = 'panic'", "credentials/etl/on_failure"),
        ("credentials.etl.windows = '22:00-04:00'", "credentials/etl/windows"),
        ("stores.main.file.dir = '/x'\nstores.main.vault.address = 'https://x'", "stores/main"),
        ("motherduck.admin_token = 'the secret itself'", "motherduck/admin_token"),
    ]
    .iter()
    .enumerate()
    {
        let file = dir.path().join(format!("{number}.toml"));
        std::fs::write(&file, text).unwrap();
        let said = complaints(&[file]);
        assert!(said.contains(place), "{text}: {said}");
    }
}
