//! What proves that the Secret is new before anybody restarts, and that each pod uses its token.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::rollouts::scene;
use crate::scene::{ETL, Scene, gated};

const READER: &str = "targets = [{ kind = \"Deployment\", name = \"reader\" }]";

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_was_started_with_an_old_secret_holds_where_pods_are_asked() {
    let mut scene = scene!();
    let port = crate::servers::closed_port();
    scene.kubelet.behave(|manners| manners.answers_at = Some(port));
    let asked = |deadline: &str| {
        let asked =
            format!("pods.http = {{ port = {port}, path = \"/token/{{token_id}}\" }}, interval");
        gated(READER, deadline).replace("interval", &asked)
    };
    scene.defaults = asked("30s");
    scene.reader(2).await;
    let first = scene.first_token();
    scene.until_settled(2).await;
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(2).await;
    // The new pods get what was in the Secret at first: all that Kubernetes says of them is well.
    scene.kubelet.behave(|manners| manners.is_stale = true);
    scene.defaults = asked("4s");
    let before = scene.revoked();
    let run = scene.rotate(&[ETL]);
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("answers 503"), "{run}");
    let name = &scene.kubelet.running()[0].name;
    assert!(error.contains(name.as_str()), "{run}");
    assert_eq!(scene.revoked(), before, "not even the one before is revoked");
    assert!(before.contains(&first));
    // The node looks again, and somebody replaces the pods.
    scene.kubelet.behave(|manners| manners.is_stale = false);
    for pod in scene.kubelet.running() {
        scene.plane.done("DELETE", &scene.core(&format!("pods/{}", pod.name)), json!({})).await;
    }
    scene.defaults = asked("30s");
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    scene.assert_settled(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_reads_another_secret_is_not_restarted_unless_something_else_proves_it() {
    let mut scene = scene!();
    let reads = |secret: &str| {
        let container =
            json!({"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": secret}}]});
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    };
    scene.reader(1).await;
    scene.first_token();
    let reader = scene.apps("deployments/reader");
    scene.patch(&reader, reads("another")).await;
    scene.until("it is replaced", || scene.kubelet.running().len() == 1).await;
    scene.defaults = gated(READER, "1s");
    let words = "does not read Secret motherduck-etl-prod";
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(1), "{check}");
    assert!(check.stdout.contains(words), "{check}");
    let before = scene.get(&reader).await["metadata"]["generation"].clone();
    let run = scene.rotate(&[ETL]);
    assert!(run.came_to(3, "held")["error"].as_str().unwrap().contains(words), "{run}");
    assert_eq!(scene.get(&reader).await["metadata"]["generation"], before);
    assert!(scene.revoked().is_empty());
    // By another name: somebody copies it, and pintail waits for the copy.
    let token = scene.secret().await["motherduck_token"].clone();
    let copy = json!({"metadata": {"name": "another"}, "stringData": {"motherduck_token": token}});
    scene.plane.done("POST", &scene.core("secrets"), copy).await;
    let after = format!("{READER}, after_secret = {{ name = \"another\" }}");
    scene.defaults = gated(&after, "30s");
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    // Or it is the one after all.
    scene.patch(&reader, reads(crate::scene::SECRET)).await;
    scene.defaults = gated(READER, "30s");
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restart_comes_only_when_the_change_has_settled() {
    let mut scene = scene!();
    scene.reader(1).await;
    let first = scene.first_token();
    scene.until_settled(1).await;
    scene.defaults = gated(READER, "60s").replace("settle = \"0s\"", "settle = \"5s\"");
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.until_served_anew(&first).await;
    let (changed, before) = (std::time::Instant::now(), scene.kubelet.started());
    scene.until("it restarts", || scene.kubelet.started() > before).await;
    // The Secret was seen to be new a little after it was.
    assert!(changed.elapsed() > Duration::from_secs(4), "{:?}", changed.elapsed());
    tokio::task::block_in_place(|| running.wait()).came_to(0, "rotated");
    scene.assert_settled(1).await;
}
