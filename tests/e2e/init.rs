//! `pintail init`: a configuration from flags, and a playground whose commands are those that it prints.

use std::path::Path;
use std::process::Command;

use crate::http::ask;
use crate::program::{Run, Running};
use crate::servers;

fn pintail(line: &[&str], dir: &Path, variables: &[(&str, &str)]) -> Run {
    let home = dir.to_str().unwrap();
    let own = [("HOME", home), ("PATH", "/usr/bin:/bin")];
    let all = own.iter().chain(variables);
    let all: Vec<_> = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let line: Vec<_> = line.iter().map(|word| (*word).to_owned()).collect();
    Running::start(&line, &all).wait()
}

#[test]
fn a_configuration_is_written_checked_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep/pintail.toml");
    let admin = dir.path().join("admin-token");
    let (config, admin) = (file.to_str().unwrap(), admin.to_str().unwrap());
    let line = ["--config", config, "init", "--store=file", "--account=etl_prod", "--gate=wait=1h"];
    let line = [&line[..], &["--admin-token", admin, "--output=json"]].concat();

    // The files stand; what the check finds ends it with 1, and never with 2.
    let run = pintail(&line, dir.path(), &[]);
    assert_eq!(run.code, Some(1), "{run}");
    let made = run.document();
    assert_eq!(made["files"], serde_json::json!([config]));
    let findings = made["findings"].to_string();
    assert!(findings.contains("motherduck.admin_token") && findings.contains(admin), "{run}");
    let text = std::fs::read_to_string(&file).unwrap();

    let again = pintail(&line, dir.path(), &[]);
    again.complains(2, &["exists already", "pintail.toml"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn nothing_is_written_that_would_not_load_or_that_nobody_chose() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pintail.toml");
    let config = file.to_str().unwrap();
    let init = ["--config", config, "init"];
    let of = |flags: &[&str]| pintail(&[&init[..], flags].concat(), dir.path(), &[]);
    of(&["--store=file", "--account=etl_prod", "--gate=http=ftp://x"])
        .complains(2, &["gate.http.url", config]);
    of(&["--store=file", "--account=etl_prod"]).complains(2, &["--gate is missing"]);
    of(&["--yes"]).complains(2, &["--account or --fleet is missing"]);
    of(&["--yes", "--store=file", "--account=etl_prod", "--with=kubernetes"])
        .complains(2, &["dies with it"]);
    assert!(!file.exists());
}

#[test]
fn what_other_tools_were_told_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for (name, variable, value, stands) in [
        ("vault", "BAO_ADDR", "https://bao.example.com:8200", "[stores.main.vault]"),
        ("aws", "AWS_REGION", "eu-west-1", "[stores.main.aws_secrets_manager]"),
    ] {
        let file = dir.path().join(format!("{name}.toml"));
        let line = ["--config", file.to_str().unwrap(), "init", "--yes", "--fleet=customer_*"];
        let run = pintail(&line, dir.path(), &[(variable, value)]);
        assert_eq!(run.code, Some(1), "there is no admin token: {run}");
        assert!(run.stdout.contains(&format!("{variable} = {value}")), "{run}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(stands) && text.contains(value), "{text}");
    }
}

#[test]
fn manifests_are_such_as_kustomize_builds() {
    let kubectl = servers::environment().join("bin/kubectl");
    let dir = tempfile::tempdir().unwrap();
    for (store, gate) in
        [("vault", "wait=1h"), ("aws", "wait=1h"), ("kubernetes", "kubernetes=Deployment/reader")]
    {
        let folder = dir.path().join(store);
        let file = folder.join("pintail.toml");
        let line = ["--config", file.to_str().unwrap(), "init", "--with=kubernetes"];
        let flags = ["--account=etl_prod", "--store", store, "--gate", gate];
        let run = pintail(&[&line[..], &flags].concat(), dir.path(), &[]);
        assert_eq!(run.code, Some(0), "{run}");
        let built = Command::new(&kubectl).arg("kustomize").arg(&folder).output().unwrap();
        let text = String::from_utf8(built.stdout).unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        for part in ["kind: Deployment", "kind: NetworkPolicy", "pintail.toml: |", "etl_prod"] {
            assert!(text.contains(part), "{store}: {part} is not in\n{text}");
        }
        let token = text.contains("serviceAccountToken");
        assert_eq!(token, store != "aws", "{store}: {text}");
    }
}

#[test]
fn a_playground_rotates_holds_and_rolls_back_and_nothing_outlives_its_script() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("playground");
    let made = pintail(&["init", "--sandbox", place.to_str().unwrap()], dir.path(), &[]);
    assert_eq!(made.code, Some(0), "{made}");
    pintail(&["init", "--sandbox", place.to_str().unwrap()], dir.path(), &[])
        .complains(2, &["is not empty"]);

    let script = place.join("start");
    let ready = |log: &str| {
        let line = log.lines().find(|line| line.starts_with('{'))?;
        let ready: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(ready["api_url"].as_str()?.trim_start_matches("http://").to_owned())
    };
    let running = servers::start(&script, &[], ready);
    let file = place.join("pintail.toml");
    let config = ["--config", file.to_str().unwrap()];
    let of = |line: &[&str]| pintail(&[&config[..], line].concat(), dir.path(), &[]);
    let check = of(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
    for said in ["is its first", "replaced"] {
        let run = of(&["rotate-now", "etl_prod"]);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains(said), "{run}");
    }

    // A deployment that fails: both tokens stay, and the way back is open.
    let token = place.join("secrets/etl_prod/token");
    let good = std::fs::read_to_string(&token).unwrap();
    std::fs::write(place.join("unhealthy"), "").unwrap();
    let held = of(&["rotate-now", "etl_prod"]);
    assert_eq!(held.code, Some(3), "{held}");
    assert_ne!(std::fs::read_to_string(&token).unwrap(), good);
    let back = of(&["roll-back", "etl_prod"]);
    assert_eq!(std::fs::read_to_string(&token).unwrap(), good, "{back}");

    let url = running.url.clone();
    assert_eq!(ask("GET", &format!("{url}/_sandbox/events"), "").0, 200);
    let address = url.trim_start_matches("http://").to_owned();
    drop(running);
    assert!(std::net::TcpStream::connect(address).is_err(), "the stand-in outlived its script");
}
