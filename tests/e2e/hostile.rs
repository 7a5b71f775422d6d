//! Peers that answer without measure, by turns in every way: the daemon stays small, and goes on when they are well again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::place::Kind;
use crate::relay::{Fate, Relay, response};
use crate::scene::{ETL, Scene};

const PATIENCE: Duration = Duration::from_mins(1);
/// Above its rest, in KiB.
const MOST: u64 = 64 << 10;
/// As many requests are answered without measure.
const REQUESTS: usize = 24;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// The ways of a peer without measure, one after the other.
fn without_measure(number: usize) -> Fate {
    let whole = |body: String| {
        let length = body.len();
        Fate::Answer(format!("{OK}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    };
    let many = |part: &str, bytes: usize| part.repeat(bytes / part.len());
    match number % 8 {
        // Just below the limits, of which each client has its own.
        0 => whole(format!("{{\"tokens\":[{}{{}}]}}", many("{\"a\":0},", (2 << 20) - 100))),
        1 => whole(format!("{{\"data\":{{\"data\":[{}{{}}]}}}}", many("{\"a\":0},", 1 << 20))),
        2 => whole(format!("{{\"Versions\":[{}{{}}]}}", many("{},", (512 << 10) - 100))),
        3 => whole(many("[", 1 << 20)),
        4 => Fate::Endless(format!("{OK}\r\n{{\"tokens\":["), many("{},", 64 << 10)),
        5 => Fate::Endless("HTTP/1.1 500 No\r\n\r\n".to_owned(), many("x", 64 << 10)),
        6 => Fate::Endless("HTTP/1.1 200 OK\r\n".to_owned(), many("x-a: bbbb\r\n", 64 << 10)),
        _ => Fate::Endless(format!("{OK}\r\n\""), many("x", 64 << 10)),
    }
}

/// A peer that is well until it is told otherwise.
struct Peer {
    relay: Relay,
    is_ill: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Peer {
    fn before(upstream: &str) -> Self {
        let (is_ill, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ill, count) = (is_ill.clone(), asked.clone());
        let relay = Relay::start(upstream, move |_| {
            if !ill.load(Ordering::Relaxed) {
                return Fate::Pass;
            }
            without_measure(count.fetch_add(1, Ordering::Relaxed))
        });
        Self { relay, is_ill, asked }
    }

    fn fall_ill(&self) {
        self.is_ill.store(true, Ordering::Relaxed);
    }
}

const ACCOUNTS: [&str; 8] = ["acc1", "acc2", "acc3", "acc4", "acc5", "acc6", "acc7", "acc8"];

fn scene(kind: Kind) -> Scene {
    let mut scene = Scene::with(kind, &ACCOUNTS, &[]);
    scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".into();
    scene.more = "[daemon]\nsweep = \"1s\"\nshutdown_grace = \"5s\"\n".into();
    scene
}

fn revoked(scene: &Scene) -> usize {
    scene.sandbox.events().iter().filter(|event| event.kind == "token_revoked").count()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a daemon by the scene, lets the peer fall ill, and looks at the memory while it is.
fn assert_small(scene: &Scene, peer: &Peer) {
    let daemon = scene.start(&["run"]);
    until("it rotates", || revoked(scene) >= 2 * ACCOUNTS.len());
    let rest = daemon.memory("VmRSS");
    peer.fall_ill();
    until("it asks", || peer.asked.load(Ordering::Relaxed) >= REQUESTS);
    let most = daemon.memory("VmHWM");
    assert!(most < rest + MOST, "from {rest} to {most} KiB");
    peer.is_ill.store(false, Ordering::Relaxed);
    let so_far = revoked(scene);
    until("it rotates again", || revoked(scene) > so_far);
    daemon.terminate();
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
}

#[test]
fn a_motherduck_without_measure_does_not_fill_the_memory() {
    let mut scene = scene(Kind::File);
    let peer = Peer::before(&scene.api_url);
    scene.api_url.clone_from(&peer.relay.url);
    assert_small(&scene, &peer);
}

#[test]
fn a_vault_without_measure_does_not_fill_the_memory() {
    let mut scene = scene(Kind::Vault);
    let peer = Peer::before(&scene.place.address);
    scene.place.address.clone_from(&peer.relay.url);
    assert_small(&scene, &peer);
}

#[test]
fn a_secrets_manager_without_measure_does_not_fill_the_memory() {
    let mut scene = scene(Kind::Aws);
    let peer = Peer::before(&scene.place.address);
    scene.place.address.clone_from(&peer.relay.url);
    assert_small(&scene, &peer);
}

#[test]
fn consumers_hooks_and_receivers_without_measure_do_not_fill_the_memory() {
    let mut scene = scene(Kind::File);
    let peer = Peer::before("unused");
    peer.fall_ill();
    let url = &peer.relay.url;
    scene.defaults = format!(
        "gate.http = {{ url = \"{url}\", interval = \"100ms\", successes = 1, deadline = \"2s\" }}\n\
         deploy.http = {{ url = \"{url}\" }}"
    );
    let sink = format!("[notifications.ops.webhook]\nurl = \"{url}\"\n");
    scene.more.push_str(&sink);
    let daemon = scene.start(&["run"]);
    until("it asks", || peer.asked.load(Ordering::Relaxed) >= REQUESTS);
    let most = daemon.memory("VmHWM");
    assert!(most < 2 * MOST, "{most} KiB");
    daemon.terminate();
    assert_eq!(scene.note(daemon.wait()).code, Some(0));
}

#[test]
fn a_date_beyond_all_clocks_costs_no_rotation() {
    let mut scene = Scene::with(Kind::Aws, &[ETL], &["--latency=1200ms"]);
    let asked = AtomicUsize::new(0);
    let relay = Relay::start(&scene.place.address, move |head| {
        let is_read = head.to_ascii_lowercase().contains("secretsmanager.getsecretvalue");
        if !is_read || asked.fetch_add(1, Ordering::Relaxed) > 0 {
            return Fate::Pass;
        }
        let date = "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
        response(400, date, r#"{"__type":"ResourceNotFoundException","message":"no such secret"}"#)
    });
    scene.place.address.clone_from(&relay.url);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}
