//! Workloads of Kubernetes: restarted for a publication, and healthy once no pod from before it is left.

mod error;
mod event;
mod job;
mod pod;
mod publication;
mod restarts;
mod workload;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::json;
use url::Url;

pub use self::error::RestartError;
pub use self::event::WorkloadEvent;
use self::job::{JOB_PODS, Job, left};
use self::pod::{Pod, named};
use self::publication::Publication;
use self::restarts::{Restarts, WorkloadName};
use self::workload::{Workload, change};
use super::settings::{PodGate, PodRequest, Restart, SecretKey, Target, WorkloadKind, Workloads};
use crate::consumers::command::{Context, Encoding};
use crate::kubernetes::{Answer, Cluster, Content, Mode, Object, Place, Right, Verb};
use crate::record::Record;
use crate::secret::{Token, Wiped};

/// How long a restart waits for other credentials of the same process that wish for one of the same workload.
const GATHER: Duration = Duration::from_secs(3);
/// How often a workload that somebody else changes at the same time is looked at anew.
const TRIES: u32 = 5;
/// Between two looks at a Secret that somebody else fills.
const LOOK: Duration = Duration::from_secs(10);
/// How many pods are asked at once.
const ASKED_AT_ONCE: usize = 16;

/// What the workloads of one cluster have in common.
pub(super) struct Shared {
    cluster: Cluster,
    restarts: Restarts,
    /// Who restarts what.
    users: Mutex<Vec<(String, Target)>>,
}

impl Shared {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster, restarts: Restarts::default(), users: Mutex::default() }
    }

    /// Whether other credentials may restart the same workloads.
    fn is_shared(&self, settings: &Restart) -> bool {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let may_meet = |one: &Target, two: &Target| {
            one.namespace == two.namespace
                && match (&one.workloads, &two.workloads) {
                    (Workloads::Named(..), Workloads::Named(..)) => one == two,
                    (Workloads::Selected(_), _) | (_, Workloads::Selected(_)) => true,
                }
        };
        users
            .iter()
            .filter(|(annotation, _)| *annotation != settings.annotation)
            .any(|(_, other)| settings.targets.iter().any(|own| may_meet(own, other)))
    }
}

/// The workloads that read one credential's token.
pub(super) struct Targets {
    shared: Arc<Shared>,
    settings: Restart,
    /// What was last seen of the Secret that somebody else fills.
    filled: Mutex<Option<Sighting>>,
}

/// A look at the Secret that somebody else fills.
#[derive(Clone)]
struct Sighting {
    publication: Publication,
    looked: Instant,
    /// Since when it has held the token.
    since: Option<Instant>,
}

impl Targets {
    pub(super) fn new(shared: Arc<Shared>, settings: &Restart) -> Self {
        let used = settings.targets.iter().map(|one| (settings.annotation.clone(), one.clone()));
        shared.users.lock().unwrap_or_else(PoisonError::into_inner).extend(used);
        Self { shared, settings: settings.clone(), filled: Mutex::default() }
    }

    /// Restarts every workload that was not restarted for this publication yet. Done again it changes nothing.
    pub(super) async fn restart(&self, record: &Record) -> Result<(), RestartError> {
        let publication = Publication::of(record);
        if let Some(secret) = &self.settings.after_secret {
            self.filled(secret, record, &publication).await?;
        }
        let workloads = self.workloads().await?;
        let annotation = &self.settings.annotation;
        let turns: Vec<_> = workloads
            .into_iter()
            .map(|name| (self.shared.restarts.wish(&name, annotation, &publication), name))
            .collect();
        if self.shared.is_shared(&self.settings) {
            tokio::time::sleep(GATHER).await;
        }
        let mut outcome = Ok(());
        for (turn, name) in turns {
            let _turn = turn.lock().await;
            let restarted = self.restart_one(&name, &publication).await;
            self.shared.restarts.forget(&name, annotation);
            if restarted.is_ok() {
                self.tell_of(&name, &WorkloadEvent::Served(record)).await;
            }
            // One that cannot be restarted is no reason to leave the others as they are.
            outcome = outcome.and(restarted);
        }
        outcome
    }

