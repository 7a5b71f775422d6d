//! The examples of `deploy/consumers`, run as they are shipped: each reads what a rotation has published.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::ask;
use crate::place::{Kind, bao, private};
use crate::scene::{ETL, Scene};
use crate::servers::{Bao, Moto, Server, environment, start};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/consumers").join(name)
}

/// The text of an example with what each user changes in it; all of it must be there.
fn adapted(name: &str, changes: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(shipped(name)).unwrap();
    for (shipped, own) in changes {
        assert!(text.contains(shipped), "{name} does not say {shipped}");
        text = text.replace(shipped, own);
    }
    text
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_mins(1), "it never came true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The consumer of `files/consumer.py`, with what it has said in its server's log.
fn consumer(scene: &Scene, token_file: &Path) -> Server {
    let python = environment().join("bin/python3").display().to_string();
    let script = shipped("files/consumer.py").display().to_string();
    let variables = [
        format!("motherduck_token_file={}", token_file.display()),
        format!("motherduck_host={}", scene.sandbox.text("postgres_host")),
        format!("motherduck_port={}", scene.sandbox.ready["postgres_port"]),
        format!("motherduck_ca_file={}", scene.ca_file.display()),
        "listen_port=0".to_owned(),
        "look_every_seconds=0.05".to_owned(),
    ];
    let mut arguments: Vec<_> = variables.iter().map(String::as_str).collect();
    arguments.extend([python.as_str(), script.as_str()]);
    let server = start(Path::new("/usr/bin/env"), &arguments, |log| {
        let port = log.split("listening on ").nth(1)?.lines().next()?;
        Some(format!("127.0.0.1:{port}"))
    });
    until("the consumer works", || ask("GET", &format!("{}/healthz", server.url), "").0 == 200);
    server
}

/// The gate that asks it about the new token.
fn gate(consumer: &Server, deadline: &str) -> String {
    format!(
        "gate.http = {{ url = \"{}/healthz/{{token_id}}\", interval = \"100ms\", successes = 2, deadline = \"{deadline}\" }}",
        consumer.url
    )
}

#[test]
fn a_consumer_of_the_file_store_reconnects_and_lets_the_gate_pass_only_then() {
    let mut scene = Scene::new(Kind::File);
    let first = scene.first_token();
    let consumer = consumer(&scene, &scene.place.directory(ETL).join("token"));
    scene.defaults = gate(&consumer, "1m");
    let second = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(second["revoked"], json!([first]));
    scene.assert_at_rest();
    let (log, second) = (consumer.log(), scene.served_id());
    let connected: Vec<_> =
        log.lines().filter_map(|line| line.strip_prefix("connected with token ")).collect();
    assert_eq!(connected, [first.as_str(), second.as_str()], "{log}");
    assert!(!log.contains(&scene.served_token()) && !log.contains("not working"), "{log}");
    // Whoever asks about another token is not told that all is well.
    assert_eq!(ask("GET", &format!("{}/healthz/{first}", consumer.url), "").0, 503);
}

/// An agent with the consumer's own policy, once it has written the token.
fn agent(scene: &Scene) -> Server {
    let (path, dir) = (scene.place.path(ETL), scene.dir().display().to_string());
    let file = |name: &str, text: &str| {
        private(&scene.dir().join(name), text);
        format!("{dir}/{name}")
    };
    let name = format!("consumer-{}", uuid::Uuid::new_v4());
    let policy = adapted("../vault/consumer.hcl", &[("motherduck/etl-prod", &path)]);
    bao(&["policy", "write", &name, &file("consumer.hcl", &policy)]).unwrap();
    bao(&["auth", "enable", &format!("-path={name}"), "approle"]).unwrap();
    let role = format!("auth/{name}/role/etl");
    bao(&["write", &role, &format!("token_policies={name}"), "token_no_default_policy=true"])
        .unwrap();
    let id = bao(&["read", "-field=role_id", &format!("{role}/role-id")]).unwrap();
    let secret = bao(&["write", "-f", "-field=secret_id", &format!("{role}/secret-id")]).unwrap();
    file("role-id", &id);
    file("secret-id", &secret);
    let restart = scene
        .script("restart", &format!("cat {dir}/token >> {dir}/restarts; echo >> {dir}/restarts"));
    let config = adapted(
        "bao-agent/agent.hcl",
        &[
            ("https://vault.example.com:8200", &Bao::shared().server.url),
            ("auth/approle", &format!("auth/{name}")),
            ("/etc/motherduck/", &format!("{dir}/")),
            ("/run/motherduck/", &format!("{dir}/")),
            ("secret/data/motherduck/etl-prod", &format!("secret/data/{path}")),
            ("static_secret_render_interval = \"30s\"", "static_secret_render_interval = \"1s\""),
            (
                "[\"/usr/bin/systemctl\", \"try-restart\", \"etl_prod.service\"]",
                &format!("[\"{restart}\"]"),
            ),
        ],
    );
    let config = format!("-config={}", file("agent.hcl", &config));
    let written = scene.dir().join("restarts");
    start(&Bao::program(), &["agent", &config], |_| written.exists().then(|| "nowhere".to_owned()))
}

#[test]
fn a_consumer_behind_vaults_agent_follows_and_a_stopped_agent_holds_the_rotation() {
    let mut scene = Scene::new(Kind::Vault);
    let first = scene.first_token();
    let first_text = scene.served_token();
    let agent = agent(&scene);
    let file = scene.dir().join("token.json");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(scene.file("token"), first_text);
    let consumer = consumer(&scene, &file);
    scene.defaults = gate(&consumer, "1m");
    let rotated = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(rotated["revoked"], json!([first]), "{}", agent.log());
    scene.assert_at_rest();
    let second = scene.served_token();
    until("the bare token is renewed", || scene.file("token") == second);
    until("the consumer is restarted", || {
        scene.file("restarts").lines().eq([first_text.as_str(), second.as_str()])
    });
    drop(agent);
    scene.defaults = gate(&consumer, "1s");
    scene.rotate(&[ETL]).came_to(3, "held");
    assert!(scene.connects(&second), "the token that the consumer still has works");
}

fn python(script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(environment().join("bin/python3"));
    command.arg(shipped(script)).args(arguments).env_clear();
    command.envs(variables.iter().copied());
    command.envs([
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_program_reads_an_object_or_a_plain_secret_of_secrets_manager() {
    let scene = Scene::new(Kind::Aws);
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let token = scene.served_token();
    let endpoint = Moto::shared().server.url.as_str();
    let read = |path: &str| {
        let output = python("aws/read_token.py", &[path], &[("AWS_ENDPOINT_URL", endpoint)]);
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(read(&scene.place.path(ETL)), token);
    let plain = scene.place.path("plain");
    scene.clients.write_secret(endpoint, &plain, &token);
    assert_eq!(read(&plain), token);
}

/// A stand-in for the AWS Secrets Manager Agent, which answers one request and gives its head.
fn secrets_agent(text: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answered = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(client.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        let body = json!({"Name": "motherduck/etl", "SecretString": text}).to_string();
        let length = body.len();
        write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        head
    });
    (url, answered)
}

#[test]
fn a_program_reads_both_from_what_answers_as_the_aws_secrets_manager_agent_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("awssmatoken");
    private(&file, "ssrf-token\n");
    for secret in ["t0ken".to_owned(), json!({"motherduck_token": "t0ken"}).to_string()] {
        let (url, answered) = secrets_agent(secret);
        let variables = [
            ("secrets_agent_url", url.as_str()),
            ("secrets_agent_token_file", file.to_str().unwrap()),
        ];
        let output = python("aws/read_from_agent.py", &["motherduck/etl"], &variables);
        assert_eq!(output.stdout, b"t0ken");
        let head = answered.join().unwrap().to_lowercase();
        assert!(
            head.starts_with("get /secretsmanager/get?secretid=motherduck%2fetl http"),
            "{head}"
        );
        assert!(head.contains("x-aws-parameters-secrets-token: ssrf-token\r\n"), "{head}");
    }
}

#[test]
fn the_task_definition_and_the_policy_name_the_same_secret() {
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(shipped(name)).unwrap()).unwrap()
    };
    let task = read("aws/ecs-task-definition.json");
    let reference = task["containerDefinitions"][0]["secrets"][0]["valueFrom"].as_str().unwrap();
    let (arn, rest) = reference.split_at(reference.rfind("-AbCdEf").unwrap());
    assert_eq!(rest, "-AbCdEf:motherduck_token::");
    let policy = read("aws/consumer-policy.json");
    assert_eq!(policy["Statement"][0]["Resource"], format!("{arn}-??????"));
}

#[test]
fn a_plain_secret_follows_the_record_beside_it() {
    let mut scene = Scene::new(Kind::Aws);
    scene.defaults = "gate = \"none\"\nformat = \"plain\"".to_owned();
    let (endpoint, path) = (Moto::shared().server.url.as_str(), scene.place.path(ETL));
    let mut previous: Option<String> = None;
    for _ in 0..2 {
        let rotated = scene.rotate(&[ETL]).came_to(0, "rotated");
        let record = scene.clients.secret(endpoint, &format!("{path}/pintail"));
        let record: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["token_id"], rotated["token_id"]);
        let read = python("aws/read_token.py", &[&path], &[("AWS_ENDPOINT_URL", endpoint)]);
        let token = String::from_utf8(read.stdout).unwrap();
        assert_eq!(record["motherduck_token"], token);
        assert!(scene.connects(&token));
        if let Some(old) = previous.replace(token) {
            assert!(!scene.connects(&old));
        }
    }
    assert_eq!(scene.live(ETL).len(), 1);
}

#[test]
fn a_plain_secret_that_was_made_by_hand_is_adopted_with_the_record_that_it_was_given() {
    let mut scene = Scene::new(Kind::Aws);
    scene.defaults = "gate = \"none\"\nformat = \"plain\"".to_owned();
    let made = scene.pintail(&["--output", "json", "token", "create", ETL, "--name", "by hand"]);
    let made = made.document();
    let text = made.as_object().unwrap().values().filter_map(Value::as_str);
    let text = text.max_by_key(|text| text.len()).unwrap().to_owned();
    let id = made["token_id"].as_str().or(made["id"].as_str()).unwrap();
    let (endpoint, path) = (Moto::shared().server.url.as_str(), scene.place.path(ETL));
    scene.clients.write_secret(endpoint, &path, &text);
    let object = json!({"motherduck_token": text}).to_string();
    scene.clients.write_secret(endpoint, &format!("{path}/pintail"), &object);
    assert_eq!(scene.pintail(&["adopt", ETL, "--token-id", id]).code, Some(0));
    let rotated = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(rotated["revoked"], json!([id]));
    let served = scene.clients.secret(endpoint, &path);
    assert_ne!(served, text);
    assert!(scene.connects(&served) && !scene.connects(&text));
}
