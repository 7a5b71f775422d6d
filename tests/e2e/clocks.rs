//! A clock that is wrong: what MotherDuck's `Date` says, or the times of a token that it made.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::http;
use crate::place::Kind;
use crate::program::Running;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};
use crate::servers::closed_port;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon that looks each second, and where it tells how it stands.
fn daemon(scene: &mut Scene) -> (Running, String) {
    let port = closed_port();
    scene.more = format!("[daemon]\nsweep = \"1s\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n");
    (scene.start(&["run"]), format!("http://127.0.0.1:{port}"))
}

fn status(url: &str) -> Option<Value> {
    let (status, body) =
        std::panic::catch_unwind(|| http::ask("GET", &format!("{url}/status.json"), "")).ok()?;
    (status == 200).then(|| serde_json::from_str(&body).unwrap())
}

/// Waits until the status is as wanted.
fn until(daemon: &mut Running, url: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        assert!(daemon.is_running(), "it has ended");
        if let Some(status) = status(url).filter(|status| wanted(status)) {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "{:#?}", status(url));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the daemon has looked so often.
fn until_listed(scene: &Scene, times: u64) {
    let start = Instant::now();
    while scene.sandbox.count("token_list") < times {
        assert!(start.elapsed() < PATIENCE, "{}", scene.sandbox.requests());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_date_that_is_far_off_makes_no_token_after_token_and_is_said() {
    for off in [100 * DAY, -100 * DAY] {
        let mut scene = Scene::with(Kind::File, &[ETL], &[&format!("--date-off={off}")]);
        let (mut daemon, url) = daemon(&mut scene);
        until_listed(&scene, 8);
        let told = until(&mut daemon, &url, |status| status["clocks_disagree"] == true);
        let wanted = if off > 0 { 2 } else { 1 };
        assert_eq!(scene.sandbox.count("token_create"), wanted, "{off}: {told:#}");
        if off > 0 {
            let credential = &told["credentials"][0];
            assert_eq!(credential["reason"], "ClockDisagrees", "{told:#}");
            assert_eq!(credential["state"], "held", "{told:#}");
        }
        let metrics = http::ask("GET", &format!("{url}/metrics"), "").1;
        assert!(metrics.contains("pintail_clocks_disagree{} 1"), "{metrics}");
        // The proxy that wrote it is mended.
        scene.sandbox.faults(&json!({"date_off": 0}));
        until(&mut daemon, &url, |status| {
            status["clocks_disagree"] == false && status["credentials"][0]["state"] == "fresh"
        });
        daemon.terminate();
        let run = scene.note(daemon.wait());
        assert!(run.stderr.contains("clocks disagree"), "{run}");
        assert_eq!(scene.sandbox.count("token_create"), wanted);
        scene.assert_at_rest();
    }
}

#[test]
fn a_date_that_is_behind_lets_no_served_token_expire() {
    let mut scene = Scene::with(Kind::File, &[ETL], &[&format!("--date-off={}", -2 * HOUR)]);
    scene.calendar = "every = \"30d\"\nttl = \"45d\"\nrenew_before = \"1h\"".into();
    // It lives for five minutes: by a clock that is two hours behind, for much longer than an hour.
    let run = ["--output", "json", "token", "create", ETL, "--name", "by hand", "--ttl", "5m"];
    let made = scene.pintail(&run).document();
    let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let (id, token) = (text("token_id"), text("token"));
    scene.place.write(&scene.clients, ETL, &json!({ "motherduck_token": token }));
    assert_eq!(scene.pintail(&["adopt", ETL, "--token-id", &id]).code, Some(0));
    let replaced = scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    assert_eq!(replaced["revoked"], json!([id]));
    // And its replacement, which lives for long, is left alone.
    scene.rotate(&["--due", ETL]).came_to(0, "not_due");
    scene.assert_at_rest();
}

#[test]
fn an_expiry_that_cannot_be_costs_no_token_after_token() {
    for ends in ["2001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
        let mut scene = Scene::new(Kind::File);
        scene.first_token();
        let mut secret = scene.secret();
        secret["pintail"]["expires_at"] = ends.into();
        secret["pintail"]["renewal_ttl_seconds"] = (45 * DAY).into();
        scene.place.write(&scene.clients, ETL, &Value::Object(secret));
        let listed = scene.sandbox.count("token_list");
        let (mut daemon, url) = daemon(&mut scene);
        until_listed(&scene, listed + 2);
        let told = until(&mut daemon, &url, |status| status["credentials"][0]["state"] == "held");
        let credential = &told["credentials"][0];
        assert_eq!(credential["reason"], "ClockDisagrees", "{told:#}");
        assert_eq!(scene.sandbox.count("token_create"), 1);
        // A person is not held up.
        scene.rotate(&[ETL]).came_to(0, "rotated");
        until(&mut daemon, &url, |status| status["credentials"][0]["state"] == "fresh");
        daemon.terminate();
        scene.note(daemon.wait());
        scene.assert_at_rest();
    }
}

/// A Vault whose answers have a `Date` that is so many seconds ahead of this machine's clock.
fn before_vault(upstream: &str, ahead: &Arc<AtomicI64>) -> Relay {
    let ahead = ahead.clone();
    Relay::start(upstream, move |_| {
        let ahead = SignedDuration::from_secs(ahead.load(Ordering::Relaxed));
        let now = Timestamp::now().saturating_add(ahead).unwrap();
        let date = now.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string();
        Fate::Play(Box::new(move |mut client, pass| {
            let reply = pass()?;
            let end = reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 2;
            let head = String::from_utf8(reply[..end].to_vec()).unwrap();
            let lines = head.split_inclusive("\r\n");
            let kept: String =
                lines.filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
            client.write_all((kept + &date).as_bytes())?;
            client.write_all(&reply[end..])
        }))
    })
}

#[test]
fn a_machine_whose_clock_is_wrong_is_corrected_where_the_store_agrees_with_motherduck() {
    for off in [3 * HOUR, -3 * HOUR] {
        let mut scene = Scene::with(Kind::Vault, &[ETL], &[&format!("--date-off={off}")]);
        let ahead = Arc::new(AtomicI64::new(off));
        let relay = before_vault(&scene.place.address, &ahead);
        scene.place.address.clone_from(&relay.url);
        let (mut daemon, url) = daemon(&mut scene);
        until_listed(&scene, 3);
        let agreed = |status: &Value| {
            status["clocks_disagree"] == false && status["credentials"][0]["state"] == "fresh"
        };
        until(&mut daemon, &url, agreed);
        // As soon as the store agrees with this machine instead, nobody knows who is right.
        ahead.store(0, Ordering::Relaxed);
        until(&mut daemon, &url, |status| status["clocks_disagree"] == true);
        ahead.store(off, Ordering::Relaxed);
        until(&mut daemon, &url, agreed);
        assert_eq!(scene.sandbox.count("token_create"), 1, "{off}");
        daemon.terminate();
        scene.note(daemon.wait());
        scene.assert_at_rest();
    }
}
