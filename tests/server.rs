//! What the daemon shows, over HTTP: each metric as it moves and each reason as it comes and goes, on their real paths.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test that calls them"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "server/followed.rs"]
mod followed;
#[path = "server/moves.rs"]
mod moves;
#[path = "server/names.rs"]
mod names;
#[path = "server/reload.rs"]
mod reload;
#[path = "server/restart.rs"]
mod restart;
#[path = "server/tenants.rs"]
mod tenants;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixture::{MotherDuck, load};
use jiff::{SignedDuration, Timestamp};
use pintail::config::Config;
use pintail::daemon::Daemon;
use pintail::names::RotationId;
use pintail::sandbox::{Options, Sandbox, start};
use pintail::server::{Door, Server};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    dir: PathBuf,
    _dir: tempfile::TempDir,
}

/// A daemon in this process, and what it shows.
struct Shown {
    client: reqwest::Client,
    url: String,
    stop: CancellationToken,
    daemon: JoinHandle<()>,
    server: Server,
}

impl Bench {
    async fn new() -> Self {
        let holder = tempfile::tempdir().unwrap();
        let accounts = vec!["etl_prod".parse().unwrap(), "other_prod".parse().unwrap()];
        let sandbox = start(Options { accounts, ..Options::default() }).await.unwrap();
        let dir = holder.path().canonicalize().unwrap();
        std::fs::copy(&sandbox.ready().admin_token_file, dir.join("admin")).unwrap();
        let client = pintail::tls::http_client(
            pintail::tls::Roots::Only(&sandbox.ready().ca_file),
            None,
            Duration::from_secs(20),
        );
        Self { sandbox, client: client.unwrap(), dir, _dir: holder }
    }

    fn config(&self, more: &str) -> Arc<Config> {
        let dir = self.dir.display();
        let admin_token = format!("{{ file = \"{dir}/admin\" }}");
        let motherduck = MotherDuck { admin_token, ..MotherDuck::of(self.sandbox.ready()) };
        let text = format!(
            r#"
owner = "test"
{motherduck}
[stores.main.file]
dir = "{dir}/secrets"
[stores.broken.file]
dir = "{dir}/admin/secrets"
[daemon]
sweep = "1s"
[server]
listen = "127.0.0.1:0"
unreachable_after = "1s"
[defaults]
store = "main"
path = "{{credential}}"
ttl = "1h"
renew_before = "5m"
gate = "none"
{more}"#
        );
        load(&self.dir, &text)
    }

    async fn run(&self, config: Arc<Config>) -> Shown {
        self.show(Daemon::open(config.clone()).await.unwrap(), &config).await
    }

    /// Runs a daemon and shows how it stands, on any port.
    async fn show(&self, daemon: Daemon, config: &Config) -> Shown {
        let door = Door::open(config.server.as_ref().unwrap()).await.unwrap();
        let server = door.serve(daemon.fleet());
        let stop = CancellationToken::new();
        Shown {
            client: self.client.clone(),
            url: format!("http://{}", server.address()),
            daemon: tokio::spawn(daemon.run(stop.clone())),
            stop,
            server,
        }
    }

    /// A token that somebody else made.
    async fn foreign_token(&self, account: &str, name: &str) {
        let url = format!("{}/v1/users/{account}/tokens", self.sandbox.ready().api_url);
        let body = json!({ "name": name, "token_type": "read_write" });
        let admin = std::fs::read_to_string(&self.sandbox.ready().admin_token_file).unwrap();
        let request = self.client.post(url).bearer_auth(admin.trim()).json(&body);
        assert!(request.send().await.unwrap().status().is_success());
    }
}

impl Shown {
    async fn get(&self, path: &str) -> (u16, String) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The value of the series whose name and labels hold all of `parts`; the sum, if there are several.
    async fn metric(&self, parts: &[&str]) -> Option<f64> {
        value(&self.get("/metrics").await.1, parts)
    }