    /// What pintail may not do with the workloads, by the API server's own word.
    pub(super) async fn missing_rights(&self) -> Vec<Right> {
        let mut needed = vec![];
        for target in &self.settings.targets {
            let namespace = &target.namespace;
            match &target.workloads {
                Workloads::Named(kind, name) => {
                    let place = every(*kind, namespace).named(name);
                    needed.extend(
                        [Verb::Get, Verb::Patch].map(|verb| Right::new(verb, place.clone())),
                    );
                }
                Workloads::Selected(_) => {
                    for kind in WorkloadKind::SELECTED {
                        let place = every(kind, namespace);
                        let verbs = [Verb::List, Verb::Get, Verb::Patch];
                        needed.extend(verbs.map(|verb| Right::new(verb, place.clone())));
                    }
                }
            }
            if self.settings.events {
                needed.push(Right::new(Verb::Create, Place::core("events", namespace, None)));
            }
        }
        if let Some(secret) = &self.settings.after_secret {
            let place = Place::core("secrets", &secret.namespace, Some(&secret.name));
            needed.push(Right::new(Verb::Get, place));
        }
        self.shared.cluster.missing(needed).await
    }

    /// Tries the restart of each workload without effect: whether it is there, replaces its pods, and may be changed.
    pub(super) async fn try_out(&self) -> Result<(), RestartError> {
        for name in self.workloads().await? {
            let (place, workload) = self.get(&name).await?;
            self.refuse(&name, &workload)?;
            if self.is_unsure(&name, &workload) {
                tracing::warn!(
                    workload = %name,
                    "workload refers to no Secret: nothing shows that its pods read the one that pintail keeps"
                );
            }
            let tried = (self.settings.annotation.clone(), "tried by `pintail check`".into());
            let tried = [tried].into_iter().collect();
            let change = json!({
                "metadata": {"uid": workload.metadata.uid},
                "spec": change(name.kind, &tried),
            });
            let tried: Result<Object, _> =
                self.shared.cluster.patch(&place, &change, Content::Plain, Mode::DryRun).await;
            tried.map_err(|answer| RestartError::new("patch", &place, &answer))?;
        }
        Ok(())
    }

    async fn restart_one(
        &self,
        name: &WorkloadName,
        publication: &Publication,
    ) -> Result<(), RestartError> {
        for _ in 0..TRIES {
            let (place, workload) = self.get(name).await?;
            let annotation = &self.settings.annotation;
            match workload.publication(name.kind, annotation) {
                Some(there) if there == *publication => return Ok(()),
                Some(there) if there.is_later_than(publication) => {
                    return Err(RestartError::Superseded { workload: name.to_string() });
                }
                Some(_) | None => {}
            }
            self.refuse(name, &workload)?;
            let mut wishes = self.shared.restarts.of(name);
            wishes.insert(annotation.clone(), publication.clone());
            wishes.retain(|annotation, wish| {
                let there = workload.publication(name.kind, annotation);
                there.is_none_or(|there| wish.is_later_than(&there))
            });
            let annotations = wishes
                .into_iter()
                .map(|(annotation, wish)| (annotation, wish.to_string().into()))
                .collect();
            let change = json!({
                "metadata": {
                    "uid": workload.metadata.uid,
                    "resourceVersion": workload.metadata.resource_version,
                },
                "spec": change(name.kind, &annotations),
            });
            let patched: Result<Object, _> =
                self.shared.cluster.patch(&place, &change, Content::Plain, Mode::Real).await;
            match patched {
                Ok(_) => {
                    tracing::info!(workload = %name, "workload restarted");
                    return Ok(());
                }
                // Its status is written all the time.
                Err(answer) if answer.is_conflict() => {}
                Err(answer) => return Err(RestartError::new("patch", &place, &answer)),
            }
        }
        Err(RestartError::Contested { workload: name.to_string() })
    }

