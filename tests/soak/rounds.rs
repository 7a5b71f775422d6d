//! The rounds of a soak: each starts pintail, lets something bad happen to it or to others, and looks what became.

#[path = "outages.rs"]
mod outages;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::consumers::Consumers;
use crate::cycle::{CYCLE, Round};
use crate::fixture::MotherDuck;
use crate::http::ask;
use crate::process::{Disk, Ended, Process};
use crate::reader::Reader;
use crate::relay::Relay;
use crate::report::{Report, Size};
use crate::sandbox::Sandbox;
use crate::settings::Settings;
use crate::stores::{Kind, Store};
use crate::truth::Truth;
use crate::wire::{Moment, Point, Wire, points, rest_point, store_point};

/// How long a step is waited for: a run that is slow to come to it is killed elsewhere.
const STEP_LIMIT: Duration = Duration::from_secs(2);
/// What a run may take before it is killed.
const LIMIT: Duration = Duration::from_secs(15);
/// The runs that may pass until everything is at rest once nothing is in the way.
const RUNS_TO_REST: usize = 6;

/// A soak of one store.
pub struct Soak {
    store: Store,
    sandbox: Sandbox,
    rest: Relay,
    way: Option<Relay>,
    wire: Arc<Wire>,
    consumers: Consumers,
    reader: Reader,
    truth: Truth,
    chance: fastrand::Rng,
    credentials: Vec<String>,
    points: Vec<(Point, Moment)>,
    struck: BTreeSet<(Point, Moment)>,
    steps: usize,
    kills: u32,
    outages: u32,
    config: String,
    last_words: Vec<String>,
    size: Size,
    start: Instant,
    // The last, since the others live in it.
    dir: tempfile::TempDir,
}

impl Soak {
    /// Everything started, and a first token everywhere.
    pub fn new(kind: Kind, size: Size) -> Self {
        let start = Instant::now();
        // The consumers use the same cryptography as pintail; either may be the first to say so.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let credentials: Vec<_> = (0..size.credentials).map(|n| format!("consumer_{n}")).collect();
        let sandbox = Sandbox::start(&[
            &format!("--accounts={}", credentials.join(",")),
            &format!("--dir={}", dir.path().join("motherduck").display()),
            "--gateway-html",
        ]);
        let store = Store::start(kind, dir.path());
        let wire = Wire::new(size.seed);
        let between = Arc::clone(&wire);
        let rest = Relay::start(&sandbox.server.url, move |head| between.fate(rest_point(head)));
        let way = store.url().map(|url| {
            let between = Arc::clone(&wire);
            Relay::start(url, move |head| between.fate(Some(store_point(head))))
        });
        let reader = Reader::new(&store);
        let port = u16::try_from(sandbox.ready["postgres_port"].as_u64().unwrap()).unwrap();
        let consumers = Consumers::start(
            &credentials,
            &reader,
            port,
            Path::new(sandbox.text("ca_file")),
            Duration::from_millis(60 + 10 * size.credentials as u64),
            Arc::clone(&wire),
        );
        let soak = Self {
            config: dir.path().join("pintail.toml").display().to_string(),
            truth: Truth::new(&sandbox.server.url),
            chance: fastrand::Rng::with_seed(size.seed),
            points: points(kind),
            struck: BTreeSet::new(),
            steps: 0,
            kills: 0,
            outages: 0,
            last_words: vec![],
            store,
            sandbox,
            rest,
            way,
            wire,
            consumers,
            reader,
            credentials,
            size,
            start,
            dir,
        };
        let port = soak.wire.to_postgres(port);
        let way = soak.way.as_ref().map_or("", |way| &way.url);
        let settings = Settings {
            motherduck: MotherDuck {
                api_url: soak.rest.url.clone(),
                postgres_host: "127.0.0.1".to_owned(),
                postgres_port: port,
                ..MotherDuck::told(&soak.sandbox.ready)
            },
            store: &soak.store.table(way),
            consumers: &soak.consumers.url,
            credentials: &soak.credentials,
        };
        std::fs::write(&soak.config, settings.to_string()).unwrap();
        let first = soak.launch(Disk::Sound).end_within(LIMIT * 4);
        assert_eq!(first.code, Some(0), "{}", first.said);
        soak
    }

