//! Notifications on their real paths: what arrives, in both forms, how often, and what no delivery may hold up.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Consumer, ask_as};
use crate::place::{Kind, private};
use crate::program::{Run, Running};
use crate::scene::{ETL, Scene};

const PATIENCE: Duration = Duration::from_mins(1);
/// Parts of the webhook's URL and of the header's value, which are secrets.
const PATH: &str = "B0S3CR3T/x9YzSlackPath";
const KEY: &str = "bus-k3y-that-nobody-says";

/// A sink of each kind, and who receives.
struct Told {
    chat: Consumer,
    bus: Consumer,
}

impl Told {
    /// Configures both sinks, with `lines` of configuration for each.
    fn of(scene: &mut Scene, lines: &str) -> Self {
        let told = Self { chat: Consumer::healthy(), bus: Consumer::healthy() };
        scene.more += &told.tables(scene, lines);
        scene.variables.push(("BUS_KEY".to_owned(), format!("Bearer-{KEY}")));
        told
    }

    fn tables(&self, scene: &Scene, lines: &str) -> String {
        let file = scene.dir().join("slack-url");
        private(&file, &format!("{}/services/T0/{PATH}\n", self.chat.url));
        let (file, bus) = (file.display(), &self.bus.url);
        format!(
            "[notifications.chat]\nslack = {{ url = {{ file = \"{file}\" }} }}\n{lines}\n\
             [notifications.bus]\nwebhook = {{ url = \"{bus}/events?shard=1\", headers = {{ X-Key = {{ env = \"BUS_KEY\" }} }} }}\n{lines}\n"
        )
    }

    /// The events' words, in the order of their arrival.
    fn words(&self) -> Vec<String> {
        let word = |event: &Value| event["data"]["event"].as_str().unwrap().to_owned();
        self.events().iter().map(word).collect()
    }

    fn events(&self) -> Vec<Value> {
        self.bus.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |body: &String| serde_json::from_str::<Value>(body).unwrap()["text"].clone();
        self.chat.bodies().iter().map(|body| text(body).as_str().unwrap().to_owned()).collect()
    }

