//! What is generated from the program: completions, manual pages, and the schema of the configuration.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "generated/schema.rs"]
mod schema;
#[path = "generated/states.rs"]
mod states;

#[path = "generated/retries.rs"]
mod retries;

#[path = "generated/reference.rs"]
mod reference;

use std::process::Command;

/// What pintail writes to standard output.
fn pintail(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pintail")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_flags() {
    let script = pintail(&["completions", "bash"]);
    let complete = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let ask = format!(
            "{script}\nCOMP_WORDS=({line}); COMP_CWORD={}; _pintail pintail '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2]
        );
        let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("pintail rot"), "rotate-now");
    assert_eq!(complete("pintail rotate-now --comp"), "--compromised");
    assert_eq!(complete("pintail account ens"), "ensure");
}

#[test]
fn every_shell_gets_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = pintail(&["completions", shell]);
        for command in ["rotate-now", "roll-back", "schedule", "completions", "embed-session"] {
            assert!(script.contains(command), "{command} in {shell}");
        }
        let is_there = Command::new(shell).arg("--version").output().is_ok();
        if is_there {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &script).unwrap();
            let read = Command::new(shell).arg("-n").arg(file.path()).output().unwrap();
            let said = String::from_utf8_lossy(&read.stderr);
            assert!(read.status.success() && said.is_empty(), "{shell}: {said}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let page = pintail(&["man"]);
    for part in [".TH pintail 1", ".SH NAME", ".SH SUBCOMMANDS", "pintail\\-rotate\\-now(1)"] {
        assert!(page.contains(part), "{part}");
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("man1");
    pintail(&["man", "--dir", dir.to_str().unwrap()]);
    for command in ["", "-run", "-rotate-now", "-schedule", "-account-ensure", "-token-revoke"] {
        let page = std::fs::read_to_string(dir.join(format!("pintail{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
}
