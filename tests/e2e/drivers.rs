//! The drivers that consumers use connect to the sandbox, and are refused by it, as they are by a Postgres server.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::http::ask_as;
use crate::sandbox::Sandbox;
use crate::servers::environment;

#[test]
fn each_driver_connects_with_a_token_and_says_that_a_revoked_one_is_refused() {
    let sandbox = Sandbox::start(&["--accounts=etl_prod"]);
    let admin = std::fs::read_to_string(sandbox.admin_token_file()).unwrap();
    let tokens = format!("{}/v1/users/etl_prod/tokens", sandbox.server.url);
    let create = |name: &str| -> Value {
        let (status, body) = ask_as(&admin, "POST", &tokens, &json!({"name": name}).to_string());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let (good, revoked) = (create("good"), create("revoked"));
    let id = revoked["id"].as_str().unwrap();
    assert_eq!(ask_as(&admin, "DELETE", &format!("{tokens}/{id}"), "").0, 200);

    let mut python = Command::new(environment().join("bin/python3"))
        .args(["-c", include_str!("drivers.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let place = json!({
        "host": sandbox.ready["postgres_host"],
        "port": sandbox.ready["postgres_port"],
        "ca": sandbox.ready["ca_file"],
        "good": good["token"],
        "revoked": revoked["token"],
    });
    python.stdin.take().unwrap().write_all(place.to_string().as_bytes()).unwrap();
    let ended = python.wait_with_output().unwrap();
    // asyncpg tells of a server that says too much in what it prints, not in what it raises.
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{said}");
    let lines: Vec<Value> = String::from_utf8_lossy(&ended.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 9, "{lines:#?}");
    for line in lines {
        assert_eq!(line["good"], 1, "{line}");
        let refusal = line["revoked"].as_str().unwrap();
        assert!(refusal.contains("not authenticated"), "{line}");
    }
}
