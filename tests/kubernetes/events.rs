//! Events on the workloads: what became of their token, once each, and no rotation depends on it.

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::rollouts::scene;
use crate::scene::{ETL, Scene, gated, rules};

const READER: &str = "targets = [{ kind = \"Deployment\", name = \"reader\" }], events = true";

impl Scene {
    /// The events of pintail, as reason and message.
    async fn told(&self) -> Vec<(String, String)> {
        let events = self.get(&self.core("events")).await;
        let ours = events["items"].as_array().unwrap().iter().filter(|event| {
            event["source"]["component"] == "pintail" && event["involvedObject"]["name"] == "reader"
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        ours.map(|event| (text(&event["reason"]), text(&event["message"]))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_held_and_revoked_is_told_on_the_workload_once() {
    let mut scene = scene!();
    scene.defaults = gated(READER, "3s");
    scene.reader(1).await;
    let first = scene.first_token();
    scene.until_settled(1).await;
    scene.kubelet.behave(|manners| manners.lets_go = false);
    scene.rotate(&[ETL]).came_to(3, "held");
    scene.rotate(&["--due", ETL]).came_to(3, "held");
    let second = scene.served_id().await;
    scene.kubelet.behave(|manners| manners.lets_go = true);
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    let told = scene.told().await;
    let count = |reason: &str, id: &str| {
        told.iter().filter(|(is, message)| is == reason && message.contains(id)).count()
    };
    assert_eq!(count("TokenServed", &first), 1, "{told:#?}");
    assert_eq!(count("TokenServed", &second), 1, "{told:#?}");
    assert_eq!(count("TokenHeld", &second), 1, "{told:#?}");
    assert_eq!(count("TokenRevoked", &first), 1, "{told:#?}");
    let held = told.iter().find(|(reason, _)| reason == "TokenHeld").unwrap();
    assert!(held.1.contains("pods from before are left"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_it_nothing_is_told_and_all_goes_on_and_a_check_names_it() {
    let mut scene = scene!();
    scene.defaults = gated(READER, "30s");
    scene.reader(1).await;
    let mut rules = rules();
    rules.as_array_mut().unwrap().retain(|rule| rule["resources"] != serde_json::json!(["events"]));
    let token = scene.plane.account(&scene.namespace, &rules).await;
    std::fs::write(&scene.token_file, token).unwrap();
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(1), "{check}");
    assert!(check.stdout.contains("`create` events in namespace"), "{check}");
    scene.first_token();
    scene.rotate(&[ETL]).came_to(0, "rotated");
    assert_eq!(scene.told().await, []);
    // Nor where nobody asked for it.
    scene.defaults = gated(READER, "30s").replace("events = true", "events = false");
    assert_eq!(scene.pintail(&["check"]).code, Some(0));
}
