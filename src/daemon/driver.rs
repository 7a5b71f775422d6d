//! How the planner has a credential worked on: the seam at which its tests stand in for the rotation.

mod former;

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::former::Former;
use super::permit::{Permit, WithPermit};
use crate::audit_log;
use crate::config::{Config, Credential, Place};
use crate::engine::{ActingWorld, Engine, subject};
use crate::fault::FaultKind;
use crate::names::CredentialName;
use crate::retry::STEP;
use crate::rotation::clock::Clock;
use crate::rotation::condition::Reason as Why;
use crate::rotation::decide::{Request, Subject};
use crate::rotation::evidence::Evidence;
use crate::rotation::pause::paused;
use crate::rotation::run::{Problem, Report, run};
use crate::rotation::schedule::{expiring, renewal};
use crate::rotation::step_log::Progress;
use crate::status::Registry;

/// One credential, as the planner sees it.
pub(super) trait Driver: Sized + Send + Sync + 'static {
    /// Works on it until it is at rest, held or failing, or the daemon stops. Never called twice at once.
    fn run(
        &self,
        request: Request,
        evidence: &mut Evidence,
        permit: &Permit,
    ) -> impl Future<Output = Report> + Send;

    /// From when on its token, which expires at `expires_at`, cannot wait to be replaced; `None` if it is not replaced.
    fn renewal(&self, expires_at: Timestamp) -> Option<Timestamp>;

    /// The same driver in the place of `before`, whose last run may not have ended yet.
    #[must_use]
    fn after(self, before: &Self) -> Self;

    /// Whether it treats the credential as `before` did, so that what was proved then still counts.
    fn is_alike(&self, before: &Self) -> bool;

    /// Tells whoever shows the credential how it is configured.
    fn introduce(&self);
}

/// A configured credential in the real world. There may be a hundred thousand: what can be looked up is not kept.
pub(super) struct LiveDriver {
    around: Arc<Surroundings>,
    name: CredentialName,
    former: Option<Box<Former>>,
}

/// What all drivers of a configuration share.
struct Surroundings {
    engine: Arc<Engine>,
    fleet: Arc<Registry>,
    stop: CancellationToken,
}

/// How a credential is worked on.
struct Work {
    world: ActingWorld,
    subject: Subject,
    credential: Credential,
    places: Vec<Place>,
}

impl Work {
    /// This work by what belongs to no place: how MotherDuck is reached, and whether anything may begin.
    fn under(&self, now: &Self) -> Self {
        let mut work = Self {
            world: now.world.in_the_place_of(&self.world),
            subject: self.subject.clone(),
            credential: self.credential.clone(),
            places: self.places.clone(),
        };
        let is_paused = now.subject.policy.paused;
        work.subject.policy.paused = is_paused;
        Arc::make_mut(&mut work.credential.policy).paused = is_paused;
        work
    }
}

/// A driver for each credential of the outside's configuration.
pub(super) fn drivers(
    outside: &Arc<Engine>,
    fleet: &Arc<Registry>,
    stop: &CancellationToken,
) -> Vec<(CredentialName, LiveDriver)> {
    let (engine, fleet, stop) = (outside.clone(), fleet.clone(), stop.clone());
    let around = Arc::new(Surroundings { engine, fleet, stop });
    let driver = |name: &CredentialName| {
        let driver = LiveDriver { around: around.clone(), name: name.clone(), former: None };
        (name.clone(), driver)
    };
    outside.config.credentials.keys().map(driver).collect()
}

impl LiveDriver {
    fn former(&self) -> Option<&Former> {
        self.former.as_deref().filter(|former| former.is_in_force())
    }

    fn config(&self) -> &Config {
        &self.around.engine.config
    }

    fn credential(&self) -> Option<&Credential> {
        match self.former() {
            Some(former) => Some(&former.work.credential),
            None => self.config().credentials.get(&self.name),
        }
    }

