//! Everything at once: peers that mean harm, a crowd of idle readers, gates that hang, a full disk, and a log that nobody
//! reads. One credential is well, and keeps its pace.

use std::fmt::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::crowd::Crowd;
use super::daemon::{self, Daemon, GRACE};
use super::peer::{Illness, Peer, Thief, Way};
use super::strain::Strain;
use crate::consumers::Consumers;
use crate::http::Consumer;
use crate::process::Disk;
use crate::reader::Reader;
use crate::report::Size;
use crate::sandbox::{Event, Sandbox};
use crate::stores::{Kind, Store};
use crate::wire::Wire;

const GATES: usize = 100;
const ILL: usize = 6;
const FULL: usize = 4;
const IDLE: usize = 1_200;
/// The period of the credential that is well, and the longest time that may lie between two of its rotations: one that
/// is a second late is not one that is left out.
const PERIOD: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_millis(7_500);
const TURN: Duration = Duration::from_millis(1_200);
/// Until the gates hang.
const PATIENCE: Duration = Duration::from_mins(3);
/// The disk takes nothing for a file: `RLIMIT_FSIZE`, since a file system of its own would take rights that not every
/// machine gives. The tmpfs of a container and `/dev/full` fail the same way, with another word.
const DISK: Disk = Disk::Full(0);

/// A consumer that takes connections, and answers nobody.
struct Hanging {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Hanging {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut held = vec![];
            for client in listener.incoming() {
                held.push(client);
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, asked }
    }
}

fn names(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{kind}_{number}")).collect()
}

/// The processes that hanging gates have started, by a word of this test's own in their command lines.
fn sleepers(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|one| std::fs::read(one.path().join("cmdline")).ok());
    lines.filter(|line| line.windows(mark.len()).any(|part| part == mark.as_bytes())).count()
}

/// What became of the tokens of the credential that is well.
fn of_the_well(sandbox: &Sandbox) -> Vec<Event> {
    let is_its = |event: &Event| {
        event.name.as_ref().is_some_and(|name| name.starts_with("pintail/soak/well/"))
    };
    sandbox.events().into_iter().filter(is_its).collect()
}

/// When tokens of the credential that is well were created, or revoked.
fn moments(sandbox: &Sandbox, kind: &str) -> Vec<Timestamp> {
    let events = of_the_well(sandbox).into_iter();
    events.filter(|event| event.kind == kind).map(|event| event.at).collect()
}

/// What differs from siege to siege.
struct Besieged<'a> {
    /// The sections before the stores of those who are not well.
    head: String,
    dir: &'a Path,
    receiver: String,
    traces: &'a str,
    consumers: &'a str,
    hanging: &'a str,
    health: String,
    mark: &'a str,
}

/// The configuration: one that is well, and all those that are not.
fn configuration(besieged: &Besieged<'_>) -> String {
    let Besieged { head, dir, receiver, traces, consumers, hanging, health, mark } = besieged;
    let dir = dir.display();
    let mut text = format!(
        r#"{head}[stores.disk.file]
dir = "{dir}/secrets"
[notifications.ops.webhook]
url = "{receiver}"
[telemetry]
otlp_endpoint = "{traces}"
[defaults]
store = "main"
path = "{{credential}}"
schedule = "*/5 * * * * *"
ttl = "1d"
renew_before = "1h"
gate = "none"
[credentials.well]
username = "well"
schedule = "*/4 * * * * *"
gate.http = {{ url = "{consumers}/gate/{{credential}}/{{token_id}}", interval = "100ms", successes = 1, deadline = "1m" }}
"#
    );
    let mut add = |name: &str, lines: &str| {
        write!(text, "[credentials.{name}]\nusername = \"{name}\"\n{lines}\n").unwrap();
    };
    for (number, name) in names("gate", GATES).iter().enumerate() {
        let asked = if number % 2 == 0 {
            format!("http = {{ url = \"{hanging}\"")
        } else {
            format!("command = {{ command = [\"/bin/sleep\", \"{mark}\"]")
        };
        add(name, &format!("gate.{asked}, timeout = \"10m\", deadline = \"1h\" }}"));
    }
    for name in names("ill", ILL) {
        let gate = format!(
            "gate.http = {{ url = \"{health}/gate/{{credential}}/{{token_id}}\", interval = \"100ms\", successes = 1, \
             deadline = \"3s\", timeout = \"2s\" }}\n\
             deploy.http = {{ url = \"{health}/deploy/{{credential}}\", timeout = \"2s\" }}"
        );
        add(&name, &gate);
    }
    for name in names("full", FULL) {
        add(&name, "store = \"disk\"");
    }
    text
}

