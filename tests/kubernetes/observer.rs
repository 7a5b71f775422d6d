//! An observer of its own, which knows pods and tokens and nothing of pintail: no pod that lives holds a revoked token.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::control_plane::ControlPlane;
use crate::kubelet::Kubelet;
use crate::relay::{Fate, Relay, response};
use crate::rollouts::scene;
use crate::sandbox::Sandbox;
use crate::scene::{ETL, Scene, gated};

/// Between two looks of the observer.
const PERIOD: Duration = Duration::from_millis(50);

/// Samples pods and tokens every 50 ms, until it is told to stop.
struct Observer {
    stop: Arc<AtomicBool>,
    samples: Arc<AtomicUsize>,
    found: Arc<Mutex<Vec<String>>>,
}

impl Observer {
    fn start(sandbox: Arc<Sandbox>, kubelet: Kubelet) -> Self {
        let this = Self { stop: Arc::default(), samples: Arc::default(), found: Arc::default() };
        let (stop, samples) = (Arc::clone(&this.stop), Arc::clone(&this.samples));
        let found = Arc::clone(&this.found);
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let next = Instant::now().checked_add(PERIOD).unwrap();
                // First what is revoked, then who lives: a pod may end between the two, and none comes back to life.
                let revoked: Vec<_> = sandbox
                    .events()
                    .into_iter()
                    .filter(|event| event.kind == "token_revoked")
                    .filter_map(|event| event.token_id)
                    .collect();
                for pod in kubelet.running() {
                    if pod.token_id.as_ref().is_some_and(|id| revoked.contains(id)) {
                        found.lock().unwrap().push(format!("{pod:?}"));
                    }
                }
                samples.fetch_add(1, Ordering::SeqCst);
                // What it asks for takes time, too.
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        this
    }

    fn assert_nothing_found(&self) {
        let found = self.found.lock().unwrap();
        assert!(found.is_empty(), "living pods with revoked tokens: {found:#?}");
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// How many rotations: more by PINTAIL_KUBERNETES_ROTATIONS.
fn rotations() -> usize {
    std::env::var("PINTAIL_KUBERNETES_ROTATIONS").map_or(12, |text| text.parse().unwrap())
}

/// What becomes of one request in a few, by chance.
fn misfortune(dice: &Mutex<fastrand::Rng>, faults: &AtomicUsize) -> Fate {
    let status = |code, reason: &str| {
        let body = format!("{{\"kind\": \"Status\", \"reason\": \"{reason}\"}}");
        response(code, "Content-Type: application/json\r\n", &body)
    };
    let number = dice.lock().unwrap().u32(0..60);
    faults.fetch_add(usize::from(number < 6), Ordering::SeqCst);
    match number {
        0 => Fate::LoseReply,
        1 => Fate::LoseRequest,
        2 => status(409, "Conflict"),
        3 => status(429, "TooManyRequests"),
        4 => status(500, "InternalError"),
        5 => status(504, "Timeout"),
        _ => Fate::Pass,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_living_pod_ever_holds_a_revoked_token_whatever_goes_wrong() {
    let mut scene = scene!();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let dice = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "6s");
    scene.defaults.push_str("\non_failure = \"roll_back\"\norphan_grace = \"0s\"");
    scene.reader(3).await;
    scene.first_token();
    let observer = Observer::start(Arc::clone(&scene.sandbox), scene.kubelet.clone());
    let (mut done, mut kills, mut rolled_back, mut held) = (0, 0, 0, 0);
    let faults = Arc::new(AtomicUsize::new(0));
    for round in 0..rotations() {
        let shared = (Arc::clone(&dice), Arc::clone(&faults));
        let relay = Relay::start_to_tls(&scene.plane.url, &scene.plane.ca_file, move |_| {
            misfortune(&shared.0, &shared.1)
        });
        scene.api_url.clone_from(&relay.url);
        let roll = |range| dice.lock().unwrap().u32(range);
        // Now and then the new pods do not get ready, the old ones do not end, or the process does.
        scene.kubelet.behave(|manners| {
            manners.readies = roll(0..6) > 0;
            manners.lets_go = roll(0..6) > 0;
        });
        let killed_after = (roll(0..3) == 0).then(|| Duration::from_millis(roll(50..2_000).into()));
        let running = scene.start(&["--output", "json", "rotate-now", ETL]);
        if let Some(after) = killed_after {
            tokio::time::sleep(after).await;
            drop(running);
            kills += 1;
        } else {
            let run = tokio::task::block_in_place(|| running.wait());
            done += usize::from(run.code == Some(0));
            rolled_back += usize::from(run.stdout.contains("\"rolled_back\""));
            held += usize::from(run.stdout.contains("\"held\""));
        }
        observer.assert_nothing_found();
        scene.kubelet.behave(|manners| (manners.readies, manners.lets_go) = (true, true));
        if round % 3 == 2 {
            let api_url = scene.plane.url.clone();
            scene.api_url = api_url;
            scene.rotate(&["--due", ETL]);
        }
    }
    let api_url = scene.plane.url.clone();
    scene.api_url = api_url;
    scene.rotate(&["--due", ETL]);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(3).await;
    observer.assert_nothing_found();
    let samples = observer.samples.load(Ordering::SeqCst);
    let (faults, revoked) = (faults.load(Ordering::SeqCst), scene.revoked().len());
    println!(
        "{} runs: {done} rotated, {rolled_back} rolled back, {held} held, {kills} killed; {faults} faults, {revoked} \
         tokens revoked, {} pods started, {samples} samples",
        rotations(),
        scene.kubelet.started(),
    );
    assert!(samples > rotations(), "the observer looked on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_rotates_and_no_living_pod_ever_holds_a_revoked_token() {
    let mut scene = scene!();
    scene.reader(3).await;
    let first = scene.first_token();
    let observer = Observer::start(Arc::clone(&scene.sandbox), scene.kubelet.clone());
    scene.credentials[0].1 = "every = \"1s\"\nttl = \"6h\"".to_owned();
    let running = scene.start(&["run"]);
    let wanted = rotations() / 4;
    scene.until("the daemon rotates", || scene.revoked().len() >= wanted).await;
    running.terminate();
    let run = tokio::task::block_in_place(|| running.wait());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(scene.revoked().contains(&first));
    observer.assert_nothing_found();
    scene.credentials[0].1.clear();
    scene.rotate(&["--due", ETL]);
    scene.assert_settled(3).await;
}
