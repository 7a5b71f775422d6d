//! `pintail run` goes over to another configuration, or refuses it, without letting go of what it has in hand.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::http::Consumer;
use crate::manager::Manager;
use crate::place::Kind;
use crate::program::Running;
use crate::scene::{ETL, Scene};

const PATIENCE: Duration = Duration::from_mins(1);
const REPORT: &str = "report_prod";

/// A daemon and the file that it was started with.
struct Followed {
    scene: Scene,
    manager: Manager,
    file: PathBuf,
    daemon: Running,
}

impl Followed {
    /// With the configuration that the scene has, which names one of two accounts.
    fn start(prepare: impl FnOnce(&mut Scene)) -> Self {
        let mut scene = Scene::with(Kind::File, &[ETL, REPORT], &[]);
        scene.credentials = vec![ETL.to_owned()];
        // Signals alone count, unless a test wants it otherwise.
        scene.more = "[daemon]\nsweep = \"1s\"\nwatch = \"1d\"\n".into();
        prepare(&mut scene);
        let mut manager = Manager::without_file();
        scene.variables.extend(manager.variables(None));
        let file = scene.dir().join("pintail.toml");
        std::fs::write(&file, scene.configuration()).unwrap();
        let arguments = ["--config", &file.display().to_string(), "run"].map(str::to_owned);
        let daemon = Running::start(&arguments, &scene.variables);
        manager.hear("READY=1", 1);
        Self { scene, manager, file, daemon }
    }

    /// Writes the configuration as the scene has it now, and asks for a reload.
    fn reload(&mut self) {
        let text = self.scene.configuration();
        self.reload_to(&text);
    }

    fn reload_to(&mut self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
        let so_far = self.manager.count("READY=1");
        self.daemon.signal(Signal::SIGHUP);
        self.manager.hear("READY=1", so_far + 1);
    }

