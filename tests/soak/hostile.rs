//! The daemon among peers that mean harm, each in its turn and in every way, while consumers connect all the time.

#[path = "hostile/crowd.rs"]
mod crowd;
#[path = "hostile/daemon.rs"]
mod daemon;
#[path = "hostile/peer.rs"]
mod peer;
#[path = "hostile/postgres.rs"]
mod postgres;
#[path = "hostile/siege.rs"]
mod siege;
#[path = "hostile/strain.rs"]
mod strain;

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::consumers::Consumers;
use crate::http::Consumer;
use crate::process::{Disk, Process};
use crate::reader::Reader;
use crate::report::Size;
use crate::sandbox::Sandbox;
use crate::stores::{Kind, Store};
use crate::truth::Truth;
use crate::wire::Wire;
use crowd::Crowd;
use daemon::{Daemon, GRACE};
use peer::{Illness, Peer, Thief, Way};
use postgres::Postgres;
use strain::Strain;

/// Above its rest, in KiB.
const MOST_MEMORY: u64 = 64 << 10;
/// Open files above those at rest.
const MOST_FILES: usize = 64;
/// When others are well again, a rotation goes through within this time.
const PATIENCE: Duration = Duration::from_mins(1);
/// A turn ends after this time, or when its peer was asked so often.
const TURN: Duration = Duration::from_millis(2_500);
const ASKED: usize = 3;
/// A probe is answered within this time, whatever the other readers do.
const SOON: Duration = Duration::from_secs(5);
/// The runs that may pass until everything is at rest.
const RUNS_TO_REST: usize = 6;

/// Who means harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    MotherDuck,
    Postgres,
    Vault,
    Consumers,
    Receiver,
    Readers,
}

const ALL: [Who; 6] =
    [Who::MotherDuck, Who::Postgres, Who::Vault, Who::Consumers, Who::Receiver, Who::Readers];

/// Every peer in every way, in an order that the seed decides.
fn turns(chance: &mut fastrand::Rng) -> Vec<(Who, Way)> {
    let mut turns: Vec<_> = ALL.iter().flat_map(|who| Way::ALL.map(|way| (*who, way))).collect();
    chance.shuffle(&mut turns);
    turns
}

struct Soak {
    truth: Truth,
    consumers: Consumers,
    reader: Reader,
    daemon: Daemon,
    motherduck: Peer,
    vault: Peer,
    gates: Peer,
    receiver: Peer,
    postgres: Postgres,
    crowd: Crowd,
    thief: Thief,
    credentials: Vec<String>,
    config: String,
    size: Size,
    _servers: (Sandbox, Store),
    // The last, since the others live in it.
    dir: tempfile::TempDir,
}

/// What a hostile soak came to.
struct Report {
    turns: usize,
    asked: usize,
    rotations: usize,
    connections: u64,
    outdated: u64,
    most_live: usize,
    memory: (u64, u64),
    files: (usize, usize),
    stop: Duration,
    elapsed: Duration,
    seed: u64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} turns, {} requests answered with harm, {} rotations; consumers: {} connections, 0 failed, {} had to read \
             again; at most {} tokens alive, 0 left behind; memory {} MiB at rest, {} MiB at most; open files {} at rest, \
             {} at the end; stopped within {:.1} s; {:.0} s, seed {}",
            self.turns,
            self.asked,
            self.rotations,
            self.connections,
            self.outdated,
            self.most_live,
            self.memory.0 >> 10,
            self.memory.1 >> 10,
            self.files.0,
            self.files.1,
            self.stop.as_secs_f64(),
            self.elapsed.as_secs_f64(),
            self.seed
        )
    }
}

impl Soak {
    fn start(size: Size) -> Self {
        // The consumers use the same cryptography as pintail; either may be the first to say so.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let credentials: Vec<_> = (0..size.credentials).map(|n| format!("consumer_{n}")).collect();
        let sandbox = Sandbox::start(&[&format!("--accounts={}", credentials.join(","))]);
        let store = Store::start(Kind::Vault, dir.path());
        let reader = Reader::new(&store);
        let port = u16::try_from(sandbox.ready["postgres_port"].as_u64().unwrap()).unwrap();
        let ca_file = sandbox.text("ca_file").to_owned();
        let pause = Duration::from_millis(60);
        let wire = Wire::new(size.seed);
        let consumers =
            Consumers::start(&credentials, &reader, port, Path::new(&ca_file), pause, wire);
        let thief = Thief::start();
        let peer = |upstream: &str| Peer::before(upstream, &thief, |_| true);
        let motherduck = peer(&sandbox.server.url);
        let vault = peer(store.url().unwrap());
        let (gates, receiver) = (peer(&consumers.url), peer(&Consumer::healthy().url));
        let postgres = Postgres::before(port);
        let config = dir.path().join("pintail.toml").display().to_string();
        let mut text = daemon::settings(&sandbox, &motherduck.url(), postgres.port);
        text += &store.table(&vault.url());
        write!(
            text,
            r#"[notifications.ops.webhook]
url = "{receiver}"
timeout = "2s"
[defaults]
store = "main"
path = "{{credential}}"
schedule = "*/3 * * * * *"
ttl = "1h"
deploy.http = {{ url = "{gates}/deploy/{{credential}}", timeout = "2s" }}
gate.http = {{ url = "{gates}/gate/{{credential}}/{{token_id}}", interval = "100ms", successes = 1, deadline = "5s", timeout = "2s" }}
"#,
            receiver = receiver.url(),
            gates = gates.url(),
        )
        .unwrap();
        for name in &credentials {
            writeln!(text, "[credentials.{name}]\nusername = \"{name}\"").unwrap();
        }
        std::fs::write(&config, text).unwrap();
        let daemon = Daemon::start(&config, dir.path(), Disk::Sound);
        let truth = Truth::new(&sandbox.server.url);
        let crowd = Crowd::of(&daemon.url);
        Self {
            truth,
            consumers,
            reader,
            daemon,
            motherduck,
            vault,
            gates,
            receiver,
            postgres,
            crowd,
            thief,
            credentials,
            config,
            size,
            _servers: (sandbox, store),
            dir,
        }
    }