    /// Asserts that the latest that arrived is an event of `kind` about `subject`, in both forms, with these `parts`.
    #[track_caller]
    fn last_is(&self, kind: &str, subject: &str, parts: &[&str]) {
        let event = self.events().pop().unwrap_or_else(|| panic!("no {kind} has arrived"));
        assert_eq!(event["specversion"], "1.0", "{event:#}");
        assert_eq!(event["type"], format!("dev.pintail.{kind}"), "{event:#}");
        assert_eq!(
            (&event["source"], &event["subject"]),
            (&"/pintail/e2e".into(), &subject.into())
        );
        assert_eq!(event["datacontenttype"], "application/json");
        assert!(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event:#}");
        assert!(event["id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{event:#}");
        let text = self.texts().pop().unwrap();
        let data = event["data"].to_string();
        for part in parts.iter().chain(&["pintail e2e", subject]) {
            assert!(text.contains(part), "{part:?} is missing in {text}");
            assert!(data.contains(part), "{part:?} is missing in {data}");
        }
        let head = self.bus.heads().pop().unwrap();
        assert!(head.starts_with("POST /events?shard=1 "), "{head}");
        assert!(head.contains("application/cloudevents+json"), "{head}");
        assert!(head.contains(&format!("x-key: Bearer-{KEY}")), "{head}");
        let head = self.chat.heads().pop().unwrap();
        assert!(head.starts_with(&format!("POST /services/T0/{PATH} ")), "{head}");
    }

    /// Waits until so many events with this word have arrived in both forms.
    #[track_caller]
    fn until(&self, word: &str, count: usize) {
        let arrived = || self.words().iter().filter(|one| *one == word).count();
        until(
            || arrived() >= count && self.texts().len() == self.words().len(),
            || format!("{word} has not arrived {count} times: {:#?}", self.events()),
        );
    }

    /// Asserts that nobody said a secret: no body, and no output of a run.
    fn assert_silent(&self, scene: &Scene) {
        let mut said = self.chat.bodies();
        said.extend(self.bus.bodies());
        said.extend(scene.runs.lock().unwrap().iter().cloned());
        let token = scene.served_token();
        for text in said {
            for secret in [PATH, "x9YzSlackPath", KEY, &token] {
                assert!(!text.contains(secret), "{secret} is in {text}");
            }
        }
    }
}

#[track_caller]
fn until(is_so: impl Fn() -> bool, refusal: impl Fn() -> String) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{}", refusal());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A gate that answers what is asked of it, and its lines.
fn gate(deadline: &str) -> (Arc<AtomicU16>, Arc<Consumer>, String) {
    let status = Arc::new(AtomicU16::new(200));
    let answer = Arc::clone(&status);
    let consumer = Arc::new(Consumer::start(move |_| answer.load(Ordering::SeqCst)));
    let lines = format!(
        "gate.http = {{ url = \"{}/{{token_id}}\", interval = \"100ms\", successes = 1, deadline = \"{deadline}\" }}\n",
        consumer.url
    );
    (status, consumer, lines)
}

fn stop(scene: &Scene, daemon: Running) {
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("notification delivered"), "{run}");
}

fn rotate(scene: &Scene, arguments: &[&str], code: i32) -> Run {
    let all: Vec<_> = ["-vv", "rotate-now"].iter().chain(arguments).copied().collect();
    let run = scene.pintail(&all);
    assert_eq!(run.code, Some(code), "{run}");
    run
}

#[test]
fn a_one_shot_run_tells_of_each_trouble_in_both_forms_and_keeps_its_exit_code() {
    let mut scene = Scene::new(Kind::File);
    let told = Told::of(&mut scene, "");
    rotate(&scene, &[ETL], 0);
    assert!(told.words().is_empty(), "what goes well is no news");

    let (status, _consumer, lines) = gate("300ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines.clone();
    rotate(&scene, &[ETL], 3);
    let parts = ["is held", "since 2", "answered 500", "both tokens stay valid", "roll-back"];
    told.last_is("rotation.held", ETL, &parts);

    rotate(&scene, &[ETL, "--compromised", "--reason", "a test"], 0);
    told.last_is("rotation.compromised", ETL, &["replaced and revoked", "restart the consumers"]);

    let served = format!("GET /{} ", scene.served_id());
    let picky = Consumer::start(move |head| if head.starts_with(&served) { 200 } else { 500 });
    scene.defaults = format!(
        "gate.http = {{ url = \"{}/{{token_id}}\", interval = \"100ms\", successes = 1, deadline = \"300ms\" }}\non_failure = \"roll_back\"",
        picky.url
    );
    rotate(&scene, &[ETL], 3);
    told.last_is(
        "rotation.rolled_back",
        ETL,
        &["was rolled back", "the old token is served again"],
    );

    scene.defaults = "gate = \"none\"".to_owned();
    let admin = scene.admin_token_file.clone();
    let refused = scene.dir().join("refused");
    private(&refused, "not-a-token-of-anybody");
    scene.admin_token_file.clone_from(&refused);
    rotate(&scene, &[ETL], 1);
    told.last_is("rotation.refused", ETL, &["needs a person", "nothing until somebody acts"]);
    scene.admin_token_file = admin;
    assert_eq!(told.words(), ["held", "compromised", "rolled_back", "refused"]);
    told.assert_silent(&scene);
}

#[test]
fn a_store_that_fails_is_told_of_and_a_filter_leaves_out_the_rest() {
    let mut scene = Scene::new(Kind::Vault);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let told = Told::of(&mut scene, "events = [\"failed\", \"compromised\"]");
    let address = scene.place.address.clone();
    // Nobody listens where nobody may listen.
    scene.place.address = "http://127.0.0.1:1".to_owned();
    rotate(&scene, &[ETL], 1);
    told.last_is("rotation.failed", ETL, &["failed", "no connection", "Connection refused"]);
    scene.place.address = address;
    let (status, _consumer, lines) = gate("300ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines;
    rotate(&scene, &[ETL], 3);
    assert_eq!(told.words(), ["failed"], "a hold is not asked for");
    told.assert_silent(&scene);
}

#[test]
fn a_daemon_tells_once_of_what_lasts_then_of_recovery_unmanaged_tokens_and_expiry() {
    let mut scene = Scene::new(Kind::File);
    scene.first_token();
    let (status, _consumer, lines) = gate("200ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines;
    rotate(&scene, &[ETL], 3);
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
    let told = Told::of(&mut scene, "repeat_after = \"1d\"");
    let daemon = scene.start(&["-vv", "run"]);
    told.until("held", 1);
    told.last_is("rotation.held", ETL, &["is held", "answered 500"]);
    // It is looked at again and again, and nobody is told again.
    let looks = scene.sandbox.count("token_list");
    let has_looked = |more| scene.sandbox.count("token_list") >= looks + more;
    until(|| has_looked(3), || "nobody looks".to_owned());
    assert_eq!(told.words(), ["held"]);
    stop(&scene, daemon);

    // The same while it fails.
    scene.defaults = "gate = \"none\"".to_owned();
    scene.sandbox.faults(&json!({"fail_rate": 1.0}));
    let daemon = scene.start(&["-vv", "run"]);
    told.until("failed", 1);
    let tries = scene.sandbox.count("rest");
    until(|| scene.sandbox.count("rest") >= tries + 4, || "nobody tries".to_owned());
    assert_eq!(told.words(), ["held", "failed"]);
    scene.sandbox.faults(&json!({"fail_rate": 0.0}));
    told.until("recovered", 1);
    told.last_is("rotation.recovered", ETL, &["has recovered", "the next rotation is due at"]);
    let admin = std::fs::read_to_string(scene.sandbox.admin_token_file()).unwrap();
    let url = format!("{}/v1/users/{ETL}/tokens", scene.sandbox.server.url);
    let body = "{\"name\": \"made by hand\", \"token_type\": \"read_write\"}";
    assert_eq!(ask_as(&admin, "POST", &url, body).0, 200);
    told.until("unmanaged", 1);
    let parts = ["1 token that nobody manages", "pintail token list"];
    told.last_is("account.unmanaged", ETL, &parts);
    assert_eq!(told.words(), ["held", "failed", "recovered", "unmanaged"]);
    stop(&scene, daemon);

    // Where more is asked for than the rotation guarantees, an expiry is near at once.
    scene.more = scene.more.replace("repeat_after = \"1d\"", "expiry_within = \"365d\"");
    let daemon = scene.start(&["-vv", "run"]);
    told.until("expiring", 1);
    stop(&scene, daemon);
    let event = told.events().into_iter().rfind(|event| event["data"]["event"] == "expiring");
    let event = event.unwrap();
    assert_eq!(event["type"], "dev.pintail.token.expiring");
    assert!(event["data"]["next"].as_str().unwrap().contains("works until"), "{event:#}");
    told.assert_silent(&scene);
}

#[test]
fn a_receiver_that_is_out_of_order_is_tried_again_with_the_same_event() {
    let mut scene = Scene::new(Kind::File);
    let told = Told::of(&mut scene, "");
    let is_well = AtomicBool::new(false);
    let bus =
        Consumer::start(move |_| if is_well.swap(true, Ordering::SeqCst) { 202 } else { 503 });
    scene.more = scene.more.replace(&told.bus.url, &bus.url);
    rotate(&scene, &[ETL], 0);
    let (status, _consumer, lines) = gate("300ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines;
    rotate(&scene, &[ETL], 3);
    let bodies = bus.bodies();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1], "the id tells a receiver that it is the same");
}

#[test]
fn an_event_that_is_refused_is_a_warning_and_changes_no_exit_code() {
    let mut scene = Scene::new(Kind::File);
    let told = Told::of(&mut scene, "");
    rotate(&scene, &[ETL], 0);
    let gone = Consumer::start(|_| 404);
    scene.more = scene.more.replace(&told.bus.url, &gone.url);
    let (status, _consumer, lines) = gate("300ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines;
    let run = scene.rotate(&[ETL]);
    run.came_to(3, "held");
    assert!(run.stderr.contains("notification not delivered"), "{run}");
    assert!(run.stderr.contains("sink=\"bus\"") && run.stderr.contains("answered 404"), "{run}");
    assert_eq!(gone.heads().len(), 1, "it is not pressed");
    assert_eq!(told.texts().len(), 1, "the other sink is told all the same");
}

#[test]
fn a_receiver_that_hangs_holds_up_neither_a_rotation_nor_the_end() {
    let mut scene = Scene::new(Kind::File);
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more = "[daemon]\nsweep = \"1s\"\n".into();
    let told = Told::of(&mut scene, "expiry_within = \"1d\"");
    let (release, held) = mpsc::channel::<()>();
    let (tell, asked) = mpsc::channel();
    let held = Mutex::new(held);
    let hanging = Consumer::start(move |_| {
        let _ = tell.send(());
        // Until the test is over.
        let _ = held.lock().unwrap().recv();
        200
    });
    scene.more = scene.more.replace(&told.bus.url, &hanging.url).replace("X-Key", "X-Other");
    let daemon = scene.start(&["run"]);
    asked.recv_timeout(PATIENCE).unwrap();
    let revoked =
        || scene.sandbox.events().iter().filter(|event| event.kind == "token_revoked").count();
    let before = revoked();
    until(|| revoked() >= before + 2, || format!("{:#?}", scene.sandbox.events()));
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("notifications not delivered in time"), "{run}");
    assert!(!told.texts().is_empty(), "the other sink is told");
    drop(release);
    told.assert_silent(&scene);
}

#[test]
fn a_test_reaches_each_sink_and_says_which_did_not_take_it() {
    let mut scene = Scene::new(Kind::File);
    let told = Told::of(&mut scene, "events = [\"held\"]");
    let run = scene.pintail(&["-vv", "notify", "test"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "bus: delivered\nchat: delivered\n"));
    assert_eq!(told.events()[0]["type"], "dev.pintail.test");
    assert!(told.texts()[0].contains("this is a test of the sink chat"));

    let broken = Consumer::start(|_| 302);
    scene.more = scene.more.replace(&told.bus.url, &broken.url);
    let run = scene.pintail(&["-vv", "--output", "json", "notify", "test"]);
    assert_eq!(run.code, Some(1), "{run}");
    let sinks = run.document()["sinks"].clone();
    assert_eq!((&sinks[0]["name"], &sinks[0]["outcome"]), (&"bus".into(), &"failed".into()));
    assert_eq!(sinks[0]["error"], "the receiver answered 302");
    assert!(sinks[0]["hint"].as_str().unwrap().contains("redirects"), "{run}");
    assert_eq!(sinks[1]["outcome"], "delivered");
    assert_eq!(scene.pintail(&["notify", "test", "chat"]).code, Some(0));

    private(&scene.dir().join("slack-url"), &format!("http://hooks.example/services/{PATH}"));
    let run = scene.pintail(&["-vv", "notify", "test", "chat"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("not a URL that begins with https://"), "{run}");
    scene.pintail(&["notify", "test", "chta"]).complains(2, &["`chta`", "`chat`"]);
    scene.more.clear();
    scene.pintail(&["notify", "test"]).complains(2, &["no notifications are configured"]);
    assert_eq!(scene.sandbox.count("rest"), 0);
    for said in scene.runs.lock().unwrap().iter() {
        assert!(!said.contains("SlackPath") && !said.contains(KEY), "{said}");
    }
}

#[test]
fn metrics_are_pushed_to_a_gateway_and_a_push_that_fails_is_a_warning() {
    let mut scene = Scene::new(Kind::File);
    let told = Told::of(&mut scene, "");
    let gateway = Consumer::healthy();
    rotate(&scene, &[ETL, "--metrics-push", &gateway.url], 0);
    let head = gateway.heads().pop().unwrap();
    assert!(head.starts_with("PUT /metrics/job/pintail/instance/"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let rotated =
        "pintail_rotations_total{credential=\"etl_prod\",trigger=\"first\",outcome=\"rotated\"} 1";
    let body = gateway.bodies().pop().unwrap();
    assert!(body.contains(rotated), "{body}");
    assert!(body.contains("pintail_notifications_dropped_total{sink=\"bus\"} 0"), "{body}");

    let (status, _consumer, lines) = gate("300ms");
    status.store(500, Ordering::SeqCst);
    scene.defaults = lines;
    rotate(&scene, &[ETL, "--metrics-push", &gateway.url], 3);
    let body = gateway.bodies().pop().unwrap();
    let delivered =
        "pintail_notifications_total{sink=\"chat\",event=\"held\",result=\"delivered\"} 1";
    assert!(body.contains(delivered), "what was told by then is counted: {body}");

    let broken = Consumer::start(|_| 500);
    scene.defaults = "gate = \"none\"".to_owned();
    let run = rotate(&scene, &[ETL, "--metrics-push", &broken.url], 0);
    assert!(run.stderr.contains("metrics not pushed") && run.stderr.contains("500"), "{run}");
    let secret = "http://user:pass@127.0.0.1:1";
    let run = scene.pintail(&["rotate-now", ETL, "--metrics-push", secret]);
    assert_eq!(run.code, Some(2), "{run}");
    told.assert_silent(&scene);
}