    /// Rounds until there were rotations enough, or the time is up.
    pub fn run(&mut self) {
        self.wire.be_rough(true);
        let start = Instant::now();
        for (number, round) in CYCLE.iter().cycle().enumerate() {
            self.truth.look();
            let rotations = self.consumers.look(|lives| self.truth.rotations(&lives.seen));
            if rotations >= self.size.rotations || start.elapsed() > self.size.time {
                break;
            }
            self.shift_weather();
            match round {
                Round::Step => self.killed_at_a_step(),
                Round::Any => {
                    let running = self.launch(Disk::Sound);
                    let after = self.millis(30, 1200);
                    self.end(running, after);
                }
                Round::Two => {
                    let both = [self.launch(Disk::Sound), self.launch(Disk::Sound)];
                    let [first, second] = both;
                    let after = self.millis(100, 1200);
                    self.end(first, after);
                    self.end_soon(second);
                }
                Round::Late => self.one_stands_still(),
                Round::Outage => self.outage(number),
                Round::Hang => self.network_hangs(),
                Round::Restart => self.motherduck_restarts(),
                Round::Compromised => {
                    let verb = ["rotate-now", "--all", "--compromised", "--reason=soak"];
                    let running = self.start(&verb, Disk::Sound);
                    let after = self.millis(100, 1800);
                    self.end(running, after);
                }
                Round::Back => {
                    let running = self.launch(Disk::Sound);
                    let after = self.millis(300, 900);
                    self.end(running, after);
                    let name = self.chance.choice(&self.credentials).unwrap().clone();
                    let back = self.start(&["roll-back", &name], Disk::Sound);
                    self.end_soon(back);
                }
                Round::Whole => {
                    let running = self.launch(Disk::Sound);
                    self.end(running, LIMIT);
                }
            }
            let failed = self.consumers.look(|lives| lives.failed.clone());
            assert!(failed.is_empty(), "round {number}, {round:?}: {failed:?}\n{}", self.words());
        }
        self.wire.be_rough(false);
    }

    /// Nothing is in the way any more: every credential comes to rest. What is left behind is in the report.
    pub fn rest(mut self) -> Report {
        let _ = ask("DELETE", &format!("{}/_sandbox/faults", self.sandbox.server.url), "");
        self.sandbox.faults(&json!({
            "fail_rate": 0.0, "lose_reply_rate": 0.0, "latency": "0s", "listing_delay": "0s",
            "revocation_delay": "0s",
        }));
        let mut left_behind = vec![];
        for _ in 0..RUNS_TO_REST {
            let run = self.launch(Disk::Sound).end_within(LIMIT * 2);
            let settled = run.code == Some(0);
            self.note(&run);
            self.truth.look();
            left_behind = self.left_behind();
            if settled && left_behind.is_empty() {
                break;
            }
        }
        assert!(left_behind.is_empty(), "left behind: {left_behind:?}\n{}", self.words());
        self.consumers.look(|lives| {
            assert!(lives.failed.is_empty(), "{:?}\n{}", lives.failed, self.words());
            Report {
                rotations: self.truth.rotations(&lives.seen),
                kills: self.kills,
                outages: self.outages,
                points: (self.struck.len(), self.points.len()),
                faults: self.truth.faults + self.wire.faults(),
                connections: lives.connections,
                outdated: lives.outdated,
                failed: lives.failed.len(),
                left_behind: left_behind.len(),
                most_live: self.truth.most_live,
                elapsed: self.start.elapsed(),
                seed: self.size.seed,
            }
        })
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

    fn launch(&self, disk: Disk) -> Process {
        self.start(&["rotate-now", "--all", "--timeout=8s"], disk)
    }

    fn start(&self, verb: &[&str], disk: Disk) -> Process {
        let global = ["--config", &self.config, "--log-format=json"];
        Process::start(&[&global, verb].concat(), disk)
    }

    /// Lets it run for `limit`, and kills it then.
    fn end(&mut self, running: Process, limit: Duration) {
        let ended = running.end_within(limit);
        self.note(&ended);
    }

    /// Lets it run for a while, and kills it unless it has ended.
    fn end_soon(&mut self, running: Process) {
        let limit = self.millis(300, 1800);
        self.end(running, limit);
    }

    fn note(&mut self, ended: &Ended) {
        self.kills += u32::from(ended.code.is_none());
        if self.last_words.len() == 8 {
            self.last_words.remove(0);
        }
        self.last_words.push(format!("exit code {:?}\n{}", ended.code, ended.said));
    }

    /// What the last runs said.
    fn words(&self) -> String {
        format!("seed {}\n{}", self.size.seed, self.last_words.join("\n"))
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.chance.u64(least..most))
    }

