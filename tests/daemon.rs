//! The daemon as it runs: real stores, a real sandbox, and its events as the witness of what happened.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "support/fixture.rs"]
mod fixture;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixture::{MotherDuck, load};
use pintail::config::Config;
use pintail::sandbox::{Options, Sandbox, start};
use pintail::tls::{Roots, http_client};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);

struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    admin_token: String,
    secrets: PathBuf,
    config: Arc<Config>,
    _dir: tempfile::TempDir,
}

async fn bench(options: Options) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().canonicalize().unwrap().join("secrets");
    let sandbox =
        start(Options { accounts: vec!["etl_prod".parse().unwrap()], ..options }).await.unwrap();
    let ready = sandbox.ready();
    let text = format!(
        r#"
owner = "test"
{motherduck}
[stores.main.file]
dir = "{secrets}"
[daemon]
sweep = "1s"
[credentials.etl]
username = "etl_prod"
store = "main"
path = "etl"
schedule = "*/2 * * * * *"
ttl = "1h"
gate = "none"
"#,
        motherduck = MotherDuck::of(ready),
        secrets = secrets.display(),
    );
    let config = load(dir.path(), &text);
    Bench {
        client: http_client(Roots::Only(&ready.ca_file), None, Duration::from_secs(10)).unwrap(),
        admin_token: std::fs::read_to_string(&ready.admin_token_file).unwrap(),
        sandbox,
        secrets,
        config,
        _dir: dir,
    }
}

impl Bench {
    async fn events(&self) -> Vec<Value> {
        let url = format!("{}/_sandbox/events", self.sandbox.ready().api_url);
        let request = self.client.get(url).bearer_auth(self.admin_token.trim());
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["events"].as_array().unwrap().clone()
    }

    /// Runs the daemon until `rotations` predecessors were revoked; all the while the served token must live.
    async fn run_until(&self, rotations: usize) -> Vec<Value> {
        let shutdown = CancellationToken::new();
        let daemon = tokio::spawn(pintail::daemon::run(self.config.clone(), shutdown.clone()));
        let begun = Instant::now();
        loop {
            // The events first: what is served afterwards must not have been revoked before.
            let events = self.events().await;
            if let Some(served) = served(&self.secrets) {
                assert!(!revoked(&events).contains(&served), "{served} is served and was revoked");
            }
            if handed_over(&events) >= rotations {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{events:#?}");
            assert!(!daemon.is_finished());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_mins(1), daemon).await;
        ended.unwrap().unwrap().unwrap();
        self.events().await
    }
}

fn served(secrets: &Path) -> Option<String> {
    let record = std::fs::read_to_string(secrets.join("etl/record.json")).ok()?;
    let record: Value = serde_json::from_str(&record).unwrap();
    Some(record["token_id"].as_str().unwrap().to_owned())
}

fn revoked(events: &[Value]) -> Vec<String> {
    let revoked = events.iter().filter(|event| event["kind"] == "token_revoked");
    revoked.map(|event| event["token_id"].as_str().unwrap().to_owned()).collect()
}

fn connections(events: &[Value], id: &str) -> usize {
    events.iter().filter(|e| e["kind"] == "connected" && e["token_id"] == id).count()
}

/// How many tokens were revoked that had been served, which is to say: had connected as read back from the store.
fn handed_over(events: &[Value]) -> usize {
    revoked(events).iter().filter(|id| connections(events, id) >= 2).count()
}

/// Every token that was ever proved as served was revoked only after a later one was proved as served.
fn assert_no_gap(events: &[Value]) {
    let created: Vec<_> = events.iter().filter(|event| event["kind"] == "token_created").collect();
    for (position, event) in events.iter().enumerate() {
        let id = event["token_id"].as_str().unwrap_or_default();
        let before = &events[..position];
        if event["kind"] != "token_revoked" || connections(before, id) < 2 {
            continue;
        }
        let place = created.iter().position(|event| event["token_id"] == id).unwrap();
        let successor = created[place + 1..].iter().any(|event| {
            let successor = event["token_id"].as_str().unwrap();
            connections(before, successor) >= 2 && !revoked(before).contains(&successor.to_owned())
        });
        assert!(successor, "{id} was revoked without a proved successor: {events:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_of_seconds_keeps_rotating_and_the_served_token_always_lives() {
    let bench = bench(Options::default()).await;
    let events = bench.run_until(3).await;
    assert_no_gap(&events);
    let served = served(&bench.secrets).unwrap();
    assert!(!revoked(&events).contains(&served));
    bench.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_rotating_while_requests_and_replies_are_lost() {
    let bench = bench(Options {
        fail_rate: 0.1,
        lose_reply_rate: 0.1,
        gateway_html: true,
        seed: Some(7),
        ..Options::default()
    })
    .await;
    let events = bench.run_until(3).await;
    assert_no_gap(&events);
    let first = served(&bench.secrets).unwrap();
    assert!(!revoked(&events).contains(&first));
    // Another daemon goes on where that one stopped.
    let events = bench.run_until(handed_over(&events) + 1).await;
    assert_no_gap(&events);
    assert_ne!(served(&bench.secrets).unwrap(), first);
    bench.sandbox.stop().await;
}
