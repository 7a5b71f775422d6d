//! `pintail check`, and what the daemon counts: each right that is missing is named before it is missed.

use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::http::ask;
use crate::rollouts::scene;
use crate::scene::{ETL, SECRET, Scene, rules};

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_each_right_that_is_missing_and_changes_nothing() {
    let scene = scene!();
    scene.reader(1).await;
    let run = scene.pintail(&["check"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("its workloads can be restarted"), "{run}");
    assert!(scene.get(&scene.core(&format!("secrets/{SECRET}"))).await.is_null());
    scene.first_token();
    let version =
        scene.get(&scene.apps("deployments/reader")).await["metadata"]["generation"].clone();
    for (number, verb, named) in [
        (0, "get", "`get` secrets motherduck-etl-prod in namespace"),
        (0, "create", "`create` secrets in namespace"),
        (0, "patch", "`patch` secrets motherduck-etl-prod-previous in namespace"),
        (1, "get", "`get` deployments reader in namespace"),
        (1, "patch", "`patch` deployments reader in namespace"),
        (2, "list", "`list` pods in namespace"),
    ] {
        let mut rules = rules();
        rules[number]["verbs"].as_array_mut().unwrap().retain(|one| one != verb);
        if rules[number]["verbs"] == json!([]) {
            rules.as_array_mut().unwrap().remove(number);
        }
        let token = scene.plane.account(&scene.namespace, &rules).await;
        std::fs::write(&scene.token_file, token).unwrap();
        let run = scene.pintail(&["check"]);
        assert_eq!(run.code, Some(1), "{verb}: {run}");
        assert!(format!("{}{}", run.stdout, run.stderr).contains(named), "{named}: {run}");
        assert!(format!("{}{}", run.stdout, run.stderr).contains("Role"), "{run}");
    }
    let now = scene.get(&scene.apps("deployments/reader")).await["metadata"]["generation"].clone();
    assert_eq!(now, version, "a check restarts nobody");
}

/// The rules of a Role as it is shipped.
fn shipped_rules(overlay: &str) -> serde_json::Value {
    let file = format!("deploy/kubernetes/overlays/{overlay}/role.yaml");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let role = text.split("\n---").next().unwrap();
    let role: serde_json::Value = serde_saphyr::from_str(role).unwrap();
    role["rules"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_role_is_enough_and_no_rule_of_it_too_much() {
    let mut scene = scene!();
    scene.reader(1).await;
    for name in [SECRET.to_owned(), format!("{SECRET}-previous")] {
        let body = json!({"metadata": {"name": name}});
        scene.plane.done("POST", &scene.core("secrets"), body).await;
    }
    scene.store = "create = false".to_owned();
    let rules = shipped_rules("kubernetes-native");
    let token = scene.plane.account(&scene.namespace, &rules).await;
    std::fs::write(&scene.token_file, token).unwrap();
    let run = scene.pintail(&["check"]);
    assert_eq!(run.code, Some(0), "{run}");
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    scene.assert_settled(1).await;
    for number in 0..rules.as_array().unwrap().len() {
        let mut fewer = rules.clone();
        fewer.as_array_mut().unwrap().remove(number);
        let token = scene.plane.account(&scene.namespace, &fewer).await;
        std::fs::write(&scene.token_file, token).unwrap();
        assert_eq!(scene.pintail(&["check"]).code, Some(1), "{}", rules[number]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_of_a_workload_that_is_not_there_or_does_not_replace_its_pods() {
    let scene = scene!();
    let said = |words: [&str; 2]| {
        let run = scene.pintail(&["check"]);
        assert_eq!(run.code, Some(1), "{run}");
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {run}");
    };
    said(["deployments reader", "404"]);
    scene.reader(1).await;
    scene.patch(&scene.apps("deployments/reader"), json!({"spec": {"paused": true}})).await;
    said(["Deployment reader", "kubectl rollout resume"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_counts_its_requests_and_shows_which_pods_are_awaited() {
    let mut scene = scene!();
    scene.reader(1).await;
    scene.first_token();
    let served = scene.served_id().await;
    scene
        .until("the pod holds it", || {
            scene.kubelet.running().iter().all(|pod| pod.token_id.as_ref() == Some(&served))
        })
        .await;
    scene.kubelet.behave(|manners| manners.lets_go = false);
    let port = crate::servers::closed_port();
    scene.server = format!("listen = \"127.0.0.1:{port}\"");
    scene.credentials[0].1 = "every = \"1s\"\nttl = \"6h\"".to_owned();
    scene.defaults =
        crate::scene::gated("targets = [{ kind = \"Deployment\", name = \"reader\" }]", "2s");
    let running = scene.start(&["run"]);
    let pod = scene.kubelet.running()[0].name.clone();
    let url = format!("http://127.0.0.1:{port}");
    scene
        .until("the page names the pod that lingers", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
                && ask("GET", &format!("{url}/"), "").1.contains(&pod)
        })
        .await;
    let metrics = ask("GET", &format!("{url}/metrics"), "").1;
    for operation in ["get", "list", "patch"] {
        let sample =
            format!("pintail_kubernetes_requests_total{{operation=\"{operation}\",status=\"ok\"}}");
        assert!(metrics.contains(&sample), "{sample}: {metrics}");
    }
    let status = scene.pintail(&["status", ETL]);
    println!("{status}");
    drop(running);
}
