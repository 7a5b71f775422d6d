//! kill -9 at every boundary between two requests: the next run comes to rest, and the served token always lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::http::Consumer;
use crate::place::Kind;
use crate::relay::{Fate, Relay};
use crate::scene::{ETL, Scene};

/// More requests of one kind than a rotation takes.
const MANY: usize = 12;
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy)]
enum Side {
    Rest,
    Store,
}

/// Kills a rotation before, and after, each request to one side took effect, until a rotation takes no more requests.
fn killed_everywhere(kind: Kind, side: Side) {
    let mut scene = Scene::new(kind);
    scene.first_token();
    let direct = match side {
        Side::Rest => scene.api_url.clone(),
        Side::Store => scene.place.address.clone(),
    };
    let mut kills = 0;
    for at in 0..MANY {
        let mut reached = false;
        for lost in [|| Fate::StallRequest, || Fate::StallReply] {
            let passed = Arc::new(AtomicUsize::new(0));
            let relay = Relay::start(&direct, move |_| {
                if passed.fetch_add(1, Ordering::SeqCst) == at { lost() } else { Fate::Pass }
            });
            let place = match side {
                Side::Rest => &mut scene.api_url,
                Side::Store => &mut scene.place.address,
            };
            place.clone_from(&relay.url);
            let mut running = scene.start(&["--output", "json", "rotate-now", ETL]);
            while running.is_running() && !relay.stalled(Duration::from_millis(20)) {}
            if !running.is_running() {
                continue;
            }
            scene.note(running.kill());
            (reached, kills) = (true, kills + 1);
            let served = scene.served_token();
            assert!(scene.connects(&served), "request {at}: what is served lives");
            let place = match side {
                Side::Rest => &mut scene.api_url,
                Side::Store => &mut scene.place.address,
            };
            place.clone_from(&direct);
            scene.rotate(&[ETL]).came_to(0, "rotated");
            scene.assert_at_rest();
        }
        if !reached {
            break;
        }
    }
    assert!((6..2 * MANY).contains(&kills), "{kills} kills");
}

#[test]
fn a_rotation_killed_at_any_request_to_motherduck_is_finished_by_the_next_run() {
    killed_everywhere(Kind::File, Side::Rest);
}

#[test]
fn a_rotation_killed_at_any_request_to_openbao_is_finished_by_the_next_run() {
    killed_everywhere(Kind::Vault, Side::Store);
}

#[test]
fn a_rotation_killed_at_any_request_to_secrets_manager_is_finished_by_the_next_run() {
    killed_everywhere(Kind::Aws, Side::Store);
}

fn killed_at_the_gate(kind: Kind) {
    let mut scene = Scene::new(kind);
    let old = scene.first_token();
    let (tell, asked) = std::sync::mpsc::channel();
    let consumer = Consumer::start(move |_| {
        let _ = tell.send(());
        503
    });
    scene.defaults = format!(
        "gate.http = {{ url = \"{}\", interval = \"100ms\", successes = 1, deadline = \"1h\" }}",
        consumer.url
    );
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    asked.recv_timeout(PATIENCE).unwrap();
    scene.note(running.kill());
    let new = scene.served_id();
    assert_eq!(scene.live(ETL), [old.clone(), new.clone()].into());

    let healthy = Consumer::healthy();
    scene.defaults = scene.defaults.replace(&consumer.url, &healthy.url);
    let resumed = scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(resumed["token_id"], new.as_str(), "no further token is made");
    assert_eq!(resumed["revoked"], json!([old]));
    scene.assert_at_rest();
}

#[test]
fn a_rotation_killed_at_the_gate_resumes_with_files() {
    killed_at_the_gate(Kind::File);
}

#[test]
fn a_rotation_killed_at_the_gate_resumes_with_openbao() {
    killed_at_the_gate(Kind::Vault);
}

#[test]
fn a_rotation_killed_at_the_gate_resumes_with_secrets_manager() {
    killed_at_the_gate(Kind::Aws);
}

#[test]
fn a_rotation_killed_while_it_proves_the_token_leaves_no_orphan() {
    let scene = Scene::new(Kind::File);
    let old = scene.first_token();
    scene.sandbox.faults(&json!({"fail_next": [{"operation": "connect", "how": "hang"}]}));
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.sandbox.until(|event| event.kind == "request_failed");
    scene.note(running.kill());
    assert_eq!((scene.served_id(), scene.live(ETL).len()), (old, 2), "an orphan, not served");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_at_rest();
}

#[test]
fn a_revocation_that_takes_effect_after_the_crash_does_no_harm() {
    let scene = Scene::new(Kind::File);
    scene.first_token();
    let late = json!({"operation": "token_revoke", "how": "late", "delay": "1s"});
    scene.sandbox.faults(&json!({"fail_next": [late]}));
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.sandbox.until(|event| event.kind == "request_failed");
    scene.note(running.kill());
    scene.rotate(&[ETL]).came_to(0, "rotated");
    let late = |detail: &String| detail.contains("took effect late");
    scene.sandbox.until(|event| event.detail.as_ref().is_some_and(late));
    scene.assert_at_rest();
}