    /// Whether the Secret that somebody else fills has held the served token for long enough.
    async fn filled(
        &self,
        secret: &SecretKey,
        record: &Record,
        publication: &Publication,
    ) -> Result<(), RestartError> {
        let name = format!("{} in namespace {}", secret.name, secret.namespace);
        let not_yet = |why: String| Err(RestartError::NotYet { secret: name.clone(), why });
        let lacks = "does not hold the served token yet";
        let known = || self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known().clone().filter(|sighting| sighting.publication == *publication);
        if let Some(Sighting { looked, since: None, .. }) = before
            && looked.elapsed() < LOOK
        {
            return not_yet(lacks.to_owned());
        }
        let holds = self.holds(secret, record).await?;
        let looked = Instant::now();
        let since = holds.then(|| before.and_then(|sighting| sighting.since).unwrap_or(looked));
        *known() = Some(Sighting { publication: publication.clone(), looked, since });
        match since.map(|since| self.settings.settle.saturating_sub(since.elapsed())) {
            None => not_yet(lacks.to_owned()),
            Some(Duration::ZERO) => Ok(()),
            Some(left) => not_yet(format!(
                "is new, and nodes may still know it as it was: {} more",
                humantime::format_duration(Duration::from_secs(left.as_secs() + 1))
            )),
        }
    }

    async fn holds(&self, secret: &SecretKey, record: &Record) -> Result<bool, RestartError> {
        use base64::Engine;
        #[derive(serde::Deserialize)]
        struct Secret {
            #[serde(default)]
            data: Option<std::collections::BTreeMap<String, Wiped>>,
        }
        let place = Place::core("secrets", &secret.namespace, Some(&secret.name));
        let found: Secret = match self.shared.cluster.get(&place).await {
            Ok(found) => found,
            Err(answer) if answer.is_absence() => return Ok(false),
            Err(answer) => return Err(RestartError::new("get", &place, &answer)),
        };
        let data = found.data.unwrap_or_default();
        let text = data.get(&secret.key).map_or("", |text| text.0.as_str());
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
        let bytes = secrecy::zeroize::Zeroizing::new(bytes);
        let token = std::str::from_utf8(&bytes).ok().and_then(|text| Token::new(text).ok());
        Ok(token.is_some_and(|token| token.sha256() == record.token_sha256))
    }

    /// The workloads that are meant, those of a selector found anew.
    async fn workloads(&self) -> Result<Vec<WorkloadName>, RestartError> {
        let mut all = vec![];
        for target in &self.settings.targets {
            let namespace = &target.namespace;
            match &target.workloads {
                Workloads::Named(kind, name) => {
                    all.push(WorkloadName {
                        kind: *kind,
                        namespace: namespace.clone(),
                        name: name.clone(),
                    });
                }
                Workloads::Selected(selector) => {
                    let before = all.len();
                    for kind in WorkloadKind::SELECTED {
                        let place = every(kind, namespace);
                        let found: Vec<Object> = self
                            .shared
                            .cluster
                            .list(&place, Some(selector))
                            .await
                            .map_err(|answer| RestartError::new("list", &place, &answer))?;
                        all.extend(found.into_iter().map(|found| WorkloadName {
                            kind,
                            namespace: namespace.clone(),
                            name: found.metadata.name,
                        }));
                    }
                    if all.len() == before {
                        let (namespace, selector) = (namespace.clone(), selector.clone());
                        return Err(RestartError::Nothing { namespace, selector });
                    }
                }
            }
        }
        Ok(all)
    }

    /// The workload, and where it was found.
    async fn get(&self, name: &WorkloadName) -> Result<(Place, Workload), RestartError> {
        let mut place = every(name.kind, &name.namespace).named(&name.name);
        let mut found = self.shared.cluster.get(&place).await;
        if name.kind == WorkloadKind::CronJob
            && found.as_ref().is_err_and(Answer::is_of_an_unknown_kind)
        {
            // Before Kubernetes 1.21.
            place.api = "apis/batch/v1beta1";
            found = self.shared.cluster.get(&place).await;
        }
        match found {
            Ok(workload) => Ok((place, workload)),
            Err(answer) => Err(RestartError::new("get", &place, &answer)),
        }
    }

