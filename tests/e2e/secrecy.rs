//! Tokens at trace level: whole cycles, good and bad ones, and then a search of everything that anybody said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use crate::http::{Consumer, ask};
use crate::place::{Kind, private};
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};
use crate::servers::Bao;

/// Enough of a secret to recognise it by.
const PIECE: usize = 16;

fn cycles(kind: Kind, log_format: &str) {
    let mut scene = Scene::with(kind, &[ETL], &["-vv", "--log-format", log_format]);
    let trail = Trail::of(&mut scene);
    let witness = Relay::start(&scene.api_url, |_| Fate::Pass);
    scene.api_url.clone_from(&witness.url);
    let status = Arc::new(AtomicU16::new(200));
    let answer = Arc::clone(&status);
    let consumer = Consumer::start(move |_| answer.load(Ordering::SeqCst));
    let dir = scene.dir().display().to_string();
    let note = format!(
        "cat /proc/$$/environ /proc/$$/cmdline >> {dir}/hooks; cat >> {dir}/hooks; echo hook"
    );
    let (hook, broken) =
        (scene.script("hook", &note), scene.script("broken", &format!("{note}; exit 1")));
    let gate = format!(
        "gate.http = {{ url = \"{}/{{token_id}}\", interval = \"100ms\", successes = 1, deadline = \"200ms\" }}\n",
        consumer.url
    );
    let rotate = |scene: &Scene, arguments: &[&str], code: i32| {
        let mut all = vec!["-vv", "--log-format", log_format, "--output", "json"];
        all.extend(arguments);
        let run = scene.pintail(&all);
        assert_eq!(run.code, Some(code), "{run}");
        assert!(!arguments.contains(&"rotate-now") || run.stderr.contains("decided"), "{run}");
    };

    // Twice as it should be; held; held on; rolled back by hand; by policy; compromised.
    scene.defaults = format!("{gate}deploy.command = [\"{hook}\"]");
    rotate(&scene, &["rotate-now", ETL], 0);
    rotate(&scene, &["rotate-now", ETL], 0);
    status.store(503, Ordering::SeqCst);
    rotate(&scene, &["rotate-now", ETL], 3);
    rotate(&scene, &["plan"], 0);
    rotate(&scene, &["status"], 0);
    status.store(200, Ordering::SeqCst);
    rotate(&scene, &["roll-back", ETL], 0);
    rotate(&scene, &["rotate-now", ETL, "--compromised", "--reason", "a test"], 0);
    scene.defaults = format!(
        "gate.command = {{ command = [\"{broken}\"], interval = \"100ms\", successes = 1, deadline = \"200ms\" }}"
    );
    rotate(&scene, &["rotate-now", ETL], 3);
    scene.defaults = "gate = \"none\"".into();
    rotate(&scene, &["rotate-now", ETL], 0);
    rotate(&scene, &["check"], 0);

    // What goes wrong: each answer of the service, a token that is refused, a verifier that prints what it reads.
    for (operation, how) in [
        ("token_create", "lose_reply"),
        ("token_create", "fail_after"),
        ("token_list", "html"),
        ("token_revoke", "lose_reply"),
        ("connect", "fail"),
        ("connect", "lose_reply"),
    ] {
        scene.sandbox.faults(&json!({"fail_next": [{"operation": operation, "how": how}]}));
        rotate(&scene, &["rotate-now", ETL], 0);
    }
    scene
        .sandbox
        .faults(&json!({"fail_next": [{"operation": "token_revoke", "how": "not_found_text"}]}));
    rotate(&scene, &["rotate-now", ETL], 3);
    rotate(&scene, &["rotate-now", ETL], 0);
    let teller = scene.script("teller", "tee /dev/stderr; exit 1");
    scene.defaults = format!("gate = \"none\"\nverify.command = [\"{teller}\"]");
    rotate(&scene, &["rotate-now", ETL, "--timeout", "500ms"], 1);
    scene.defaults = "gate = \"none\"".into();

    if kind == Kind::File {
        assert_private(&scene.dir().join("secrets"));
    }

    // Secrets in wrong places: the admin token's file is damaged; the secret holds a token where a record should be.
    let admin = fs::read_to_string(scene.sandbox.admin_token_file()).unwrap();
    let damaged = scene.dir().join("damaged");
    private(&damaged, &format!("{admin} {admin}"));
    scene.admin_token_file.clone_from(&damaged);
    rotate_in_vain(&scene, log_format, 2);
    private(&damaged, &admin.replace('.', "x."));
    rotate_in_vain(&scene, log_format, 1);
    scene.admin_token_file = scene.sandbox.admin_token_file();
    let (token, served_id) = (scene.served_token(), scene.served_id());
    scene.more = format!("[credentials.{token}]\nusername = \"{token}\"\n");
    rotate_in_vain(&scene, log_format, 2);
    scene.more.clear();
    let mut secret = scene.secret();
    secret["pintail"]["token_id"] = token.clone().into();
    scene.place.write(&scene.clients, ETL, &Value::Object(secret));
    rotate_in_vain(&scene, log_format, 1);

    // The search finds what is said: a token's ID is.
    trail.assert_tells(&served_id);
    let said_of =
        |id: &str| everything(&scene, &trail).iter().filter(|(_, said)| said.contains(id)).count();
    assert!(said_of(&served_id) >= 3, "{served_id} is said too seldom");
    let mut secrets = vec![("the admin token".to_owned(), admin.trim().to_owned())];
    if kind == Kind::Vault {
        secrets.push(("the Vault token".to_owned(), Bao::shared().root_token.clone()));
    }
    let made: Vec<String> = witness.replies().iter().filter_map(|reply| token_of(reply)).collect();
    assert!(made.len() > 12, "the witness has seen {} tokens", made.len());
    assert!(made.contains(&token));
    secrets.extend(made.into_iter().enumerate().map(|(at, token)| (format!("token {at}"), token)));
    for (place, said) in everything(&scene, &trail) {
        assert!(!said.is_empty(), "{place} is empty");
        for (name, secret) in &secrets {
            for piece in pieces(secret) {
                // A configuration with a token as a credential's name is the test's own doing, and is not said.
                assert!(!said.contains(&piece), "{place} holds a piece of {name}: {piece}");
            }
        }
    }
}

