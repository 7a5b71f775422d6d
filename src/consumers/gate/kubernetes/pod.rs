//! The pods of a workload, and which of them may still hold a token of before: the judgement, without I/O.

use serde::Deserialize;

use super::workload::{Condition, Workload};
use crate::consumers::gate::settings::WorkloadKind;
use crate::kubernetes::Metadata;

/// How many pods are named.
const NAMED: usize = 5;

/// A pod, as far as pintail reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    reason: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    conditions: Vec<Condition>,
}

impl Pod {
    /// Whether the workload has started it. Only where its controller is certainly another one is it not: a pod too many
    /// holds a rotation up, one too few ends in a dead token.
    pub(super) fn is_of(&self, workload: &Workload, kind: WorkloadKind) -> bool {
        let Some(owner) = self.metadata.controller() else { return true };
        match kind {
            WorkloadKind::Deployment => owner.kind == "ReplicaSet",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                owner.uid == workload.metadata.uid
            }
            WorkloadKind::CronJob => owner.kind == "Job",
        }
    }

    /// Whether anything in it may still run.
    pub(super) fn may_run(&self) -> bool {
        !matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether it was started for this publication.
    pub(super) fn is_for(&self, annotation: &str, publication: &str) -> bool {
        self.metadata.annotations.get(annotation).is_some_and(|text| text == publication)
    }

    /// Its address, if it has one.
    pub(super) fn address(&self) -> Option<std::net::IpAddr> {
        self.status.pod_ip.parse().ok()
    }

    /// Its name, and what keeps it.
    pub(super) fn name(&self) -> String {
        let is_lost = |condition: &Condition| {
            condition.r#type == "Ready"
                && (condition.status == "Unknown" || condition.reason == "NodeLost")
        };
        let name = &self.metadata.name;
        if self.status.reason == "NodeLost" || self.status.conditions.iter().any(is_lost) {
            format!("{name} (its node does not answer)")
        } else if self.metadata.is_going() {
            format!("{name} (terminating)")
        } else {
            name.clone()
        }
    }
}

/// These pods by name, the first few of them.
pub(super) fn named<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Option<String> {
    let names: Vec<_> = pods.into_iter().map(Pod::name).collect();
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        count if count > NAMED => Some(format!("{shown} and {} more", count - NAMED)),
        _ => Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_pod_is_told_with_what_keeps_it() {
        let name = |more: Value, status: Value| {
            let mut metadata = json!({"name": "etl-1"});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            pod(json!({"metadata": metadata, "status": status})).name()
        };
        let going = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        let lost = json!({"conditions": [{"type": "Ready", "status": "Unknown"}]});
        assert_eq!(name(json!({}), json!({"phase": "Running"})), "etl-1");
        assert_eq!(name(going.clone(), json!({})), "etl-1 (terminating)");
        assert_eq!(name(going, lost), "etl-1 (its node does not answer)");
    }

    #[test]
    fn a_pod_of_another_controller_is_not_counted_and_one_without_any_is() {
        let owned = |kind: &str, uid: &str| {
            let owner = json!({"kind": kind, "name": "x", "uid": uid, "controller": true});
            pod(json!({"metadata": {"ownerReferences": [owner]}}))
        };
        let mut workload = Workload::default();
        workload.metadata.uid = "u".to_owned();
        let (deployment, set) = (WorkloadKind::Deployment, WorkloadKind::StatefulSet);
        assert!(
            Pod::default().is_of(&workload, deployment) && Pod::default().is_of(&workload, set)
        );
        assert!(owned("ReplicaSet", "r").is_of(&workload, deployment));
        assert!(!owned("Job", "j").is_of(&workload, deployment));
        assert!(owned("StatefulSet", "u").is_of(&workload, set));
        assert!(!owned("StatefulSet", "v").is_of(&workload, set));
    }

    #[test]
    fn a_pod_that_has_ended_holds_nothing() {
        let may_run = |phase: &str| pod(json!({"status": {"phase": phase}})).may_run();
        assert!(may_run("Running") && may_run("Pending") && may_run("Unknown"));
        assert!(!may_run("Succeeded") && !may_run("Failed"));
    }

    #[test]
    fn a_few_pods_are_named_and_the_rest_counted() {
        let pods: Vec<_> =
            (0..7).map(|n| pod(json!({"metadata": {"name": format!("p{n}")}}))).collect();
        assert_eq!(named(&pods).unwrap(), "p0, p1, p2, p3, p4 and 2 more");
        assert_eq!(named(&pods[..2]).unwrap(), "p0, p1");
        assert_eq!(named(&[]), None);
    }
}
