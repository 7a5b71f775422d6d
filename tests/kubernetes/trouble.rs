//! What goes wrong on the way to the API server, and who else writes there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::relay::{Fate, Relay, response};
use crate::rollouts::scene;
use crate::scene::{ETL, Scene, gated};

/// More requests to the API server than a rotation takes, but for the polls of its gate.
const MANY: usize = 16;

impl Scene {
    fn relay(&self, fate: impl Fn(&str) -> Fate + Send + Sync + 'static) -> Relay {
        Relay::start_to_tls(&self.plane.url, &self.plane.ca_file, fate)
    }

    /// Asserts that no pod that runs holds a token that was revoked.
    fn assert_all_alive(&self) {
        let revoked = self.revoked();
        for pod in self.kubelet.running() {
            let dead = pod.token_id.as_ref().is_some_and(|id| revoked.contains(id));
            assert!(!dead, "a pod holds a revoked token: {pod:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_rotation_takes_eight_requests_and_two_per_poll_and_a_settled_credential_one() {
    let mut scene = scene!();
    scene.reader(3).await;
    scene.first_token();
    scene.until_settled(3).await;
    // The Secret of the earlier tokens is made once.
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let relay = scene.relay(|_| Fate::Pass);
    scene.api_url.clone_from(&relay.url);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let heads = relay.heads();
    let lines: Vec<_> = heads.iter().map(|head| head.lines().next().unwrap()).collect();
    let polls = lines.iter().filter(|line| line.contains("/pods?")).count();
    assert!(lines.len() <= 8 + 2 * polls, "{} with {polls} polls: {lines:#?}", lines.len());
    scene.rotate(&["--due", ETL]).came_to(0, "not_due");
    let more = relay.heads().len() - lines.len();
    assert_eq!(more, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_request_a_rotation_is_finished_by_the_next_run_and_restarts_nobody_twice() {
    let mut scene = scene!();
    scene.reader(2).await;
    scene.first_token();
    scene.until_settled(2).await;
    scene.defaults.push_str("\norphan_grace = \"0s\"");
    let mut kills = 0;
    for at in 0..MANY {
        for lost in [|| Fate::StallRequest, || Fate::StallReply] {
            let passed = Arc::new(AtomicUsize::new(0));
            let relay = scene.relay(move |_| {
                if passed.fetch_add(1, Ordering::SeqCst) == at { lost() } else { Fate::Pass }
            });
            scene.api_url.clone_from(&relay.url);
            let before = scene.kubelet.started();
            let mut running = scene.start(&["--output", "json", "rotate-now", ETL]);
            while running.is_running() && !relay.stalled(Duration::from_millis(20)) {}
            if running.is_running() {
                running.kill();
                kills += 1;
            }
            scene.assert_all_alive();
            scene.api_url.clone_from(&scene.plane.url.clone());
            let run = scene.rotate(&["--due", ETL]);
            assert_eq!(run.code, Some(0), "request {at}: {run}");
            scene.assert_settled(2).await;
            assert!(scene.kubelet.started() - before <= 2, "request {at}: restarted twice");
        }
    }
    assert!(kills > MANY, "{kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_answer_to_any_request_leaves_every_pod_with_a_token_that_lives() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "8s");
    scene.reader(2).await;
    scene.first_token();
    scene.until_settled(2).await;
    let status = |code: u16, reason: &str| {
        let body = json!({"kind": "Status", "reason": reason}).to_string();
        move || response(code, "Content-Type: application/json\r\n", &body)
    };
    let fates: [Box<dyn Fn() -> Fate + Send + Sync>; 6] = [
        Box::new(|| Fate::LoseReply),
        Box::new(|| Fate::LoseRequest),
        Box::new(status(409, "Conflict")),
        Box::new(status(409, "AlreadyExists")),
        Box::new(status(429, "TooManyRequests")),
        Box::new(status(500, "InternalError")),
    ];
    // Every request meets some of the answers, and every answer some of the requests.
    let fates = Arc::new(fates);
    for at in 0..MANY - 4 {
        for turn in [at % 6, (at + 3) % 6] {
            let (passed, fates) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&fates));
            let relay = scene.relay(move |_| {
                if passed.fetch_add(1, Ordering::SeqCst) == at { fates[turn]() } else { Fate::Pass }
            });
            scene.api_url.clone_from(&relay.url);
            let run = scene.rotate(&[ETL]);
            assert!(matches!(run.code, Some(0 | 1 | 3)), "request {at}: {run}");
            scene.assert_all_alive();
            scene.api_url.clone_from(&scene.plane.url.clone());
            scene.rotate(&["--due", ETL]);
            scene.until_settled(2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_gone_for_a_minute_holds_nothing_up_for_longer() {
    let mut scene = scene!();
    scene.reader(1).await;
    scene.first_token();
    scene.until_settled(1).await;
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "3m");
    let since: Arc<std::sync::Mutex<Option<Instant>>> = Arc::default();
    let gone = Arc::clone(&since);
    let relay = scene.relay(move |head| {
        let mut since = gone.lock().unwrap();
        // Once the restart was asked for, it is gone for a minute.
        if head.starts_with("PATCH") && head.contains("/deployments/") && since.is_none() {
            *since = Some(Instant::now());
            return Fate::Pass;
        }
        match *since {
            Some(since) if since.elapsed() < Duration::from_mins(1) => Fate::LoseRequest,
            _ => Fate::Pass,
        }
    });
    scene.api_url.clone_from(&relay.url);
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert!(since.lock().unwrap().unwrap().elapsed() > Duration::from_mins(1));
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pintails_at_once_restart_nobody_twice() {
    let scene = scene!();
    scene.reader(2).await;
    scene.first_token();
    scene.until_settled(2).await;
    for _ in 0..3 {
        let before = scene.kubelet.started();
        let both = [0, 1].map(|_| scene.start(&["--output", "json", "rotate-now", ETL]));
        let runs: Vec<_> =
            both.into_iter().map(|one| tokio::task::block_in_place(|| one.wait())).collect();
        assert!(runs.iter().any(|run| run.code == Some(0)), "{runs:?}");
        scene.rotate(&["--due", ETL]);
        scene.assert_settled(2).await;
        // Either they did one rotation together, or two, one after the other.
        let rotations = (scene.kubelet.started() - before) / 2;
        assert!((1..=2).contains(&rotations), "{rotations} restarts: {runs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_somebody_else_fills_is_waited_for_before_anything_restarts() {
    let mut scene = scene!();
    scene.reader(1).await;
    scene.first_token();
    scene.until_settled(1).await;
    let targets = "targets = [{ kind = \"Deployment\", name = \"reader\" }], after_secret = { name = \"copy\" }";
    scene.defaults = gated(targets, "60s");
    let before = scene.kubelet.started();
    let served = scene.served_id().await;
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    while scene.served_id().await == served {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another controller is slow, and at first it copies what was there before.
    let old = json!({"metadata": {"name": "copy"}, "stringData": {"motherduck_token": "old"}});
    scene.plane.done("POST", &scene.core("secrets"), old).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.kubelet.started(), before, "nothing restarts before the Secret is new");
    let token = scene.secret().await["motherduck_token"].clone();
    let new = json!({"stringData": {"motherduck_token": token}});
    scene.patch(&scene.core("secrets/copy"), new).await;
    tokio::task::block_in_place(|| running.wait()).came_to(0, "rotated");
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_that_is_missing_is_named_and_no_token_is_revoked() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "1s");
    scene.reader(1).await;
    scene.first_token();
    scene.until_settled(1).await;
    let all = crate::scene::rules();
    for (number, verb, resource) in
        [(1, "get", "deployments"), (1, "patch", "deployments"), (2, "list", "pods")]
    {
        let mut rules = all.clone();
        let verbs = rules[number]["verbs"].as_array_mut().unwrap();
        verbs.retain(|one| one != verb);
        if verbs.is_empty() {
            rules.as_array_mut().unwrap().remove(number);
        }
        let token = scene.plane.account(&scene.namespace, &rules).await;
        std::fs::write(&scene.token_file, token).unwrap();
        let run = scene.rotate(&[ETL]);
        let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
        assert!(error.contains("403") && error.contains(resource), "{run}");
        assert!(scene.revoked().is_empty());
    }
    let token = scene.plane.account(&scene.namespace, &all).await;
    std::fs::write(&scene.token_file, token).unwrap();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "30s");
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_rotates_under_a_run_is_read_anew_and_the_old_one_is_not_needed() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "60s");
    scene.reader(1).await;
    let first = scene.first_token();
    scene.until_settled(1).await;
    scene.kubelet.behave(|manners| manners.lets_go = false);
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.until_served_anew(&first).await;
    let accounts = scene.core("serviceaccounts");
    let before = scene.get(&accounts).await["items"].as_array().unwrap().clone();
    let token = scene.plane.account(&scene.namespace, &crate::scene::rules()).await;
    // As the kubelet does it: a new file in the place of the old one.
    let new = scene.dir.path().join("token.new");
    std::fs::write(&new, token).unwrap();
    std::fs::rename(new, &scene.token_file).unwrap();
    for account in before.iter().filter_map(|one| one["metadata"]["name"].as_str()) {
        scene.plane.done("DELETE", &format!("{accounts}/{account}"), json!({})).await;
    }
    scene.kubelet.behave(|manners| manners.lets_go = true);
    tokio::task::block_in_place(|| running.wait()).came_to(0, "rotated");
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_time_is_up_at_the_gate_is_resumed_by_the_next_one_and_restarts_nobody_twice() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "60s");
    scene.reader(2).await;
    scene.first_token();
    scene.until_settled(2).await;
    let before = scene.kubelet.started();
    scene.kubelet.behave(|manners| manners.lets_go = false);
    // A CronJob's run, which `activeDeadlineSeconds` would kill a little later.
    let due = ["--output", "json", "rotate-now", "--timeout", "4s", ETL];
    let run = scene.pintail(&due);
    run.came_to(3, "held");
    assert!(scene.revoked().is_empty(), "{run}");
    scene.kubelet.behave(|manners| manners.lets_go = true);
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    scene.assert_settled(2).await;
    assert_eq!(scene.kubelet.started() - before, 2, "each pod was replaced once");
}
