//! The deploy hook: after the publication, before the gate, at least once.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::http::Consumer;
use crate::place::Kind;
use crate::scene::{ETL, Scene, steps};

const WITH_A_HOOK: [&str; 9] =
    ["create", "preflight", "publish", "deploy", "gate", "verify", "seal", "revoke", "confirm"];

/// Request lines, each with the token that was served at the time.
type Notes = Arc<Mutex<Vec<(String, String)>>>;

/// A consumer that notes which token was served when it was asked for which path.
fn observer(scene: &Scene) -> (Consumer, Notes) {
    let notes = Notes::default();
    let (log, record) = (Arc::clone(&notes), scene.place.directory(ETL).join("record.json"));
    let consumer = Consumer::start(move |head| {
        let record: Value =
            serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
        let served = record["token_id"].as_str().unwrap().to_owned();
        let line = head.split(" HTTP").next().unwrap().to_owned();
        log.lock().unwrap().push((line, served));
        200
    });
    (consumer, notes)
}

#[test]
fn an_http_hook_is_called_after_the_publication_and_before_the_gate() {
    let mut scene = Scene::new(Kind::File);
    let (consumer, notes) = observer(&scene);
    let url = &consumer.url;
    scene.defaults = format!(
        "gate.http = {{ url = \"{url}/healthz\", interval = \"100ms\", successes = 2 }}\ndeploy.http.url = \"{url}/reload/{{token_id}}\""
    );
    let first = scene.first_token();
    assert_eq!(
        *notes.lock().unwrap(),
        [(format!("POST /reload/{first}"), first)],
        "a first token is deployed too"
    );
    notes.lock().unwrap().clear();
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(steps(&result), WITH_A_HOOK);
    let new = scene.served_id();
    let lines = [format!("POST /reload/{new}"), "GET /healthz".into(), "GET /healthz".into()];
    assert_eq!(*notes.lock().unwrap(), lines.map(|line| (line, new.clone())));
    scene.assert_at_rest();
}

#[test]
fn a_command_hook_is_called_with_the_promised_environment() {
    let mut scene = Scene::new(Kind::File);
    let old = scene.first_token();
    let dir = scene.dir().display().to_string();
    let hook = scene.script(
        "hook",
        &format!("echo \"$PINTAIL_TOKEN_ID $PINTAIL_PREVIOUS_TOKEN_ID $*\" >> {dir}/calls"),
    );
    scene.defaults = format!("gate = \"none\"\ndeploy.command = [\"{hook}\", \"{{username}}\"]");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(steps(&result).contains(&"deploy"));
    assert_eq!(scene.file("calls"), format!("{} {old} {ETL}\n", scene.served_id()));
}

#[test]
fn a_hook_that_fails_at_first_is_tried_again() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let dir = scene.dir().display().to_string();
    let hook = scene.script("hook", &format!("mkdir {dir}/tried 2>/dev/null && exit 1; exit 0"));
    scene.defaults = format!("gate = \"none\"\ndeploy.command = [\"{hook}\"]");
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    let deploys = steps(&result).iter().filter(|step| **step == "deploy").count();
    assert_eq!(deploys, 1, "all tries of a step are one step: {result}");
    scene.assert_at_rest();
}

#[test]
fn a_resumed_rotation_calls_the_hook_again() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let consumer = Consumer::start(|head| if head.starts_with("POST") { 200 } else { 500 });
    let url = &consumer.url;
    let deploy = format!("deploy.http.url = \"{url}\"\n");
    scene.defaults = format!(
        "{deploy}gate.http = {{ url = \"{url}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}"
    );
    scene.rotate(&[ETL]).came_to(3, "held");
    let calls = || consumer.heads().iter().filter(|head| head.starts_with("POST")).count();
    assert_eq!(calls(), 1);
    scene.defaults = format!("{deploy}gate = \"none\"");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(calls(), 2);
    scene.assert_at_rest();
}

#[test]
fn a_second_signal_ends_the_daemon_at_once_whatever_it_waits_for() {
    let mut scene = Scene::new(Kind::File);
    let dir = scene.dir().display();
    let hook =
        scene.script("hook", &format!("echo $$ >{dir}/pid; mv {dir}/pid {dir}/begun; sleep 60"));
    scene.defaults = format!("gate = \"none\"\ndeploy.command = [\"{hook}\"]");
    scene.more = "[daemon]\nshutdown_grace = \"5m\"\n".to_owned();
    let mut daemon = scene.start(&["run"]);
    let begun = std::time::Instant::now();
    while !scene.dir().join("begun").exists() {
        assert!(begun.elapsed() < std::time::Duration::from_mins(1));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    daemon.terminate();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(daemon.is_running(), "the first one is an orderly stop");
    let asked = std::time::Instant::now();
    daemon.terminate();
    assert_eq!(daemon.wait().code, Some(143));
    assert!(asked.elapsed() < std::time::Duration::from_secs(5), "{:?}", asked.elapsed());
    // What it waited for is gone with it: the script, and what that had started.
    let group = scene.file("begun").trim().to_owned();
    while lives(&group) {
        assert!(asked.elapsed() < std::time::Duration::from_secs(10), "the hook lives");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Whether anybody of a process group has not ended.
fn lives(group: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats =
        processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.filter_map(|stat| Some(stat.rsplit_once(')')?.1.to_owned())).any(|stat| {
        let fields: Vec<_> = stat.split_whitespace().take(3).collect();
        fields[2] == group && fields[0] != "Z"
    })
}