    fn rotations(&mut self) -> usize {
        self.truth.look();
        self.consumers.look(|lives| self.truth.rotations(&lives.seen))
    }

    /// Waits for so many more rotations.
    fn until_rotated(&mut self, more: usize, after: &str) {
        let (begun, before) = (Instant::now(), self.rotations());
        while self.rotations() < before + more {
            assert!(
                begun.elapsed() < PATIENCE,
                "nothing is rotated after {after}: {}",
                self.words()
            );
            self.assert_connected(after);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn assert_connected(&self, when: &str) {
        let failed = self.consumers.look(|lives| lives.failed.clone());
        assert!(failed.is_empty(), "{when}: {failed:?}: {}", self.words());
    }

    /// One peer means harm for a while, in one way. How many requests it harmed.
    fn turn(&mut self, who: Who, way: Way) -> usize {
        let when = format!("{who:?}, {way:?}");
        let ill: &dyn Illness = match who {
            Who::MotherDuck => &self.motherduck,
            Who::Postgres => &self.postgres,
            Who::Vault => &self.vault,
            Who::Consumers => &self.gates,
            Who::Receiver => &self.receiver,
            Who::Readers => &self.crowd,
        };
        let (begun, before) = (Instant::now(), ill.asked());
        ill.fall_ill(way);
        while begun.elapsed() < TURN && ill.asked() < before + ASKED {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(self.daemon.answers_within(SOON), "{when}: no probe is answered: {}", self.words());
        ill.recover();
        let asked = ill.asked() - before;
        self.assert_connected(&when);
        self.until_rotated(1, &when);
        asked
    }

    fn words(&self) -> String {
        format!("seed {}\n{}", self.size.seed, self.daemon.last_words())
    }

    /// Nobody means harm any more, and the daemon is stopped: one token of each credential lives.
    fn rest(&mut self) {
        let mut left = vec![];
        for _ in 0..RUNS_TO_REST {
            let verb = ["--config", &self.config, "--log-format=json", "rotate-now", "--all"];
            let run = Process::start(&verb, Disk::Sound).end_within(PATIENCE);
            self.truth.look();
            left = self.left_behind();
            if run.code == Some(0) && left.is_empty() {
                return;
            }
        }
        panic!("left behind: {left:?}: {}", self.words());
    }

    /// The live managed tokens that are not served.
    fn left_behind(&self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut left = vec![];
        for name in &self.credentials {
            let served = runtime.block_on(self.reader.read(name)).expect("a secret").id;
            let mut live = self.truth.live(name);
            assert!(live.remove(&served), "{name}: what is served does not live");
            left.extend(live);
        }
        left
    }
}

impl Drop for Soak {
    /// What a failed soak leaves is kept for those who look into it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dir.disable_cleanup(true);
        }
    }
}

#[test]
fn consumers_always_connect_and_nothing_is_left_behind_though_every_peer_means_harm_in_turn() {
    let size = Size::from_environment();
    let begun = Instant::now();
    let mut soak = Soak::start(size);
    soak.until_rotated(2 * size.credentials, "the start");
    let rest = (soak.daemon.memory("VmRSS"), soak.daemon.files());
    let mut chance = fastrand::Rng::with_seed(size.seed);
    let (mut played, mut asked) = (0, 0);
    let is_long = size.least > 1;
    let turning = Instant::now();
    // A long soak plays every turn, as often as it takes; a short one as many as there is time for.
    'soak: loop {
        for (who, way) in turns(&mut chance) {
            if turning.elapsed() > if is_long { size.time } else { size.time * 2 } {
                break 'soak;
            }
            asked += soak.turn(who, way);
            played += 1;
        }
        if !is_long || soak.rotations() >= size.rotations {
            break;
        }
    }
    let at_the_end = (soak.daemon.memory("VmHWM"), soak.daemon.files());
    assert!(
        at_the_end.0 < rest.0 + MOST_MEMORY,
        "memory grew from {} to {} KiB",
        rest.0,
        at_the_end.0
    );
    assert!(
        at_the_end.1 < rest.1 + MOST_FILES,
        "{} files are open, {} at rest",
        at_the_end.1,
        rest.1
    );
    let strain = Strain::measure();
    let stop = soak.daemon.stop();
    assert!(stop < GRACE.mul_f64(strain.so_far()), "{stop:?}: {}", soak.words());
    soak.rest();
    assert_eq!(soak.thief.visits(), 0, "somebody followed a redirect");
    soak.assert_connected("the end");
    let rotations = soak.rotations();
    let (connections, outdated) = soak.consumers.look(|lives| (lives.connections, lives.outdated));
    let report = Report {
        turns: played,
        asked,
        rotations,
        connections,
        outdated,
        most_live: soak.truth.most_live,
        memory: (rest.0, at_the_end.0),
        files: (rest.1, at_the_end.1),
        stop,
        elapsed: begun.elapsed(),
        seed: size.seed,
    };
    assert!(played > 3 && rotations >= size.least, "the time was up: {report}");
    println!("hostile soak: {report}");
}
