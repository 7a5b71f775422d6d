//! A workload as the API server shows it, and how far its restart has come: the judgement, without I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::publication::Publication;
use crate::consumers::gate::settings::WorkloadKind;
use crate::kubernetes::Metadata;

/// A Deployment, a StatefulSet, a DaemonSet or a CronJob, as far as pintail reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Workload {
    pub(super) metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    replicas: Option<i64>,
    paused: bool,
    selector: Selector,
    template: Template,
    update_strategy: UpdateStrategy,
    job_template: JobTemplate,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct JobTemplate {
    spec: JobSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct JobSpec {
    template: Template,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMetadata,
    spec: PodSpec,
}

/// What of a pod may refer to Secrets. The rest is somebody else's, and may be anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Vec<Value>,
    init_containers: Vec<Value>,
    volumes: Vec<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UpdateStrategy {
    r#type: String,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    ready_replicas: i64,
    available_replicas: i64,
    current_revision: String,
    update_revision: String,
    desired_number_scheduled: i64,
    current_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_available: i64,
    conditions: Vec<Condition>,
}

/// A condition of a workload or a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    pub(super) r#type: String,
    pub(super) status: String,
    pub(super) reason: String,
}

/// Why a restart cannot do what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unfit {
    /// What is in the way.
    pub(super) why: &'static str,
    /// What a person can do, the workload's name to be put behind it.
    pub(super) remedy: &'static str,
}

impl Workload {
    /// The publication that its pods are started for.
    pub(super) fn annotated(&self, kind: WorkloadKind, annotation: &str) -> Option<&str> {
        self.template(kind).metadata.annotations.get(annotation).map(String::as_str)
    }

    /// The publication that its pods are started for, if that is one.
    pub(super) fn publication(&self, kind: WorkloadKind, annotation: &str) -> Option<Publication> {
        Publication::parse(self.annotated(kind, annotation)?)
    }

    /// The Secrets that its pods refer to, by variables or by volumes.
    pub(super) fn secrets(&self, kind: WorkloadKind) -> BTreeSet<&str> {
        let PodSpec { containers, init_containers, volumes } = &self.template(kind).spec;
        let all = |of: &'static str, one: &'static str| {
            let containers = containers.iter().chain(init_containers);
            containers
                .filter_map(move |it| it.get(of)?.as_array())
                .flatten()
                .filter_map(move |it| it.pointer(one).and_then(Value::as_str))
        };
        let whole = volumes.iter().filter_map(|it| it.pointer("/secret/secretName"));
        let parts = volumes
            .iter()
            .filter_map(|it| it.pointer("/projected/sources")?.as_array())
            .flatten()
            .filter_map(|it| it.pointer("/secret/name"));
        all("envFrom", "/secretRef/name")
            .chain(all("env", "/valueFrom/secretKeyRef/name"))
            .chain(whole.chain(parts).filter_map(Value::as_str))
            .collect()
    }