/// Waits until all gates hang, and tells how long that took.
fn until_gates_hang(hanging: &Hanging, mark: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let (http, commands) = (hanging.asked.load(Ordering::SeqCst), sleepers(mark));
        if http >= GATES / 2 && commands >= GATES / 2 {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "{http} and {commands} gates hang");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Everybody means harm in one way after the other, the first of them being MotherDuck, and idle readers come in crowds.
fn besiege(daemon: &Daemon, lasts: Duration, address: &str, everybody: &[&dyn Illness; 5]) {
    let begun = Instant::now();
    for way in Way::ALL.into_iter().cycle() {
        if begun.elapsed() > lasts {
            return;
        }
        for one in everybody {
            one.fall_ill(way);
        }
        if way == Way::WrongClock {
            // While clocks disagree schedules wait, and what is due by one stands still: the soak has that turn.
            everybody[0].fall_ill(Way::Nonsense);
        }
        let idle: Vec<_> = (0..IDLE).map(|_| TcpStream::connect(address)).collect();
        std::thread::sleep(TURN);
        assert!(daemon.answers_within(PERIOD), "{way:?}: no probe is answered");
        drop(idle);
        for one in everybody {
            one.recover();
        }
    }
}

/// The longest time between two that follow one another.
fn longest(moments: &[Timestamp]) -> Duration {
    let gaps = moments.windows(2).map(|two| two[1].duration_since(two[0]).unsigned_abs());
    gaps.max().unwrap_or_default()
}

#[test]
fn one_that_is_well_keeps_its_pace_though_everything_else_is_under_siege() {
    let size = Size::from_environment();
    let lasts = if size.least > 1 {
        size.time.min(Duration::from_mins(5))
    } else {
        Duration::from_secs(16)
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let (gates, ill, full) = (names("gate", GATES), names("ill", ILL), names("full", FULL));
    let accounts = [&gates[..], &ill, &full, &["well".to_owned()]].concat();
    let sandbox = Sandbox::start(&[&format!("--accounts={}", accounts.join(","))]);
    let store = Store::start(Kind::Vault, dir.path());
    let port = u16::try_from(sandbox.ready["postgres_port"].as_u64().unwrap()).unwrap();
    let ca_file = sandbox.text("ca_file").to_owned();
    let (reader, wire) = (Reader::new(&store), Wire::new(size.seed));
    let served = [&ill[..], &["well".to_owned()]].concat();
    let pause = Duration::from_millis(100);
    let consumers = Consumers::start(&served, &reader, port, Path::new(&ca_file), pause, wire);
    let (thief, hanging, traces) = (Thief::start(), Hanging::start(), Hanging::start());
    let of_the_ill = |head: &str| head.contains("ill_");
    let motherduck = Peer::before(&sandbox.server.url, &thief, of_the_ill);
    let vault = Peer::before(store.url().unwrap(), &thief, of_the_ill);
    let health = Peer::before(&consumers.url, &thief, |_| true);
    let receiver = Peer::before(&Consumer::healthy().url, &thief, |_| true);

    // Nobody else sleeps for so long.
    let mark = format!("{}.25", 100_000 + size.seed % 800_000);
    let head = daemon::settings(&sandbox, &motherduck.url(), port) + &store.table(&vault.url());
    let text = configuration(&Besieged {
        head,
        dir: dir.path(),
        receiver: receiver.url(),
        traces: &traces.url,
        consumers: &consumers.url,
        hanging: &hanging.url,
        health: health.url(),
        mark: &mark,
    });
    let config = dir.path().join("pintail.toml").display().to_string();
    std::fs::write(&config, text).unwrap();

    let (mut daemon, log) = Daemon::start_unread(&config, DISK);
    let crowd = Crowd::of(&daemon.url);
    let address = daemon.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let hung_after = until_gates_hang(&hanging, &mark);

    let strain = Strain::measure();
    let (so_far, first) = (moments(&sandbox, "token_revoked").len(), Timestamp::now());
    let everybody: [&dyn Illness; 5] = [&motherduck, &vault, &health, &receiver, &crowd];
    besiege(&daemon, lasts, &address, &everybody);
    let last = Timestamp::now();
    for one in everybody {
        one.fall_ill(Way::Silent);
    }
    // They ask for page after page, and read none.
    crowd.fall_ill(Way::WrongClock);
    let made: Vec<_> = moments(&sandbox, "token_created")
        .into_iter()
        .filter(|at| (first..last).contains(at))
        .collect();
    let revocations = moments(&sandbox, "token_revoked").len() - so_far;
    let harmed = everybody.iter().map(|one| one.asked()).sum::<usize>();
    std::thread::sleep(TURN);
    let stop = daemon.stop();
    for one in everybody {
        one.recover();
    }
    drop(log);

    let strain = strain.so_far();
    let longest = longest(&[&[first], &made[..], &[last]].concat());
    let due = lasts.as_secs_f64() / PERIOD.as_secs_f64();
    let report = format!(
        "{} of about {due:.0} rotations of the one that is well, the longest time between two {:.1} s, under {harmed} harmful \
         answers, {GATES} hanging gates (after {:.0} s), {IDLE} idle connections, a full disk and a log that nobody reads; \
         stopped within {:.1} s; the machine was {strain:.1} times as slow as by itself; seed {}",
        made.len(),
        longest.as_secs_f64(),
        hung_after.as_secs_f64(),
        stop.as_secs_f64(),
        size.seed
    );
    println!("siege: {report}");
    let count = f64::from(u32::try_from(made.len()).unwrap());
    let keeps_pace = longest < LONGEST.mul_f64(strain) && count + 1.0 >= due / strain;
    assert!(keeps_pace, "{report}: {:#?}", of_the_well(&sandbox));
    assert!(revocations + 2 >= made.len(), "{revocations} predecessors were revoked: {report}");
    assert!(stop < GRACE.mul_f64(strain), "{report}");
    assert_eq!(sleepers(&mark), 0, "the gates' processes are gone");
    assert_eq!(thief.visits(), 0, "somebody followed a redirect");
    let failed = consumers.look(|lives| lives.failed.clone());
    assert!(failed.is_empty(), "{failed:?}");
    for name in &full {
        assert!(!dir.path().join("secrets").join(name).join("token").exists(), "the disk is full");
    }
}