    async fn until(&self, what: &str, parts: &[&str], is_so: impl Fn(f64) -> bool) {
        let begun = Instant::now();
        loop {
            let value = self.metric(parts).await;
            if value.is_some_and(&is_so) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {parts:?} is {value:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The words and subjects of what keeps it from being ready.
    async fn reasons(&self) -> Vec<String> {
        let (status, text) = self.get("/readyz").await;
        let readiness: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status == 200, readiness["ready"].as_bool().unwrap(), "{text}");
        let reasons = readiness["reasons"].as_array().unwrap();
        assert!(
            reasons.iter().all(|one| one["hint"].as_str().is_some_and(|hint| !hint.is_empty()))
        );
        reasons.iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
    }

    async fn until_reasons(&self, expected: &[&str]) {
        let begun = Instant::now();
        loop {
            let reasons = self.reasons().await;
            if reasons == expected {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{reasons:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.daemon.await.unwrap();
        // It still answers while the daemon has stopped, and ends last.
        let url = format!("{}/readyz", self.url);
        let last = self.client.get(&url).send().await.unwrap().text().await.unwrap();
        assert!(last.contains("\"stopping\""), "{last}");
        self.server.stop().await;
        assert!(self.client.get(&url).send().await.is_err());
    }
}

fn value(text: &str, parts: &[&str]) -> Option<f64> {
    let (name, labels) = parts.split_first().unwrap();
    let found: Vec<f64> = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    (!found.is_empty()).then(|| found.iter().sum())
}

fn now() -> f64 {
    Timestamp::now().as_duration().as_secs_f64()
}

const FLEET: &str = r#"
[credentials.busy]
username = "etl_prod"
schedule = "*/2 * * * * *"
[credentials.held]
username = "etl_prod"
schedule = "*/2 * * * * *"
gate.command = { command = ["/bin/false"], interval = "1s", successes = 1, deadline = "1s" }
[credentials.quiet]
username = "other_prod"
every = "30d"
ttl = "45d"
[credentials.storeless]
username = "other_prod"
store = "broken"
every = "30d"
ttl = "45d"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_moves_when_what_it_counts_happens() {
    let bench = Bench::new().await;
    bench.foreign_token("other_prod", "made by hand").await;
    let orphan = RotationId::starting_at(Timestamp::now());
    let shown = bench.run(bench.config(FLEET)).await;
    let busy = "credential=\"busy\"";
    for (outcome, trigger) in [("rotated", "first"), ("rotated", "schedule")] {
        let labels = [format!("outcome=\"{outcome}\""), format!("trigger=\"{trigger}\"")];
        let parts = ["pintail_rotations_total", busy, &labels[0], &labels[1]];
        shown.until("a rotation", &parts, |count| count >= 1.0).await;
    }
    let parts = ["pintail_rotations_total", "\"held\"", "trigger=\"schedule\"", "outcome=\"held\""];
    shown.until("a hold", &parts, |count| (count - 1.0).abs() < 0.1).await;
    let parts = ["pintail_rotation_failures_total", "\"held\"", "step=\"gate\"", "cause=\"held\""];
    shown.until("a failing gate", &parts, |count| count >= 1.0).await;
    let parts = ["pintail_rotation_failures_total", "\"storeless\"", "step=\"look\""];
    shown.until("a failing store", &parts, |count| count >= 2.0).await;
    bench.foreign_token("other_prod", &format!("pintail/test/quiet/{orphan}")).await;
    shown.until("an orphan", &["pintail_orphans", "\"quiet\""], |count| count >= 1.0).await;
    let parts = ["pintail_unmanaged_tokens", "account=\"other_prod\""];
    shown.until("an unmanaged token", &parts, |count| (count - 1.0).abs() < 0.1).await;
    let parts = ["pintail_predecessors", "credential=\"held\""];
    shown.until("a predecessor", &parts, |count| (count - 1.0).abs() < 0.1).await;
    for (credential, state) in [("quiet", "fresh"), ("held", "held")] {
        let (credential, state) = (format!("\"{credential}\""), format!("state=\"{state}\""));
        let parts = ["pintail_credential_state", &credential, &state];
        shown.until("a state", &parts, |is_so| is_so > 0.5).await;
    }
    let parts =
        ["pintail_credential_reason", "\"held\"", "\"GateNotPassed\"", "severity=\"warning\""];
    shown.until("a reason", &parts, |is_so| is_so > 0.5).await;
    for (name, least, most) in [
        ("pintail_token_created_timestamp_seconds", -120.0, 5.0),
        ("pintail_last_success_timestamp_seconds", -120.0, 5.0),
        ("pintail_token_expiry_timestamp_seconds", 3_400.0, 3_605.0),
        ("pintail_next_rotation_timestamp_seconds", -120.0, 5.0),
    ] {
        let at = shown.metric(&[name, busy]).await.unwrap() - now();
        assert!((least..most).contains(&at), "{name}: {at}");
    }
    let text = shown.get("/metrics").await.1;
    for (name, label) in [
        ("pintail_rotation_duration_seconds_count", ""),
        ("pintail_step_duration_seconds_count", "step=\"gate\""),
        ("pintail_step_duration_seconds_count", "step=\"seal\""),
        ("pintail_step_duration_seconds_sum", "step=\"create\""),
        ("pintail_motherduck_requests_total", "operation=\"create_token\",status=\"200\""),
        ("pintail_motherduck_requests_total", "operation=\"revoke_token\",status=\"200\""),
        ("pintail_motherduck_requests_total", "operation=\"list_tokens\",status=\"200\""),
        ("pintail_store_requests_total", "store=\"main\",operation=\"publish\",result=\"ok\""),
        ("pintail_store_requests_total", "store=\"main\",operation=\"read\",result=\"ok\""),
        ("pintail_store_requests_total", "store=\"broken\",operation=\"read\""),
        ("pintail_build_info", concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")),
    ] {
        assert!(
            value(&text, &[name, label]).is_some_and(|count| count > 0.0),
            "{name} {label}\n{text}"
        );
    }
    assert!(value(&text, &["pintail_clock_skew_seconds"]).unwrap().abs() < 5.0);
    assert_eq!(value(&text, &["pintail_missed_runs_total"]), Some(0.0));
    assert_eq!(value(&text, &["pintail_worker_restarts_total", "worker=\"server\""]), Some(0.0));
    assert_eq!(value(&text, &["pintail_log_lines_dropped_total"]), Some(0.0));
    shown.until_reasons(&["store_unreachable"]).await;
    assert_eq!(shown.get("/livez").await.0, 200);
    assert_no_secret(&bench, &shown).await;
    shown.stop().await;
}

/// Neither the admin's token nor any that is served stands anywhere.
async fn assert_no_secret(bench: &Bench, shown: &Shown) {
    let mut secrets = vec![std::fs::read_to_string(bench.dir.join("admin")).unwrap()];
    for name in ["busy", "held", "quiet"] {
        let path = bench.dir.join("secrets").join(name).join("token");
        secrets.push(std::fs::read_to_string(path).unwrap());
    }
    for path in ["/", "/?q=held&state=held&sort=age", "/status.json", "/readyz", "/metrics"] {
        let text = shown.get(path).await.1;
        assert!(text.contains("pintail") || text.contains("store"), "{path} shows something");
        assert!(secrets.iter().all(|secret| !text.contains(secret.trim())), "{path}");
    }
    let page = shown.get("/?state=held").await.1;
    assert!(page.contains("the consumers are not healthy with the new token"), "{page}");
    assert!(
        page.contains("account other_prod: ") && page.contains("that nobody manages"),
        "{page}"
    );
    let status: Value = serde_json::from_str(&shown.get("/status.json").await.1).unwrap();
    assert_eq!(status["states"]["held"], 1, "{status:#}");
    assert!(status["rotations"].as_array().is_some_and(|all| !all.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_made_up_for_late_counts_as_missed() {
    let bench = Bench::new().await;
    let half_an_hour = SignedDuration::from_mins(30);
    let instant = (Timestamp::now() - half_an_hour).strftime("%M %H * * *").to_string();
    let config = bench.config(&format!(
        "[credentials.late]\nusername = \"etl_prod\"\nschedule = \"{instant}\"\nttl = \"3d\"\n"
    ));
    let shown = bench.run(config.clone()).await;
    let parts = ["pintail_rotations_total", "\"late\"", "trigger=\"first\""];
    shown.until("the first token", &parts, |count| count >= 1.0).await;
    assert_eq!(shown.metric(&["pintail_missed_runs_total"]).await, Some(0.0));
    shown.stop().await;
    grow_old(&bench.dir.join("secrets/late/record.json"));
    let shown = bench.run(config).await;
    let parts = ["pintail_rotations_total", "\"late\"", "trigger=\"schedule\""];
    shown.until("the late rotation", &parts, |count| count >= 1.0).await;
    shown.until("the missed run", &["pintail_missed_runs_total"], |n| (n - 1.0).abs() < 0.1).await;
    shown.stop().await;
}

/// As if the record had been written two days ago.
fn grow_old(path: &Path) {
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let then = Timestamp::now().checked_sub(SignedDuration::from_hours(48)).unwrap();
    record["pintail"]["rotation_id"] = RotationId::starting_at(then).to_string().into();
    for time in ["created_at", "published_at"] {
        record["pintail"][time] = then.to_string().into();
    }
    std::fs::write(path, record.to_string()).unwrap();
}

const ONE: &str = "[credentials.etl]\nusername = \"etl_prod\"\nevery = \"30d\"\nttl = \"45d\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_admin_token_is_a_reason_until_it_is_replaced() {
    let bench = Bench::new().await;
    let good = std::fs::read(bench.dir.join("admin")).unwrap();
    std::fs::write(bench.dir.join("admin"), "not-the-token").unwrap();
    let shown = bench.run(bench.config(ONE)).await;
    shown.until_reasons(&["admin_token_refused"]).await;
    let parts = ["pintail_motherduck_requests_total", "status=\"401\""];
    assert!(shown.metric(&parts).await.is_some_and(|count| count >= 1.0));
    let parts = ["pintail_credential_state", "\"etl\"", "state=\"blocked\""];
    shown.until("a blocked credential", &parts, |is_so| is_so > 0.5).await;
    assert!(shown.get("/").await.1.contains("does not accept the admin token"));
    std::fs::write(bench.dir.join("admin"), good).unwrap();
    shown.until_reasons(&[]).await;
    shown.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_motherduck_that_is_gone_is_a_reason_and_no_ground_for_a_restart() {
    let bench = Bench::new().await;
    let shown = bench.run(bench.config(ONE)).await;
    let parts = ["pintail_credential_state", "\"etl\"", "state=\"fresh\""];
    shown.until("a fresh credential", &parts, |is_so| is_so > 0.5).await;
    assert_eq!(shown.reasons().await, Vec::<String>::new());
    let Bench { sandbox, _dir, .. } = bench;
    sandbox.stop().await;
    shown.until_reasons(&["motherduck_unreachable"]).await;
    let parts = ["pintail_motherduck_requests_total", "status=\"unconnected\""];
    assert!(shown.metric(&parts).await.is_some_and(|count| count >= 1.0));
    assert_eq!(shown.get("/livez").await.0, 200);
    shown.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_credential_label_a_fleet_of_any_size_has_as_many_series() {
    let bench = Bench::new().await;
    let mut config = (*bench.config(FLEET)).clone();
    let mut server = config.server.clone().unwrap();
    server.credential_label = Some(false);
    config.server = Some(server);
    let shown = bench.run(Arc::new(config)).await;
    let parts = ["pintail_credential_state", "state=\"fresh\""];
    shown.until("two fresh credentials", &parts, |count| count >= 2.0).await;
    let text = shown.get("/metrics").await.1;
    assert!(!text.contains("credential=") && !text.contains("account="), "{text}");
    let states: Vec<_> =
        text.lines().filter(|l| l.starts_with("pintail_credential_state{")).collect();
    assert_eq!(states.len(), 9);
    assert_eq!(value(&text, &["pintail_credential_state"]), Some(4.0));
    let request = shown.client.get(format!("{}/metrics", shown.url));
    let response = request.header("accept", "application/openmetrics-text").send().await.unwrap();
    assert!(
        response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics")
    );
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n") && text.contains("# TYPE pintail_rotations counter"));
    shown.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_shot_run_leaves_its_metrics_in_a_file() {
    let bench = Bench::new().await;
    drop(bench.config(FLEET));
    let file = bench.dir.join("pintail.prom");
    std::fs::write(&file, "old").unwrap();
    let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_pintail"))
        .args(["rotate-now", "quiet", "--config"])
        .arg(bench.dir.join("pintail.toml"))
        .arg("--metrics-file")
        .arg(&file)
        .output();
    let output = run.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let parts =
        ["pintail_rotations_total", "\"quiet\"", "trigger=\"first\"", "outcome=\"rotated\""];
    assert_eq!(value(&text, &parts), Some(1.0));
    // Whose the account's other tokens are is not known to a run that looked at one of its credentials.
    assert_eq!(value(&text, &["pintail_unmanaged_tokens"]), None);
    assert!(!text.contains("\"busy\"") && !text.contains("# EOF"));
    let left: Vec<_> = std::fs::read_dir(&bench.dir).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains("metrics-")));
}