fn rotate_in_vain(scene: &Scene, log_format: &str, code: i32) {
    let run = scene.pintail(&["-vv", "--log-format", log_format, "rotate-now", ETL]);
    assert_eq!(run.code, Some(code), "{run}");
}

/// The token in the reply to its creation.
fn token_of(reply: &str) -> Option<String> {
    let (_, body) = reply.split_once("\r\n\r\n")?;
    serde_json::from_str::<Value>(body).ok()?["token"].as_str().map(str::to_owned)
}

/// What would give a secret away: the whole of it, and its last part, which is the signature of a token.
fn pieces(secret: &str) -> Vec<String> {
    let last = secret.rsplit('.').next().unwrap();
    let mut pieces = vec![secret.to_owned(), last.chars().take(PIECE).collect()];
    pieces.push(last.chars().skip(last.len().saturating_sub(PIECE)).collect());
    pieces
}

/// What the program writes down and sends of what it does.
struct Trail {
    collector: Consumer,
    audit_log: PathBuf,
}

impl Trail {
    fn of(scene: &mut Scene) -> Self {
        let collector = Consumer::healthy();
        let audit_log = scene.dir().join("audit.jsonl");
        for (name, value) in [
            ("PINTAIL__AUDIT_LOG__FILE", audit_log.display().to_string()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20key".to_owned()),
        ] {
            scene.variables.push((name.to_owned(), value));
        }
        Self { collector, audit_log }
    }

    fn said(&self) -> [(String, String); 2] {
        let audit_log = fs::read_to_string(&self.audit_log).unwrap();
        [
            ("the audit log".to_owned(), audit_log),
            ("what the collector got".to_owned(), self.collector.bodies().join("\n")),
        ]
    }

    fn assert_tells(&self, id: &str) {
        for (place, said) in self.said() {
            assert!(said.contains(id), "{place} does not tell of {id}");
        }
    }
}

/// Whatever was said, and where.
fn everything(scene: &Scene, trail: &Trail) -> Vec<(String, String)> {
    let url = format!("{}/_sandbox/", scene.sandbox.server.url);
    let mut said = vec![
        ("the sandbox's log".to_owned(), scene.sandbox.server.log()),
        ("the events".to_owned(), ask("GET", &format!("{url}events"), "").1),
        ("the hooks' surroundings".to_owned(), scene.file("hooks")),
    ];
    said.extend(trail.said());
    let runs = scene.runs.lock().unwrap();
    said.extend(runs.iter().map(|run| ("a run's command line and output".to_owned(), run.clone())));
    said
}

fn assert_private(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap();
    if metadata.is_symlink() {
        return;
    }
    let (mode, shown) = (metadata.permissions().mode() & 0o777, path.display());
    if metadata.is_dir() {
        assert_eq!(mode, 0o700, "{shown}");
        for entry in fs::read_dir(path).unwrap() {
            assert_private(&entry.unwrap().path());
        }
    } else {
        assert_eq!(mode, 0o600, "{shown}");
    }
}

#[test]
fn with_files_and_a_log_in_text_nobody_says_a_token() {
    cycles(Kind::File, "text");
}

#[test]
fn with_openbao_and_a_log_in_json_nobody_says_a_token() {
    cycles(Kind::Vault, "json");
}

#[test]
fn with_secrets_manager_and_a_log_in_json_nobody_says_a_token() {
    cycles(Kind::Aws, "json");
}

#[test]
fn a_variable_that_makes_a_library_print_bodies_is_refused() {
    let mut scene = Scene::new(Kind::Aws);
    scene.variables.push(("LOG_SENSITIVE_BODIES".to_owned(), "1".to_owned()));
    scene.rotate(&[ETL]).complains(2, &["LOG_SENSITIVE_BODIES", "unset"]);
    assert_eq!(scene.sandbox.count("rest"), 0);
}
