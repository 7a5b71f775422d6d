//! What a rotation leaves behind: the audit log, the log, and traces.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::http::Consumer;
use crate::place::Kind;
use crate::sandbox::PINTAIL;
use crate::scene::{ETL, Scene, steps};

/// A scene that keeps an audit log in a directory of its own.
fn audited(accounts: &[&str]) -> Scene {
    let mut scene = Scene::with(Kind::File, accounts, &[]);
    fs::create_dir(scene.dir().join("audit")).unwrap();
    scene.more = format!("[audit_log]\nfile = \"{}/audit/log.jsonl\"\n", scene.dir().display());
    scene
}

fn audit_log(scene: &Scene) -> Vec<Value> {
    scene.file("audit/log.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of one rotation, in order.
fn events(scene: &Scene, rotation_id: &Value) -> Vec<String> {
    let log = audit_log(scene);
    let own = log.iter().filter(|line| line["rotation_id"] == *rotation_id);
    own.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_audit_log_tells_what_became_of_each_token_and_why() {
    let scene = audited(&[ETL]);
    let first = scene.first_token();
    let second = scene.rotate(&[ETL]).came_to(0, "rotated");
    let id = &second["rotation_id"];
    let whole = ["began", "created", "served", "verified", "sealed", "revoked"];
    assert_eq!(events(&scene, id), whole, "{:#?}", audit_log(&scene));
    let log = audit_log(&scene);
    let line = |event: &str| {
        log.iter().find(|line| line["event"] == event && line["rotation_id"] == *id).unwrap()
    };
    let served = line("served");
    assert_eq!(served["token_id"], second["token_id"]);
    assert_eq!(served["previous_token_ids"], json!([first]));
    assert_eq!(line("revoked")["token_id"], first.as_str());
    for event in whole {
        let line = line(event);
        assert_eq!((&line["credential"], &line["username"]), (&ETL.into(), &ETL.into()));
        assert_eq!((&line["owner"], &line["trigger"]), (&"e2e".into(), &"manual".into()));
        assert!(line["uid"].is_u64() && line["pid"].is_u64(), "{line}");
    }
    assert_eq!(line("began")["reason"], "manual");

    let leaked = scene.rotate(&[ETL, "--compromised", "--reason", "seen in a log"]);
    let leaked = leaked.came_to(0, "rotated");
    assert_eq!(events(&scene, &leaked["rotation_id"]), whole);
    let last = audit_log(&scene).pop().unwrap();
    assert_eq!((&last["trigger"], &last["note"]), (&"compromised".into(), &"seen in a log".into()));

    // Whatever lived and died at MotherDuck did so in the log.
    let verified = scene.pintail(&["--output", "json", "audit-log", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified}");
    assert_eq!(verified.document()["head"]["hash"], last["hash"]);
}

#[test]
fn a_log_that_was_tampered_with_is_found_out() {
    let scene = audited(&[ETL]);
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let path = scene.dir().join("audit/log.jsonl");
    let text = scene.file("audit/log.jsonl");
    let verify = |scene: &Scene| scene.pintail(&["audit-log", "verify"]);
    let sound = verify(&scene);
    assert!(sound.code == Some(0) && sound.stdout.contains("head  "), "{sound}");

    fs::write(&path, text.replacen("\"manual\"", "\"schedule\"", 1)).unwrap();
    let changed = verify(&scene);
    assert_eq!(changed.code, Some(1), "{changed}");
    assert!(
        changed.stdout.contains("line 1 of") && changed.stdout.contains("changed"),
        "{changed}"
    );

    let kept: Vec<_> = text.lines().enumerate().filter(|(at, _)| *at != 3).collect();
    let kept: Vec<_> = kept.into_iter().map(|(_, line)| line).collect();
    fs::write(&path, kept.join("\n") + "\n").unwrap();
    let missing = verify(&scene);
    assert!(missing.stdout.contains("number 4 is missing"), "{missing}");
    assert_eq!(missing.code, Some(1));

    fs::write(&path, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    let cut = verify(&scene);
    assert!(cut.code == Some(1) && cut.stdout.contains("cut off"), "{cut}");
}

#[test]
fn nothing_begins_that_cannot_be_written_down_and_what_began_is_finished() {
    let mut scene = audited(&[ETL]);
    scene.first_token();
    // A gate that nobody passes, and a rotation that waits at it.
    let gate = |program: &str| {
        format!(
            "gate.command = {{ command = [\"{program}\"], interval = \"100ms\", successes = 1, deadline = \"300ms\" }}"
        )
    };
    scene.defaults = gate("/bin/false");
    scene.rotate(&[ETL]).came_to(3, "held");

    let (log, away) = (scene.dir().join("audit"), scene.dir().join("away"));
    fs::rename(&log, &away).unwrap();
    scene.defaults = gate("/bin/true");
    let metrics = scene.dir().join("metrics.prom").display().to_string();
    let run = scene.rotate(&[ETL, "--due", "--metrics-file", &metrics]);
    run.came_to(0, "rotated");
    assert!(run.stderr.contains("audit line not written"), "{run}");
    let metrics = scene.file("metrics.prom");
    let failures = metrics.lines().find_map(|line| {
        line.strip_prefix("pintail_audit_log_failures_total{} ")?.parse::<f64>().ok()
    });
    assert!(failures.is_some_and(|count| count >= 3.0), "{metrics}");

    let before = (scene.served_id(), scene.live(ETL));
    let refused = scene.rotate(&[ETL]);
    refused.came_to(1, "failed");
    assert!(refused.stdout.contains("audit log"), "{refused}");
    scene.pintail(&["account", "create", "another"]).complains(1, &["audit log", "directory"]);
    scene.pintail(&["roll-back", ETL]).complains(1, &["audit log"]);
    scene.pintail(&["check", "--offline"]).complains(2, &["audit_log.file"]);
    assert_eq!(before, (scene.served_id(), scene.live(ETL)));

    fs::rename(&away, &log).unwrap();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let verified = scene.pintail(&["audit-log", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified}");
}

#[test]
fn operations_by_hand_are_told_and_their_secrets_are_not() {
    let scene = audited(&[ETL]);
    scene.first_token();
    let run = |arguments: &[&str]| {
        let all: Vec<_> = ["--output", "json"].iter().chain(arguments).copied().collect();
        let run = scene.pintail(&all);
        assert_eq!(run.code, Some(0), "{run}");
        run.document()
    };
    run(&["account", "create", "by_hand"]);
    let token = run(&["token", "create", "by_hand", "--name", "mine", "--ttl", "1d"]);
    let id = token["token_id"].as_str().unwrap();
    run(&["token", "revoke", "by_hand", id, "--yes"]);
    run(&["duckling", "set", "by_hand", "--read-write-size", "standard"]);
    run(&["account", "delete", "by_hand", "--yes"]);
    let log = audit_log(&scene);
    let told: Vec<_> = log
        .iter()
        .filter(|line| line["trigger"] == "by_hand")
        .map(|line| {
            format!("{} {}", line["operation"].as_str().unwrap(), line["event"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "account create began",
        "account create account_created",
        "token create began",
        "token create created",
        "token revoke began",
        "token revoke revoked",
        "duckling set began",
        "duckling set ducklings_set",
        "account delete began",
        "account delete account_deleted",
    ];
    assert_eq!(told, expected);
    assert!(log.iter().any(|line| line["event"] == "created" && line["token_id"] == id));
    assert!(!scene.file("audit/log.jsonl").contains(token["token"].as_str().unwrap()));
}

#[test]
fn one_filter_reads_one_rotation_out_of_several_at_once() {
    let scene = Scene::with(Kind::File, &["one_prod", "two_prod", "three_prod"], &[]);
    scene.rotate(&["--all"]);
    let run = scene.rotate(&["--all", "-v", "--log-format", "json"]);
    let log: Vec<Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in &scene.credentials {
        let result = run.of(name);
        let id = &result["rotation_id"];
        let own: Vec<_> = log.iter().filter(|event| event["span"]["rotation_id"] == *id).collect();
        for event in &own {
            assert_eq!(event["span"]["credential"], name.as_str(), "{event}");
        }
        let done = own.iter().filter(|event| event["message"] == "step done");
        let done: Vec<_> = done.map(|event| event["step"].as_str().unwrap()).collect();
        assert_eq!(done, steps(&result), "{run}");
        assert_eq!(own[0]["message"], "rotation began", "{run}");
    }
}

#[test]
fn a_rotation_is_one_trace_with_a_span_for_each_step() {
    let mut scene = Scene::new(Kind::File);
    let collector = Consumer::healthy();
    scene.more = format!("[telemetry]\notlp_endpoint = \"{}\"\n", collector.url);
    scene.first_token();
    scene.variables.push(("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), "x-key=a%20key".to_owned()));
    scene.variables.push(("OTEL_SERVICE_NAME".to_owned(), "ducks".to_owned()));
    let result = scene.rotate(&[ETL]).came_to(0, "rotated");
    let token = scene.served_token();

    let (head, body) = (collector.heads().pop().unwrap(), collector.bodies().pop().unwrap());
    assert!(head.starts_with("POST /v1/traces ") && head.contains("x-key: a key"), "{head}");
    assert_eq!(collector.heads().len(), 2, "one request for each rotation");
    assert!(!body.contains(&token));
    let document: Value = serde_json::from_str(&body).unwrap();
    let resource = &document["resourceSpans"][0];
    assert_eq!(attribute(&resource["resource"], "service.name"), "ducks");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    let mut expected = steps(&result);
    expected.push("rotation");
    assert_eq!(names, expected);
    let whole = spans.last().unwrap();
    let trace_id = result["rotation_id"].as_str().unwrap().replace('-', "");
    for span in spans {
        assert_eq!(span["traceId"], trace_id);
        assert_eq!(span["status"]["code"], 1, "{span}");
        assert_eq!(attribute(span, "pintail.credential"), ETL);
        assert!(nanos(span, "startTimeUnixNano") <= nanos(span, "endTimeUnixNano"), "{span}");
        assert!(nanos(span, "startTimeUnixNano") >= nanos(whole, "startTimeUnixNano"), "{span}");
    }
    assert!(spans[..spans.len() - 1].iter().all(|span| span["parentSpanId"] == whole["spanId"]));

    // A failure: at its step, and at the whole.
    scene
        .sandbox
        .faults(&json!({"fail_next": [{"operation": "token_create", "how": "fail", "times": 10}]}));
    let failed = scene.rotate(&[ETL, "--timeout", "3s"]);
    failed.came_to(1, "failed");
    let document: Value = serde_json::from_str(&collector.bodies().pop().unwrap()).unwrap();
    let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"].clone();
    assert_eq!((&spans[0]["name"], &spans[0]["status"]["code"]), (&"create".into(), &2.into()));
    assert_eq!((&spans[1]["name"], &spans[1]["status"]["code"]), (&"rotation".into(), &2.into()));
    assert_ne!(spans[1]["traceId"], trace_id.as_str(), "another rotation is another trace");
}

#[test]
fn a_collector_that_is_gone_fails_no_rotation() {
    let mut scene = Scene::new(Kind::File);
    let port = crate::servers::closed_port();
    let endpoint = format!("http://127.0.0.1:{port}");
    scene.variables.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), endpoint));
    let run = scene.rotate(&[ETL]);
    run.came_to(0, "rotated");
    assert!(run.stderr.contains("trace not sent"), "{run}");
    scene.variables.push(("OTEL_SDK_DISABLED".to_owned(), "true".to_owned()));
    let run = scene.rotate(&[ETL]);
    run.came_to(0, "rotated");
    assert!(!run.stderr.contains("trace"), "{run}");
}

#[test]
fn lines_for_the_journal_have_a_priority_and_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let (config, log) = (dir.path().join("pintail.toml"), dir.path().join("log"));
    fs::write(&config, "owner = \"e2e\"\n[motherduck]\nadmin_token.env = \"ADMIN\"\n").unwrap();
    // The configuration is unwise: there is nothing to rotate. Both times without a terminal, so without colours.
    let warned = |stream: &str| {
        let file = fs::File::create(&log).unwrap();
        let metadata = file.metadata().unwrap();
        let stream = stream.replace("HERE", &format!("{}:{}", metadata.dev(), metadata.ino()));
        let mut check = Command::new(PINTAIL);
        check.arg("--config").arg(&config).args(["check", "--offline"]).env_clear();
        check.env("JOURNAL_STREAM", stream).env("ADMIN", "x").stdout(Stdio::null());
        check.stderr(file).status().unwrap();
        fs::read_to_string(&log).unwrap()
    };
    let journal = warned("HERE");
    assert!(journal.starts_with("<4> WARN configuration is unwise "), "{journal}");
    // It was meant for another stream than ours.
    let other = warned("1:2");
    assert!(other.starts_with("20") && other.contains(" WARN configuration is unwise "), "{other}");
    assert!(!journal.contains('\u{1b}') && !other.contains('\u{1b}'));
}

fn attribute<'a>(of: &'a Value, key: &str) -> &'a str {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    found.unwrap_or_else(|| panic!("no {key}: {of}"))["value"]["stringValue"].as_str().unwrap()
}

fn nanos(span: &Value, key: &str) -> u128 {
    span[key].as_str().unwrap().parse().unwrap()
}

#[test]
fn an_account_that_is_made_and_the_token_that_primes_it_are_in_the_audit_log() {
    let mut scene = audited(&["someone_else"]);
    scene.credentials = vec![ETL.to_owned()];
    scene.defaults = "gate = \"none\"\ntoken_type = \"read_scaling\"\nensure_account = true\n\
                      ducklings.read_write = { size = \"standard\" }"
        .to_owned();

    // What cannot be written down is not begun.
    let (log, away) = (scene.dir().join("audit"), scene.dir().join("away"));
    fs::rename(&log, &away).unwrap();
    scene.rotate(&[ETL]).came_to(1, "failed");
    assert!(scene.sandbox.events().iter().all(|event| event.kind != "account_created"));
    fs::rename(&away, &log).unwrap();

    let rotated = scene.rotate(&[ETL]).came_to(0, "rotated");
    let told = audit_log(&scene);
    let words: Vec<_> =
        told.iter().map(|line| (line["event"].as_str().unwrap(), &line["operation"])).collect();
    assert_eq!(
        words,
        [
            ("began", &json!("account ensure")),
            ("account_created", &json!("account ensure")),
            ("began", &json!("duckling set")),
            ("ducklings_set", &json!("duckling set")),
            ("began", &Value::Null),
            ("created", &Value::Null),
            ("created", &json!("account prime")),
            ("discarded", &json!("account prime")),
            ("served", &Value::Null),
            ("verified", &Value::Null),
        ]
    );
    for line in &told {
        assert_eq!(
            (&line["username"], &line["trigger"]),
            (&ETL.into(), &"manual".into()),
            "{line}"
        );
    }
    assert_eq!(told[7]["token_id"], told[6]["token_id"]);
    assert_ne!(told[6]["token_id"], rotated["token_id"]);

    // Nothing lived or died at MotherDuck that is not in the log.
    let happened = scene.sandbox.events();
    let ids = |kind: &str| -> Vec<_> {
        let of_kind = happened.iter().filter(|event| event.kind == kind);
        of_kind.map(|event| json!(event.token_id)).collect()
    };
    let noted = |word: &str| -> Vec<_> {
        let of_word = told.iter().filter(|line| line["event"] == word);
        of_word.map(|line| line["token_id"].clone()).collect()
    };
    assert_eq!(
        (ids("token_created"), ids("token_revoked")),
        (noted("created"), noted("discarded"))
    );
}
