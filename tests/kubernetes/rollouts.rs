//! Restarts of every kind, and what holds them: no token is revoked while a pod may hold it.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::scene::{ETL, Scene, gated};

/// The scene, if there is a control plane.
macro_rules! scene {
    () => {
        scene!(&[ETL])
    };
    ($accounts:expr) => {{
        if !ControlPlane::is_there() {
            return;
        }
        Scene::with($accounts).await
    }};
}
pub(crate) use scene;

const WHOLE: &str = "targets = [
    { kind = \"Deployment\", name = \"reader\" },
    { kind = \"StatefulSet\", name = \"ordered\" },
    { kind = \"DaemonSet\", name = \"everywhere\" },
]";

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_restarts_workloads_of_all_kinds_and_revokes_when_no_pod_of_before_is_left() {
    let mut scene = scene!();
    // TOML's inline tables stand on one line.
    scene.defaults = gated(&WHOLE.replace('\n', " "), "60s");
    scene.workload("Deployment", "reader", json!({"replicas": 3})).await;
    scene.workload("StatefulSet", "ordered", json!({"replicas": 2, "serviceName": "x"})).await;
    scene.workload("DaemonSet", "everywhere", json!({})).await;
    scene.until("six pods run", || scene.kubelet.running().len() == 6).await;
    let first = scene.first_token();
    scene
        .until("six pods hold it", || {
            let running = scene.kubelet.running();
            running.len() == 6 && running.iter().all(|pod| pod.token_id.as_ref() == Some(&first))
        })
        .await;
    let run = scene.rotate(&[ETL]);
    let result = run.came_to(0, "rotated").clone();
    assert_eq!(result["revoked"], json!([first]), "{run}");
    scene.assert_settled(6).await;
    // A pod has the token from the Secret, and one annotation of the credential's own.
    for pod in scene.kubelet.running() {
        let ours: Vec<_> =
            pod.annotations.iter().filter(|(key, _)| key.starts_with("pintail.dev/")).collect();
        assert_eq!(ours.len(), 1, "{pod:?}");
        assert!(ours[0].1.starts_with(result["token_id"].as_str().unwrap()), "{pod:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_on_one_deployment_restart_it_once_and_do_not_overwrite_one_another() {
    let scene = scene!(&[ETL, "etl_read"]);
    let secrets = [crate::scene::SECRET, "motherduck-etl-read"];
    let read = secrets.map(|name| json!({"secretRef": {"name": name}}));
    let container = json!({"name": "c", "image": "i", "envFrom": read});
    scene.reader(2).await;
    let spec = json!({"template": {"spec": {"containers": [container]}}});
    scene.patch(&scene.apps("deployments/reader"), json!({ "spec": spec })).await;
    let run = scene.rotate(&["--all"]);
    assert_eq!(run.code, Some(0), "{run}");
    let ours = |pod: &crate::kubelet::Running| {
        pod.annotations.keys().filter(|key| key.starts_with("pintail.dev/")).count()
    };
    scene
        .until("two pods run, restarted for both", || {
            let running = scene.kubelet.running();
            running.len() == 2 && running.iter().all(|pod| ours(pod) == 2)
        })
        .await;
    let before = scene.kubelet.started();
    let run = scene.rotate(&["--all"]);
    assert_eq!(run.code, Some(0), "{run}");
    let running = scene.kubelet.running();
    assert_eq!(running.len(), 2, "{running:?}");
    assert!(running.iter().all(|pod| ours(pod) == 2), "{running:?}");
    assert_eq!(scene.kubelet.started() - before, 2, "each pod was replaced once");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_before_that_linger_hold_the_gate_although_kubectl_would_call_it_rolled_out() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "4s");
    scene.reader(2).await;
    let first = scene.first_token();
    scene
        .until("two pods hold it", || {
            scene
                .kubelet
                .running()
                .iter()
                .filter(|pod| pod.token_id.as_ref() == Some(&first))
                .count()
                == 2
                && scene.kubelet.running().len() == 2
        })
        .await;
    scene.kubelet.behave(|manners| manners.lets_go = false);
    let run = scene.rotate(&[ETL]);
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("pods from before are left") && error.contains("(terminating)"),
        "{run}"
    );
    let status = scene.get(&scene.apps("deployments/reader")).await["status"].clone();
    assert_eq!(status["updatedReplicas"], 2, "{status}");
    assert_eq!(status["replicas"], 2, "kubectl calls it rolled out: {status}");
    assert!(scene.revoked().is_empty(), "the pods that linger hold a token that lives");
    scene.kubelet.behave(|manners| manners.lets_go = true);
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    scene.assert_settled(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_replace_its_pods_is_held_by_name() {
    let mut scene = scene!();
    scene.reader(1).await;
    scene
        .workload(
            "StatefulSet",
            "manual",
            json!({
                "replicas": 1, "serviceName": "x", "updateStrategy": {"type": "OnDelete"},
            }),
        )
        .await;
    scene
        .workload(
            "StatefulSet",
            "parted",
            json!({
                "replicas": 2, "serviceName": "x",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            }),
        )
        .await;
    scene.first_token();
    let reader = scene.apps("deployments/reader");
    scene.patch(&reader, json!({"spec": {"paused": true}})).await;
    for (kind, name, word) in [
        ("Deployment", "reader", "is paused"),
        ("StatefulSet", "manual", "OnDelete"),
        ("StatefulSet", "parted", "partition"),
    ] {
        let target = format!("targets = [{{ kind = \"{kind}\", name = \"{name}\" }}]");
        scene.defaults = gated(&target, "1s");
        let run = scene.rotate(&[ETL]);
        let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
        assert!(error.contains(word) && error.contains(name), "{run}");
        assert!(scene.revoked().is_empty());
    }
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "30s");
    scene.patch(&reader, json!({"spec": {"paused": false}})).await;
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_without_pods_passes() {
    let scene = scene!();
    scene.reader(0).await;
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_change_in_the_middle_are_waited_for() {
    let scene = scene!();
    scene.reader(1).await;
    scene.first_token();
    scene.kubelet.behave(|manners| manners.readies = false);
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    let served = scene.served_id().await;
    let start = std::time::Instant::now();
    while scene.served_id().await == served {
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.patch(&scene.apps("deployments/reader"), json!({"spec": {"replicas": 4}})).await;
    scene.kubelet.behave(|manners| manners.readies = true);
    tokio::task::block_in_place(|| running.wait()).came_to(0, "rotated");
    scene.until("four pods run", || scene.kubelet.running().len() == 4).await;
    scene.assert_settled(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_never_gets_ready_is_rolled_back_and_its_late_pods_are_waited_for() {
    let mut scene = scene!();
    let targets = "targets = [{ kind = \"Deployment\", name = \"reader\" }]";
    scene.defaults = gated(targets, "3s");
    scene.reader(2).await;
    let first = scene.first_token();
    scene
        .until("two pods hold it", || {
            let running = scene.kubelet.running();
            running.len() == 2 && running.iter().all(|pod| pod.token_id.as_ref() == Some(&first))
        })
        .await;
    // A pod of the failed template is not even started.
    scene.kubelet.behave(|manners| manners.starts = false);
    scene.defaults.push_str("\non_failure = \"roll_back\"");
    let run = scene.rotate(&[ETL]);
    run.came_to(3, "held");
    assert!(scene.revoked().is_empty(), "{run}");
    // It starts after all, with whatever is in the Secret by then; nothing that it could hold was revoked.
    scene.kubelet.behave(|manners| manners.starts = true);
    scene.defaults = gated(targets, "30s");
    let run = scene.rotate(&["--due", ETL]);
    run.came_to(3, "rolled_back");
    assert_eq!(scene.served_id().await, first);
    scene.assert_settled(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_that_somebody_takes_away_is_named_and_holds() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "4s");
    scene.reader(1).await;
    scene.first_token();
    let reader = scene.apps("deployments/reader");
    let template = scene.get(&reader).await["spec"]["template"].clone();
    let annotation =
        template["metadata"]["annotations"].as_object().unwrap().keys().next().unwrap().clone();
    let before = template["metadata"]["annotations"][&annotation].clone();
    scene.kubelet.behave(|manners| manners.readies = false);
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    let start = std::time::Instant::now();
    while scene.get(&reader).await["spec"]["template"]["metadata"]["annotations"][&annotation]
        == before
    {
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let gone = json!({"spec": {"template": {"metadata": {"annotations": {annotation: null}}}}});
    scene.patch(&reader, gone).await;
    scene.kubelet.behave(|manners| manners.readies = true);
    let run = tokio::task::block_in_place(|| running.wait());
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("somebody has changed or removed it"), "{run}");
    assert!(scene.revoked().is_empty());
    // The next run restarts it.
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    scene.assert_settled(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_takes_whatever_has_its_labels() {
    let mut scene = scene!();
    scene.defaults = gated("targets = [{ selector = \"app in (reader, ordered)\" }]", "30s");
    scene.workload("Deployment", "reader", json!({"replicas": 1})).await;
    scene.workload("StatefulSet", "ordered", json!({"replicas": 1, "serviceName": "x"})).await;
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(2).await;
    scene.defaults = gated("targets = [{ selector = \"app=none\" }]", "1s");
    let run = scene.rotate(&[ETL]);
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("app=none"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_whose_time_is_over_is_told_at_once_and_a_pod_of_a_lost_node_is_named() {
    let mut scene = scene!();
    let targets = "targets = [{ kind = \"Deployment\", name = \"reader\" }]";
    scene.defaults = gated(targets, "60s");
    let spec = json!({"replicas": 1, "progressDeadlineSeconds": 2});
    scene.workload("Deployment", "reader", spec).await;
    scene.until("a pod runs", || scene.kubelet.running().len() == 1).await;
    let first = scene.first_token();
    scene.until_settled(1).await;
    scene.kubelet.behave(|manners| manners.readies = false);
    let running = scene.start(&["--output", "json", "rotate-now", ETL]);
    scene.until_served_anew(&first).await;
    // Whoever looks is told what it waits for, long before the gate's deadline.
    let seen = |word: &str| {
        let run = scene.pintail(&["--output", "json", "status", ETL]);
        let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let awaits = shown["credentials"][0]["awaits"].as_str().unwrap_or_default().to_owned();
        awaits.contains(word)
    };
    scene.until("its time is over", || seen("ProgressDeadlineExceeded")).await;
    scene.kubelet.behave(|manners| (manners.readies, manners.lets_go) = (true, false));
    scene.until("the pod of before is left", || seen("pods from before are left")).await;
    let pods = scene.get(&scene.core("pods")).await;
    let pods = pods["items"].as_array().unwrap();
    let old = pods.iter().find(|pod| pod["metadata"]["deletionTimestamp"].is_string()).unwrap();
    let old = old["metadata"]["name"].as_str().unwrap();
    let lost = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    scene.patch(&scene.core(&format!("pods/{old}/status")), lost).await;
    assert!(seen(&format!("{old} (its node does not answer)")));
    let text = scene.pintail(&["status", ETL]);
    assert!(text.stderr.contains(old), "{text}");
    scene.kubelet.behave(|manners| manners.lets_go = true);
    tokio::task::block_in_place(|| running.wait()).came_to(0, "rotated");
    assert_eq!(scene.pintail(&["status", ETL]).stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_token_lives_until_the_last_pod_that_holds_it_is_gone() {
    let mut scene = scene!();
    let targets = "targets = [{ kind = \"Deployment\", name = \"reader\" }]";
    scene.defaults = gated(targets, "4s") + "\non_failure = \"roll_back\"";
    scene.reader(2).await;
    let first = scene.first_token();
    scene.until_settled(2).await;
    // The pods of the failed template start, hold its token, never get ready, and do not end.
    scene.kubelet.behave(|manners| (manners.readies, manners.lets_go) = (false, false));
    let run = scene.rotate(&[ETL]);
    run.came_to(3, "held");
    assert_eq!(scene.served_id().await, first, "{run}");
    let holds_another = |pod: &crate::kubelet::Running| pod.token_id.as_ref() != Some(&first);
    assert!(scene.kubelet.running().iter().any(holds_another), "{run}");
    assert!(scene.revoked().is_empty(), "{run}");
    scene.kubelet.behave(|manners| (manners.readies, manners.lets_go) = (true, true));
    scene.defaults = gated(targets, "30s") + "\non_failure = \"roll_back\"";
    scene.rotate(&["--due", ETL]).came_to(3, "rolled_back");
    assert_eq!(scene.revoked().len(), 1);
    scene.assert_settled(2).await;
}