    fn template(&self, kind: WorkloadKind) -> &Template {
        match kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                &self.spec.template
            }
            WorkloadKind::CronJob => &self.spec.job_template.spec.template,
        }
    }

    /// The labels by which its pods are found.
    pub(super) fn selector(&self) -> String {
        let Selector { match_labels, match_expressions } = &self.spec.selector;
        let labels = match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = match_expressions.iter().map(|Expression { key, operator, values }| {
            match operator.as_str() {
                "In" => format!("{key} in ({})", values.join(",")),
                "NotIn" => format!("{key} notin ({})", values.join(",")),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        });
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }

    /// Whether no pod is wanted.
    pub(super) fn wants_no_pods(&self, kind: WorkloadKind) -> bool {
        match kind {
            WorkloadKind::Deployment | WorkloadKind::StatefulSet => self.spec.replicas == Some(0),
            WorkloadKind::DaemonSet => self.status.desired_number_scheduled == 0,
            WorkloadKind::CronJob => false,
        }
    }

    /// What keeps a change of its template from reaching all of its pods.
    pub(super) fn unfit(&self, kind: WorkloadKind) -> Option<Unfit> {
        let strategy = &self.spec.update_strategy;
        let partition = strategy.rolling_update.as_ref().and_then(|update| update.partition);
        if self.metadata.is_going() {
            Some(Unfit {
                why: "is being deleted",
                remedy: "take it out of `deploy.kubernetes`: kubectl get",
            })
        } else if self.spec.paused {
            Some(Unfit {
                why: "is paused, so that its pods are not replaced",
                remedy: "kubectl rollout resume",
            })
        } else if kind != WorkloadKind::Deployment && strategy.r#type == "OnDelete" {
            Some(Unfit {
                why: "has the update strategy OnDelete, so that its pods are not replaced",
                remedy: "set its updateStrategy to RollingUpdate, or delete its pods by hand: kubectl edit",
            })
        } else if partition.is_some_and(|partition| partition > 0) {
            Some(Unfit {
                why: "has a partition, so that some of its pods are not replaced",
                remedy: "set updateStrategy.rollingUpdate.partition to 0: kubectl edit",
            })
        } else {
            None
        }
    }

    /// What is missing until the restart is complete in the terms of its kind, whatever its pods are.
    pub(super) fn missing(&self, kind: WorkloadKind) -> Option<String> {
        let (spec, status) = (&self.spec, &self.status);
        if status.observed_generation < self.metadata.generation {
            return Some("the restart has not been noticed yet".to_owned());
        }
        let wanted = spec.replicas.unwrap_or(1);
        let of = |what: &str, count: i64, wanted: i64| {
            (count < wanted).then(|| format!("{count} of {wanted} pods are {what}"))
        };
        match kind {
            WorkloadKind::Deployment => {
                let overdue =
                    |condition: &Condition| condition.reason == "ProgressDeadlineExceeded";
                if status.conditions.iter().any(overdue) {
                    return Some(format!(
                        "ProgressDeadlineExceeded: {} of {wanted} new pods are available",
                        status.available_replicas.min(status.updated_replicas)
                    ));
                }
                of("new", status.updated_replicas, wanted)
                    .or_else(|| {
                        let old = status.replicas - status.updated_replicas;
                        (old > 0).then(|| format!("{old} old pods are left"))
                    })
                    .or_else(|| of("available", status.available_replicas, wanted))
            }
            WorkloadKind::StatefulSet => of("new", status.updated_replicas, wanted)
                .filter(|_| status.current_revision != status.update_revision)
                .or_else(|| of("ready", status.ready_replicas, wanted))
                .or_else(|| {
                    (status.current_revision != status.update_revision)
                        .then(|| "its revision is not yet the current one".to_owned())
                }),
            WorkloadKind::DaemonSet => {
                let wanted = status.desired_number_scheduled;
                of("new", status.updated_number_scheduled, wanted)
                    .or_else(|| of("scheduled", status.current_number_scheduled, wanted))
                    .or_else(|| of("available", status.number_available, wanted))
            }
            // Its pods are those of its Jobs, and come when they are due.
            WorkloadKind::CronJob => None,
        }
    }
}

