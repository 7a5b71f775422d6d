//! The Jobs of a CronJob, and which of them still run from before a publication: the judgement, without I/O.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pod::{Pod, named};
use super::workload::Workload;
use crate::kubernetes::Metadata;

/// What the pods of every Job have: <https://kubernetes.io/docs/concepts/workloads/controllers/job/>.
pub(super) const JOB_PODS: &str = "job-name";

/// A Job, as far as pintail reads it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Job {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Spec {
    template: Template,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMetadata,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Status {
    active: i64,
}

/// What of `cron_job` still runs from before `publication`, if anything does. A pod whose Job is gone already is known by
/// the name of that Job.
pub(super) fn left(
    cron_job: &Workload,
    jobs: &[Job],
    pods: &[Pod],
    annotation: &str,
    publication: &str,
) -> Option<String> {
    let is_own = |job: &&Job| {
        job.metadata.controller().is_some_and(|owner| owner.uid == cron_job.metadata.uid)
    };
    let beginning = format!("{}-", cron_job.metadata.name);
    let is_of_it = |pod: &&Pod| {
        let Some(owner) = pod.metadata.controller().filter(|owner| owner.kind == "Job") else {
            return false;
        };
        match jobs.iter().find(|job| job.metadata.uid == owner.uid) {
            Some(job) => is_own(&job),
            None => owner.name.starts_with(&beginning),
        }
    };
    let old = pods.iter().filter(is_of_it).filter(|pod| pod.may_run());
    let old = named(old.filter(|pod| !pod.is_for(annotation, publication)));
    if let Some(names) = old {
        return Some(format!("pods of Jobs from before are left: {names}"));
    }
    // Its pods may be newer than the list of pods.
    let is_old = |job: &&Job| {
        let there = job.spec.template.metadata.annotations.get(annotation);
        job.status.active > 0 && there.is_none_or(|there| there != publication)
    };
    let running = jobs.iter().filter(is_own).find(is_old)?;
    Some(format!("Job {} from before runs", running.metadata.name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn job(name: &str, owner: &str, active: i64, publication: &str) -> Job {
        of(json!({
            "metadata": {"name": name, "uid": name, "ownerReferences": [{"kind": "CronJob", "uid": owner, "controller": true}]},
            "spec": {"template": {"metadata": {"annotations": {"a": publication}}}},
            "status": {"active": active},
        }))
    }

    fn pod(job: &str, phase: &str, publication: &str) -> Pod {
        of(json!({
            "metadata": {
                "name": format!("{job}-x"), "annotations": {"a": publication},
                "ownerReferences": [{"kind": "Job", "name": job, "uid": job, "controller": true}],
            },
            "status": {"phase": phase},
        }))
    }

    #[test]
    fn what_runs_from_before_is_waited_for_and_nothing_else() {
        let cron_job: Workload = of(json!({"metadata": {"name": "load", "uid": "u"}}));
        let left = |jobs: &[Job], pods: &[Pod]| left(&cron_job, jobs, pods, "a", "new");
        assert_eq!(left(&[], &[]), None);
        let (old, new) = (job("load-1", "u", 1, "old"), job("load-2", "u", 1, "new"));
        let running = [pod("load-1", "Running", "old"), pod("load-2", "Running", "new")];
        let both = [old.clone(), new.clone()];
        assert_eq!(left(&both, &running).unwrap(), "pods of Jobs from before are left: load-1-x");
        assert_eq!(left(&both, &[]).unwrap(), "Job load-1 from before runs");
        // One has ended, and one is another CronJob's.
        assert_eq!(
            left(&[job("load-1", "u", 0, "old"), new], &[pod("load-1", "Failed", "old")]),
            None
        );
        let other = [job("load-9", "v", 1, "old")];
        assert_eq!(left(&other, &[pod("load-9", "Running", "old")]), None);
        // The Job is gone, its pod is not.
        assert!(left(&[], &[pod("load-1", "Running", "old")]).is_some());
        assert_eq!(left(&[], &[pod("store-1", "Running", "old")]), None);
    }
}