    /// As it is configured.
    fn wanted(&self) -> Option<Work> {
        let Surroundings { engine, stop, .. } = &*self.around;
        let config = &engine.config;
        let credential = config.credentials.get(&self.name)?;
        let world = engine.world(&self.name, stop.clone())?;
        Some(Work {
            world: world.because(audit_log::Trigger::Schedule.into()).acting(),
            subject: subject(config, credential),
            credential: credential.clone(),
            places: config.places(credential),
        })
    }

    /// The places where its secret is, as it is worked on.
    fn places(&self) -> Vec<Place> {
        match self.former() {
            Some(former) => former.work.places.clone(),
            None => self.credential().map(|one| self.config().places(one)).unwrap_or_default(),
        }
    }

    /// Finds out whether the credential is still kept in its former place, and lets it go from there if not.
    async fn look_back(&self, former: &Former, evidence: &mut Evidence, permit: &Permit) {
        let name = &self.name;
        let Some(wanted) = self.wanted() else { return };
        if let Some(kept) = former.keeps(permit, &wanted, self.config()).await {
            self.around.fleet.keep(name, Some(kept));
            return;
        }
        former.end();
        *evidence = Evidence::default();
        self.introduce();
        tracing::info!(credential = %name, "credential goes over to its configured place");
    }

    async fn work(
        &self,
        work: &Work,
        request: Request,
        evidence: &mut Evidence,
        permit: &Permit,
    ) -> Report {
        let Work { world, subject, .. } = work;
        let Subject { credential: name, policy, .. } = subject;
        world.production().hurry(permit.is_urgent());
        let observer = |progress| {
            if let Progress::Saw(record) = &progress
                && paused(policy, Some(record), world.time()).is_none()
                && expiring(policy, record, world.time()).is_some()
            {
                permit.hurry();
                world.production().hurry(true);
            }
            self.around.fleet.progressed(name, &progress);
        };
        let permitted = WithPermit { world, permit };
        let run = run(&permitted, subject, request, evidence, &STEP, &observer);
        let report = Box::pin(run).await;
        world.tell_if_held(&report).await;
        self.around.engine.telemetry.tell(name, &report);
        report
    }
}

impl Driver for LiveDriver {
    async fn run(&self, request: Request, evidence: &mut Evidence, permit: &Permit) -> Report {
        if let Some(former) = self.former() {
            Box::pin(self.look_back(former, evidence, permit)).await;
        }
        let wanted = if self.former().is_some() { None } else { self.wanted() };
        let former = self.former().map(|former| &former.work);
        match former.or(wanted.as_ref()) {
            Some(work) => Box::pin(self.work(work, request, evidence, permit)).await,
            None => Report::failed(Problem {
                step: None,
                kind: FaultKind::Permanent,
                message: "it is configured no more".to_owned(),
                hint: None,
                reason: Why::Stopped,
            }),
        }
    }

    fn renewal(&self, expires_at: Timestamp) -> Option<Timestamp> {
        let policy = &self.credential()?.policy;
        (!policy.paused).then(|| renewal(policy, expires_at))
    }

    fn after(self, before: &Self) -> Self {
        if before.places()
            == self
                .config()
                .credentials
                .get(&self.name)
                .map(|one| self.config().places(one))
                .unwrap_or_default()
        {
            return self;
        }
        let Some(now) = self.wanted() else { return self };
        let former = match before.former() {
            Some(former) => Former::between(&former.work, &now),
            None => before.wanted().and_then(|work| Former::between(&work, &now)),
        };
        Self { former: former.map(Box::new), ..self }
    }

    fn is_alike(&self, before: &Self) -> bool {
        self.config().treats_alike(before.config(), &self.name)
    }

    fn introduce(&self) {
        let Some(credential) = self.credential() else { return };
        self.around.fleet.introduce(&credential.into());
        if self.former().is_none() {
            self.around.fleet.keep(&self.name, None);
        }
    }
}