/// The change of a workload's specification that puts these annotations on the pods that it starts from then on.
pub(super) fn change(kind: WorkloadKind, annotations: &Map<String, Value>) -> Value {
    let template = json!({ "template": {"metadata": {"annotations": annotations}} });
    match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => template,
        WorkloadKind::CronJob => json!({ "jobTemplate": {"spec": template} }),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn workload(value: Value) -> Workload {
        serde_json::from_value(value).unwrap()
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that values are written where they are used"
    )]
    fn deployment(spec: Value, status: Value) -> Workload {
        workload(json!({"metadata": {"generation": 2}, "spec": spec, "status": status}))
    }

    #[test]
    fn a_deployment_is_complete_when_every_wanted_pod_is_new_and_available_and_no_old_one_is_left()
    {
        let at = |observed: i64, replicas: i64, updated: i64, available: i64| {
            deployment(
                json!({"replicas": 3}),
                json!({
                    "observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated,
                    "availableReplicas": available,
                }),
            )
            .missing(WorkloadKind::Deployment)
        };
        // What the answer to the restart itself looks like.
        assert!(at(1, 3, 3, 3).unwrap().contains("not been noticed"));
        assert_eq!(at(2, 3, 1, 3).unwrap(), "1 of 3 pods are new");
        assert_eq!(at(2, 4, 3, 3).unwrap(), "1 old pods are left");
        assert_eq!(at(2, 3, 3, 2).unwrap(), "2 of 3 pods are available");
        assert_eq!(at(2, 3, 3, 3), None);
        let overdue = json!({
            "observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3,
            "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
        });
        let overdue = deployment(json!({"replicas": 3}), overdue).missing(WorkloadKind::Deployment);
        assert!(overdue.unwrap().starts_with("ProgressDeadlineExceeded"));
        let none = deployment(json!({"replicas": 0}), json!({"observedGeneration": 2}));
        assert_eq!(none.missing(WorkloadKind::Deployment), None);
        assert!(none.wants_no_pods(WorkloadKind::Deployment));
    }

    #[test]
    fn a_stateful_set_is_complete_when_its_revision_is_the_current_one_and_its_pods_are_ready() {
        let at = |current: &str, updated: i64, ready: i64| {
            deployment(
                json!({"replicas": 2}),
                json!({
                    "observedGeneration": 2, "replicas": 2, "updatedReplicas": updated, "readyReplicas": ready,
                    "currentRevision": current, "updateRevision": "b",
                }),
            )
            .missing(WorkloadKind::StatefulSet)
        };
        assert_eq!(at("a", 1, 2).unwrap(), "1 of 2 pods are new");
        assert_eq!(at("a", 2, 1).unwrap(), "1 of 2 pods are ready");
        assert!(at("a", 2, 2).is_some());
        assert_eq!(at("b", 0, 2), None, "some versions count none as updated once all are");
    }

    #[test]
    fn a_daemon_set_is_complete_when_each_node_has_a_new_and_available_pod() {
        let at = |updated: i64, available: i64| {
            deployment(
                json!({}),
                json!({
                    "observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
                    "updatedNumberScheduled": updated, "numberAvailable": available,
                }),
            )
            .missing(WorkloadKind::DaemonSet)
        };
        assert_eq!(at(1, 2).unwrap(), "1 of 2 pods are new");
        assert_eq!(at(2, 1).unwrap(), "1 of 2 pods are available");
        assert_eq!(at(2, 2), None);
    }

    #[test]
    fn what_does_not_replace_its_pods_is_unfit() {
        let unfit = |kind, spec: Value| deployment(spec, json!({})).unfit(kind).map(|it| it.why);
        let (paused, on_delete) =
            (json!({"paused": true}), json!({"updateStrategy": {"type": "OnDelete"}}));
        let partition =
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
        let rolling =
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}});
        assert!(unfit(WorkloadKind::Deployment, paused).unwrap().contains("paused"));
        assert!(unfit(WorkloadKind::StatefulSet, on_delete.clone()).unwrap().contains("OnDelete"));
        assert!(unfit(WorkloadKind::DaemonSet, on_delete).unwrap().contains("OnDelete"));
        assert!(unfit(WorkloadKind::StatefulSet, partition).unwrap().contains("partition"));
        assert_eq!(unfit(WorkloadKind::StatefulSet, rolling), None);
        assert_eq!(unfit(WorkloadKind::Deployment, json!({})), None);
    }

    #[test]
    fn a_workload_reads_the_secrets_that_its_pods_refer_to_in_any_way() {
        let pod = json!({
            "containers": [
                {"envFrom": [{"secretRef": {"name": "a"}}, {"configMapRef": {"name": "no"}}]},
                {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}, {"name": "Y"}]},
            ],
            "initContainers": [{"envFrom": [{"secretRef": {"name": "c"}}]}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "d"}},
                {"name": "w", "projected": {"sources": [{"secret": {"name": "e"}}, {"configMap": {"name": "no"}}]}},
                {"name": "x", "emptyDir": {}},
            ],
        });
        let template = json!({ "spec": pod });
        let whole = deployment(json!({ "template": template }), json!({}));
        let named: Vec<_> = whole.secrets(WorkloadKind::Deployment).into_iter().collect();
        assert_eq!(named, ["a", "b", "c", "d", "e"]);
        let cron_job =
            deployment(json!({"jobTemplate": {"spec": {"template": template}}}), json!({}));
        assert_eq!(cron_job.secrets(WorkloadKind::CronJob).len(), 5);
        assert!(cron_job.secrets(WorkloadKind::Deployment).is_empty());
    }

    #[test]
    fn a_change_reaches_the_pods_that_are_started_from_then_on() {
        for kind in [WorkloadKind::StatefulSet, WorkloadKind::CronJob] {
            let annotations = json!({"pintail.dev/x": "y"});
            let change = change(kind, annotations.as_object().unwrap());
            let changed = workload(json!({ "spec": change }));
            assert_eq!(changed.annotated(kind, "pintail.dev/x"), Some("y"));
        }
    }

    #[test]
    fn pods_are_found_by_all_that_the_selector_says() {
        let selector = json!({
            "matchLabels": {"app": "etl", "tier": "x"},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["1", "2"]},
                {"key": "b", "operator": "NotIn", "values": ["3"]},
                {"key": "c", "operator": "Exists"},
                {"key": "d", "operator": "DoesNotExist"},
            ],
        });
        let found = deployment(json!({"selector": selector}), json!({}));
        assert_eq!(found.selector(), "app=etl,tier=x,a in (1,2),b notin (3),c,!d");
    }
}
