//! Many credentials, each with a Deployment of its own: what they cost, in requests and in CPU time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::relay::{Fate, Relay};
use crate::rollouts::scene;
use crate::sandbox::PINTAIL;
use crate::scene::{Scene, gated};

/// How many credentials: more by PINTAIL_KUBERNETES_CREDENTIALS.
fn credentials() -> usize {
    std::env::var("PINTAIL_KUBERNETES_CREDENTIALS").map_or(8, |text| text.parse().unwrap())
}

/// What a run took.
struct Cost {
    took: Duration,
    cpu: Duration,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (took, cpu) = (self.took.as_secs_f64(), self.cpu.as_secs_f64());
        write!(f, "{took:.1} s with {cpu:.1} s of CPU time")
    }
}

impl Scene {
    /// Runs the program to its end, however long it takes; it must succeed.
    fn measured(&self, arguments: &[&str]) -> Cost {
        let (start, before) = (Instant::now(), children());
        let mut command = Command::new(PINTAIL);
        command.args(self.arguments(arguments)).env_clear().stdout(Stdio::null());
        let status = tokio::task::block_in_place(|| command.status()).unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
        Cost { took: start.elapsed(), cpu: children().checked_sub(before).unwrap() }
    }
}

/// The CPU time of the children that have ended, by proc_pid_stat(5).
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_credentials_cost_eight_requests_each_and_two_per_poll_and_one_where_they_are_settled()
{
    let count = credentials();
    let names: Vec<_> = (0..count).map(|number| format!("etl_{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = scene!(&names);
    for (name, more) in &mut scene.credentials {
        let target = format!(
            "targets = [{{ kind = \"Deployment\", name = \"{}\" }}]",
            name.replace('_', "-")
        );
        *more = gated(&target, "20m").replace("100ms", "2s");
    }
    scene.defaults.clear();
    scene.server.push_str("\n[daemon]\nconcurrency = 50");
    for name in &names {
        let name = name.replace('_', "-");
        let secret = format!("motherduck-{name}");
        // The Secrets of the earlier tokens are made once.
        let previous = json!({"metadata": {"name": format!("{secret}-previous")}});
        scene.plane.done("POST", &scene.core("secrets"), previous).await;
        scene.workload_of("Deployment", &name, &secret, json!({"replicas": 1})).await;
    }
    let all_run = |holding: bool| {
        let running = scene.kubelet.running();
        running.len() == count && running.iter().all(|pod| !holding || pod.token_id.is_some())
    };
    let until = async |holding| {
        let start = Instant::now();
        while !all_run(holding) {
            assert!(
                start.elapsed() < Duration::from_mins(20),
                "{:?}",
                scene.kubelet.running().len()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    until(false).await;
    scene.measured(&["rotate-now", "--all"]);
    until(true).await;
    let relay = Relay::start_to_tls(&scene.plane.url, &scene.plane.ca_file, |_| Fate::Pass);
    scene.api_url.clone_from(&relay.url);
    let requests = || relay.heads().len();
    let quiet = scene.measured(&["rotate-now", "--all"]);
    let rotating = requests();
    let polls = relay.heads().iter().filter(|head| head.contains("/pods?")).count();
    let settled = scene.measured(&["rotate-now", "--all", "--due"]);
    let looking = requests() - rotating;
    println!(
        "{count} credentials: rotated in {quiet}, {rotating} requests with {polls} polls; looked at where settled in \
         {settled}, {looking} requests"
    );
    assert!(rotating <= 8 * count + 2 * polls, "{rotating} requests with {polls} polls");
    assert_eq!(looking, count);
    let served: std::collections::BTreeSet<_> =
        scene.kubelet.running().into_iter().filter_map(|pod| pod.token_id).collect();
    let sandbox = Arc::clone(&scene.sandbox);
    let live = tokio::task::spawn_blocking(move || sandbox.live("pintail/e2e/")).await.unwrap();
    assert_eq!(
        live, served,
        "each pod holds the token that its credential serves, and no other one lives"
    );
}