    /// Refuses a workload of which the pods are not replaced, or would not read what pintail keeps.
    fn refuse(&self, name: &WorkloadName, workload: &Workload) -> Result<(), RestartError> {
        if let Some(unfit) = workload.unfit(name.kind) {
            return Err(RestartError::Unfit {
                workload: name.to_string(),
                why: unfit.why,
                hint: format!(
                    "{} --namespace {} {}/{}",
                    unfit.remedy,
                    name.namespace,
                    name.kind.as_str().to_ascii_lowercase(),
                    name.name
                ),
            });
        }
        let read = workload.secrets(name.kind);
        let kept = self.relied_on(name);
        if kept.is_empty() || read.is_empty() || kept.iter().any(|one| read.contains(one)) {
            return Ok(());
        }
        let secret = kept.join(" or ");
        Err(RestartError::ReadsAnother { workload: name.to_string(), secret })
    }

    /// The Secrets of which one must be what the workload reads; none where something else proves what it reads.
    fn relied_on(&self, name: &WorkloadName) -> Vec<&str> {
        let Restart { kept, after_secret, asks_pods, .. } = &self.settings;
        if after_secret.is_some() || (*asks_pods && name.kind != WorkloadKind::CronJob) {
            return vec![];
        }
        let there = kept.iter().filter(|one| one.namespace == name.namespace);
        there.map(|one| one.name.as_str()).collect()
    }

    /// Whether nothing shows what the workload reads: it may ask Kubernetes itself.
    fn is_unsure(&self, name: &WorkloadName, workload: &Workload) -> bool {
        !self.relied_on(name).is_empty() && workload.secrets(name.kind).is_empty()
    }
}

/// Whether the workloads are through with the restart.
pub(super) struct Gate {
    targets: Targets,
    http: Option<(PodRequest, reqwest::Client)>,
}

impl Gate {
    pub(super) fn new(shared: Arc<Shared>, settings: &PodGate, http: reqwest::Client) -> Self {
        let targets = Targets::new(shared, &settings.restart);
        Self { targets, http: settings.http.clone().map(|settings| (settings, http)) }
    }

    /// What pintail may not do with the pods, by the API server's own word.
    pub(super) async fn missing_rights(&self) -> Vec<Right> {
        let targets = self.targets.settings.targets.iter();
        let mut namespaces: Vec<_> = targets.map(|target| target.namespace.as_str()).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        let right = |namespace: &str| Right::new(Verb::List, Place::core("pods", namespace, None));
        let mut needed: Vec<_> = namespaces.into_iter().map(right).collect();
        let targets = self.targets.settings.targets.iter();
        let with_jobs = targets.filter(|target| {
            matches!(target.workloads, Workloads::Named(WorkloadKind::CronJob, _))
        });
        needed.extend(with_jobs.map(|target| Right::new(Verb::List, jobs(&target.namespace))));
        self.targets.shared.cluster.missing(needed).await
    }

