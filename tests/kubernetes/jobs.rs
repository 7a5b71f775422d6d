//! Jobs of a CronJob: none is ended for a rotation, and those that run from before are waited for.

use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::rollouts::scene;
use crate::scene::{ETL, SECRET, Scene, gated};

const LOAD: &str = "targets = [{ kind = \"CronJob\", name = \"load\" }]";

impl Scene {
    /// A CronJob that is never due by itself, and whose Jobs read the Secret.
    async fn cron_job(&self, name: &str) -> Value {
        let container =
            json!({"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": SECRET}}]});
        let pod = json!({
            "containers": [container], "restartPolicy": "Never", "nodeSelector": {"of": self.namespace},
        });
        let body = json!({
            "metadata": {"name": name},
            "spec": {
                "schedule": "0 0 30 2 *",
                "jobTemplate": {"spec": {"template": {"spec": pod}}},
            },
        });
        self.plane.done("POST", &self.batch("v1beta1", "cronjobs"), body).await
    }

    fn batch(&self, version: &str, resource: &str) -> String {
        format!("apis/batch/{version}/namespaces/{}/{resource}", self.namespace)
    }

    /// What `kubectl create job --from cronjob/…` does.
    async fn job(&self, cron_job: &str, name: &str) {
        let path = self.batch("v1beta1", &format!("cronjobs/{cron_job}"));
        let cron_job = self.get(&path).await;
        let owner = json!([{
            "apiVersion": "batch/v1beta1", "kind": "CronJob", "name": cron_job["metadata"]["name"],
            "uid": cron_job["metadata"]["uid"], "controller": true,
        }]);
        let spec = &cron_job["spec"]["jobTemplate"]["spec"];
        let body = json!({"metadata": {"name": name, "ownerReferences": owner}, "spec": spec});
        self.plane.done("POST", &self.batch("v1", "jobs"), body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_is_waited_for_and_one_that_begins_later_is_not() {
    let mut scene = scene!();
    scene.defaults = gated(LOAD, "4s");
    scene.cron_job("load").await;
    let first = scene.first_token();
    let check = scene.pintail(&["check"]);
    assert_eq!(check.code, Some(0), "{check}");
    scene.job("load", "load-1").await;
    scene.until("its pod runs", || scene.kubelet.running().len() == 1).await;
    let run = scene.rotate(&[ETL]);
    let error = run.came_to(3, "held")["error"].as_str().unwrap().to_owned();
    let pod = scene.kubelet.running()[0].name.clone();
    assert!(error.contains("CronJob load") && error.contains(&pod), "{run}");
    assert!(scene.revoked().is_empty(), "it holds a token that lives");
    assert_eq!(scene.kubelet.running()[0].name, pod, "nobody ended it");
    // Another one begins, with the token that is served; the first one comes to its end.
    scene.kubelet.behave(|manners| manners.completes = true);
    scene.until("it ends", || scene.kubelet.running().is_empty()).await;
    scene.kubelet.behave(|manners| manners.completes = false);
    scene.job("load", "load-2").await;
    scene.until("the next one runs", || scene.kubelet.running().len() == 1).await;
    scene.defaults = gated(LOAD, "30s");
    scene.rotate(&["--due", ETL]).came_to(0, "rotated");
    assert!(scene.revoked().contains(&first));
    scene.assert_settled(1).await;
}