    fn stop(self) -> String {
        self.daemon.terminate();
        let run = self.scene.note(self.daemon.wait());
        assert_eq!(run.code, Some(0), "{run}");
        run.stderr
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_served(scene: &Scene, credential: &str) -> bool {
    scene.place.read(&scene.clients, credential).is_some()
}

#[test]
fn a_signal_brings_in_an_added_credential_and_lets_a_removed_one_go_with_its_token() {
    let mut one = Followed::start(|_| {});
    until("the first is served", || is_served(&one.scene, ETL));
    one.scene.credentials = vec![REPORT.to_owned()];
    one.reload();
    until("the second is served", || is_served(&one.scene, REPORT));
    one.manager.hear("STATUS=1 credential: 1 fresh", 1);
    one.scene.assert_at_rest();
    let log = one.stop();
    assert!(log.contains("configuration reloaded") && log.contains("added=1"), "{log}");
    assert!(log.contains("credential removed"), "{log}");
}

#[test]
fn a_mounted_configmap_is_followed_when_its_link_is_swapped() {
    let mut scene = Scene::with(Kind::File, &[ETL, REPORT], &[]);
    scene.credentials = vec![ETL.to_owned()];
    scene.more = "[daemon]\nsweep = \"1s\"\nwatch = \"1s\"\n".to_owned();
    let mount = scene.dir().join("mount");
    let version = |number: u32, text: &str| {
        std::fs::create_dir_all(mount.join(format!("..{number}"))).unwrap();
        std::fs::write(mount.join(format!("..{number}/pintail.toml")), text).unwrap();
        symlink(format!("..{number}"), mount.join("..data_tmp")).unwrap();
        std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version(1, &scene.configuration());
    symlink("..data/pintail.toml", mount.join("pintail.toml")).unwrap();
    let arguments = ["--config", &mount.display().to_string(), "run"].map(str::to_owned);
    let daemon = Running::start(&arguments, &scene.variables);
    until("the first is served", || is_served(&scene, ETL));
    scene.credentials.push(REPORT.to_owned());
    version(2, &scene.configuration());
    until("the second is served", || is_served(&scene, REPORT));
    daemon.terminate();
    let run = scene.note(daemon.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.stderr.matches("configuration reloaded").count(), 1, "{run}");
}

#[test]
fn a_wrong_configuration_changes_nothing_and_all_that_is_wrong_is_said() {
    let mut one = Followed::start(|scene| {
        scene.calendar = "schedule = \"*/2 * * * * *\"\nttl = \"1h\"".to_owned();
    });
    until("it is served", || is_served(&one.scene, ETL));
    let right = one.scene.configuration();
    let wrong = right.replace("sweep = \"1s\"", "sweep = \"9d\"").replace("every", "evry");
    let wrong = wrong.replace("gate = \"none\"", "gate = \"none\"\nsplya = \"1m\"");
    one.reload_to(&wrong);
    one.manager.hear("the changed configuration was refused", 1);
    let before = one.scene.served_id();
    until("it rotates on", || one.scene.served_id() != before);
    // Nor does it become another deployment.
    one.reload_to(&right.replace("owner = \"e2e\"", "owner = \"other\""));
    one.reload_to(&right);
    let log = one.stop();
    assert_eq!(log.matches("configuration refused").count(), 2, "{log}");
    for part in [
        "the configuration has 2 problems",
        "daemon.sweep",
        "splya",
        "`splay`",
        "owner: this is other",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(log.matches("configuration reloaded").count(), 1, "{log}");
}

/// A daemon whose rotation waits at a gate, where nobody is healthy yet.
fn at_a_gate() -> (Followed, Consumer, Arc<AtomicU16>, String) {
    let health = Arc::new(AtomicU16::new(200));
    let status = Arc::clone(&health);
    let consumer = Consumer::start(move |_| status.load(Ordering::SeqCst));
    let gate = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1 }}",
        consumer.url
    );
    let one = Followed::start(|scene| scene.defaults = gate);
    until("it is served", || is_served(&one.scene, ETL));
    until("it is at rest", || one.scene.live(ETL).len() == 1);
    health.store(503, Ordering::SeqCst);
    let old = one.scene.served_id();
    (one, consumer, health, old)
}

/// A calendar by which a token that lives for one day less is due, and its replacement is not.
fn due_below(days: u32) -> String {
    format!("ttl = \"{days}d\"\nrenew_before = \"{}d 1h\"", days - 1)
}

/// Makes the credential due, and waits until the replacement waits at the gate.
fn rotate_to_the_gate(one: &mut Followed, consumer: &Consumer, old: &str) {
    one.scene.calendar = due_below(46);
    one.reload();
    until("the replacement is served", || one.scene.served_id() != old);
    let polls = consumer.heads().len();
    until("the gate is polled", || consumer.heads().len() > polls + 2);
}

#[test]
fn a_rotation_at_its_gate_is_completed_though_its_credential_was_removed() {
    let (mut one, consumer, health, old) = at_a_gate();
    rotate_to_the_gate(&mut one, &consumer, &old);
    one.scene.credentials.clear();
    one.reload();
    let polls = consumer.heads().len();
    until("the gate is polled on", || consumer.heads().len() > polls + 5);
    assert_eq!(one.scene.live(ETL).len(), 2, "both live while nobody is healthy");
    health.store(200, Ordering::SeqCst);
    one.manager.hear("STATUS=no credentials", 1);
    one.scene.assert_at_rest();
    let served = one.scene.served_id();
    let log = one.stop();
    assert!(log.contains("credential removed after the run in hand"), "{log}");
    assert_ne!(served, old);
    assert!(!log.contains("configuration refused"), "{log}");
}

#[test]
fn a_rotation_at_its_gate_asks_the_consumer_that_it_began_with() {
    let (mut one, consumer, health, old) = at_a_gate();
    rotate_to_the_gate(&mut one, &consumer, &old);
    let other = Consumer::healthy();
    one.scene.defaults =
        format!("gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1 }}", other.url);
    one.reload();
    let polls = consumer.heads().len();
    until("the old gate is polled on", || consumer.heads().len() > polls + 5);
    assert_eq!((one.scene.live(ETL).len(), other.heads().len()), (2, 0));
    health.store(200, Ordering::SeqCst);
    until("the rotation is complete", || one.scene.live(ETL).len() == 1);
    one.scene.assert_at_rest();
    let polls = consumer.heads().len();
    // The next rotation asks the other one.
    one.scene.calendar = due_below(47);
    one.reload();
    until("the new gate is asked", || !other.heads().is_empty());
    assert!(consumer.heads().len() <= polls + 1);
    one.stop();
}