    /// Looks once: what is missing yet, or nothing.
    pub(super) async fn poll(&self, context: &Context, record: &Record) -> Result<(), String> {
        let text = |error: &RestartError| error.to_string();
        let publication = Publication::of(record).to_string();
        let workloads = self.targets.workloads().await.map_err(|error| text(&error))?;
        let mut missing = vec![];
        for name in workloads {
            match self.look(&name, &publication, context).await {
                Ok(None) => {}
                Ok(Some(what)) => missing.push(format!("{name}: {what}")),
                Err(error) => missing.push(text(&error)),
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
    }

    async fn look(
        &self,
        name: &WorkloadName,
        publication: &str,
        context: &Context,
    ) -> Result<Option<String>, RestartError> {
        let (_, workload) = self.targets.get(name).await?;
        let annotation = &self.targets.settings.annotation;
        if workload.annotated(name.kind, annotation) != Some(publication) {
            return Ok(Some(format!(
                "its pod template does not carry this publication in {annotation}: somebody has changed or removed it; \
                 the next run restarts it"
            )));
        }
        if name.kind == WorkloadKind::CronJob {
            let jobs = self.list::<Job>(&jobs(&name.namespace), None).await?;
            let pods = Place::core("pods", &name.namespace, None);
            let pods = self.list::<Pod>(&pods, Some(JOB_PODS)).await?;
            return Ok(left(&workload, &jobs, &pods, annotation, publication));
        }
        let pods = Place::core("pods", &name.namespace, None);
        let found = self.list::<Pod>(&pods, Some(&workload.selector())).await?;
        let living: Vec<_> =
            found.iter().filter(|pod| pod.is_of(&workload, name.kind) && pod.may_run()).collect();
        // Whoever waits for pods wants to know why they do not come.
        let unfit = workload.unfit(name.kind).map(|unfit| unfit.why.to_owned());
        let missing = unfit.or_else(|| workload.missing(name.kind));
        let old = living.iter().copied().filter(|pod| !pod.is_for(annotation, publication));
        let old = named(old).map(|names| format!("pods from before are left: {names}"));
        let what: Vec<_> = missing.into_iter().chain(old).collect();
        if !what.is_empty() {
            return Ok(Some(what.join(", and ")));
        }
        if workload.wants_no_pods(name.kind) {
            tracing::info!(workload = %name, "workload has no pods");
        }
        Ok(self.ask(&living, context).await)
    }

    async fn list<T: serde::de::DeserializeOwned>(
        &self,
        place: &Place,
        selector: Option<&str>,
    ) -> Result<Vec<T>, RestartError> {
        let found = self.targets.shared.cluster.list(place, selector).await;
        found.map_err(|answer| RestartError::new("list", place, &answer))
    }

    /// Asks each pod.
    async fn ask(&self, pods: &[&Pod], context: &Context) -> Option<String> {
        let (settings, http) = self.http.as_ref()?;
        let path = context.fill(&settings.path, Encoding::Url);
        let mut asked = vec![];
        for pod in pods {
            let url = pod.address().and_then(|address| {
                let mut url = Url::parse("http://pod").ok()?.join(&path).ok()?;
                url.set_ip_host(address).ok()?;
                url.set_port(Some(settings.port)).ok()?;
                Some(url)
            });
            asked.push(ask(http.clone(), pod.name(), url, settings.timeout));
        }
        let answers: Vec<_> = futures::stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await;
        let bad: Vec<_> = answers.into_iter().flatten().collect();
        (!bad.is_empty()).then(|| bad.join(", "))
    }
}

/// Asks one pod: what is wrong with it, if anything is.
async fn ask(
    http: reqwest::Client,
    name: String,
    url: Option<Url>,
    timeout: Duration,
) -> Option<String> {
    let Some(url) = url else { return Some(format!("{name} has no address")) };
    match http.get(url).timeout(timeout).send().await {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(format!("{name} answers {}", answer.status().as_u16())),
        Err(_) => Some(format!("{name} does not answer")),
    }
}

/// All workloads of a kind in a namespace.
fn every(kind: WorkloadKind, namespace: &str) -> Place {
    let (api, resource) = match kind {
        WorkloadKind::Deployment => ("apis/apps/v1", "deployments"),
        WorkloadKind::StatefulSet => ("apis/apps/v1", "statefulsets"),
        WorkloadKind::DaemonSet => ("apis/apps/v1", "daemonsets"),
        WorkloadKind::CronJob => ("apis/batch/v1", "cronjobs"),
    };
    Place::of(api, resource, namespace, None)
}

fn jobs(namespace: &str) -> Place {
    Place::of("apis/batch/v1", "jobs", namespace, None)
}
