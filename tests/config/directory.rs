//! A directory of files, as big fleets have them.

use std::path::Path;
use std::time::{Duration, Instant};

use pintail::config::{Config, ConfigError, Files};

use super::{CREDENTIAL, HEAD, assert_refused};

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn load(dir: &Path) -> Result<Config, ConfigError> {
    Config::load(&[dir.to_owned()], [])
}

#[test]
fn the_files_of_a_directory_are_read_by_name_and_later_ones_win() {
    let dir = directory(&[
        ("20-daemon.toml", "[daemon]\nconcurrency = 2"),
        ("10-base.toml", &format!("{HEAD}[daemon]\nconcurrency = 1\nsweep = \"1m\"")),
        ("30-etl.toml", CREDENTIAL),
    ]);
    let config = load(dir.path()).unwrap();
    assert_eq!((config.daemon.concurrency, config.daemon.sweep), (2, Duration::from_mins(1)));
    assert_eq!(config.credentials.len(), 1);
}

#[test]
fn what_is_hidden_or_has_another_ending_is_not_read() {
    let dir = directory(&[
        ("pintail.toml", HEAD),
        (".pintail.toml.swp", "not TOML"),
        (".#pintail.toml", "not TOML"),
        ("pintail.toml~", "not TOML"),
        ("..data/pintail.toml", "not TOML"),
        ("README.md", "not TOML"),
    ]);
    load(dir.path()).unwrap();
}

#[test]
fn a_credential_in_two_files_of_a_directory_is_refused_and_both_are_named() {
    let again = "[credentials.etl]\nttl = \"50d\"";
    let dir = directory(&[("a.toml", HEAD), ("b.toml", CREDENTIAL), ("c.toml", again)]);
    let refused = ["credentials.etl: this stands in", "b.toml and in", "c.toml:"];
    assert_refused(load(dir.path()), &refused);
    // Two names on the command line are meant to be put one over the other.
    let files = ["a.toml", "b.toml", "c.toml"].map(|name| dir.path().join(name));
    Config::load(&files, []).unwrap();
}

#[test]
fn a_problem_names_the_file_that_it_is_in() {
    let faulty = CREDENTIAL.replace("45d", "1d");
    let dir = directory(&[("a.toml", HEAD), ("b.toml", &faulty), ("c.toml", "[daemon]")]);
    assert_refused(load(dir.path()), &["b.toml: credentials.etl.ttl: 1d is too short"]);
    let dir = directory(&[("a.toml", HEAD), ("b.toml", "owner = ")]);
    assert_refused(load(dir.path()), &["b.toml: line 1, column"]);
}

#[test]
fn a_directory_without_files_is_refused() {
    let dir = directory(&[("README.md", "")]);
    assert_refused(load(dir.path()), &["config directory", "holds no *.toml file"]);
}

#[test]
fn a_fingerprint_changes_with_any_file_and_with_nothing_else() {
    let dir = directory(&[("a.toml", HEAD), ("b.toml", CREDENTIAL)]);
    let files = Files::new(vec![dir.path().to_owned()], []);
    let first = files.fingerprint();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("b.toml", CREDENTIAL);
    write("notes", "a note");
    assert_eq!(files.fingerprint(), first);
    write("c.toml", "");
    let second = files.fingerprint();
    assert_ne!(second, first);
    std::fs::rename(dir.path().join("c.toml"), dir.path().join("d.toml")).unwrap();
    assert_ne!(files.fingerprint(), second);
    std::fs::remove_file(dir.path().join("d.toml")).unwrap();
    assert_eq!(files.fingerprint(), first);
    std::fs::remove_file(dir.path().join("b.toml")).unwrap();
    assert_ne!(files.fingerprint(), first);
}

#[test]
fn ten_thousand_credentials_in_a_thousand_files_are_read_in_a_moment() {
    let dir = directory(&[("00.toml", HEAD)]);
    for file in 0..1_000 {
        let text: String =
            (0..10).map(|n| CREDENTIAL.replace("etl", &format!("c{file}_{n}"))).collect();
        std::fs::write(dir.path().join(format!("{file:04}.toml")), text).unwrap();
    }
    let begun = Instant::now();
    assert_eq!(load(dir.path()).unwrap().credentials.len(), 10_000);
    // A second for the released program, ten times that for this one and for a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