    /// What MotherDuck does in this round.
    fn shift_weather(&mut self) {
        let slow = if self.chance.u8(0..4) == 0 { "400ms" } else { "0s" };
        let planned = [
            json!({"operation": "token_create", "how": "lose_reply"}),
            json!({"operation": "token_create", "how": "late", "delay": "800ms"}),
            json!({"operation": "token_create", "how": "fail_after"}),
            json!({"operation": "token_revoke", "how": "lose_reply"}),
            json!({"operation": "token_revoke", "how": "late", "delay": "800ms"}),
            json!({"operation": "token_revoke", "how": "not_found_text"}),
            json!({"operation": "token_list", "how": "empty_list"}),
            json!({"operation": "token_list", "how": "html"}),
        ];
        let planned = self.chance.choice(planned).unwrap();
        self.sandbox.faults(&json!({
            "fail_rate": 0.03, "lose_reply_rate": 0.03, "latency": "3ms", "listing_delay": "150ms",
            "revocation_delay": slow, "fail_next": [planned],
        }));
    }

    /// Kills it at the next point in turn, before or after what it asked for came about.
    fn killed_at_a_step(&mut self) {
        let (point, moment) = self.points[self.steps % self.points.len()];
        self.steps += 1;
        let is_file_write = point == Point::Write && self.way.is_none();
        let skip = self.chance.u32(0..u32::try_from(self.credentials.len()).unwrap());
        while self.has_stalled() {}
        if !is_file_write {
            self.wire.arm(point, moment, skip);
        }
        let before = self.listing(0);
        let mut running = self.launch(Disk::Sound);
        let start = Instant::now();
        let mut reached = false;
        while !reached && running.is_running() && start.elapsed() < STEP_LIMIT {
            if is_file_write {
                reached = self.listing(0) != before;
                std::thread::sleep(Duration::from_micros(100));
            } else {
                reached = self.wire.has_struck() || self.has_stalled();
            }
        }
        if is_file_write && moment == Moment::After {
            std::thread::sleep(self.millis(1, 5));
        }
        let ended = running.end_within(Duration::ZERO);
        if reached && ended.code.is_none() {
            self.struck.insert((point, moment));
        }
        self.note(&ended);
        self.wire.disarm();
    }

    /// What is in the directory of a credential, in the file store.
    fn listing(&self, credential: usize) -> Vec<std::ffi::OsString> {
        let Store::File(dir) = &self.store else { return vec![] };
        let entries = std::fs::read_dir(dir.join(&self.credentials[credential]));
        let mut names: Vec<_> =
            entries.into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    fn has_stalled(&self) -> bool {
        let millisecond = Duration::from_millis(1);
        self.rest.stalled(millisecond)
            || self.way.as_ref().is_some_and(|way| way.stalled(millisecond))
    }

    fn one_stands_still(&mut self) {
        let late = self.launch(Disk::Sound);
        std::thread::sleep(self.millis(50, 900));
        let paused = late.pause();
        let other = self.launch(Disk::Sound);
        self.end_soon(other);
        drop(paused);
        self.end_soon(late);
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
