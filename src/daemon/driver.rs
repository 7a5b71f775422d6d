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
use crate::names::CredentialName;
use crate::retry::STEP;
use crate::rotation::clock::Clock;
use crate::rotation::decide::{Request, Subject};
use crate::rotation::evidence::Evidence;
use crate::rotation::pause::paused;
use crate::rotation::run::{Report, run};
use crate::rotation::schedule::{expiring, renewal};
use crate::rotation::step_log::Progress;
use crate::status::Registry;
use crate::traces::Telemetry;

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

/// A configured credential in the real world.
pub(super) struct LiveDriver {
    config: Arc<Config>,
    /// As it is configured.
    wanted: Work,
    former: Option<Former>,
    fleet: Arc<Registry>,
    telemetry: Telemetry,
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
        (work.subject.policy.paused, work.credential.policy.paused) = (is_paused, is_paused);
        work
    }
}

/// A driver for each credential of the outside's configuration.
pub(super) fn drivers(
    engine: &Engine,
    fleet: &Arc<Registry>,
    stop: &CancellationToken,
) -> Vec<(CredentialName, LiveDriver)> {
    let config = &engine.config;
    let driver = |(name, credential): (&CredentialName, &Credential)| {
        let world = engine.world(name, stop.clone())?;
        let wanted = Work {
            world: world.because(audit_log::Trigger::Schedule.into()).acting(),
            subject: subject(config, credential),
            credential: credential.clone(),
            places: config.places(credential),
        };
        let driver = LiveDriver {
            config: config.clone(),
            wanted,
            former: None,
            fleet: fleet.clone(),
            telemetry: engine.telemetry.clone(),
        };
        Some((name.clone(), driver))
    };
    config.credentials.iter().filter_map(driver).collect()
}

impl LiveDriver {
    fn former(&self) -> Option<&Former> {
        self.former.as_ref().filter(|former| former.is_in_force())
    }

    fn in_force(&self) -> &Work {
        self.former().map_or(&self.wanted, |former| &former.work)
    }

    /// Finds out whether the credential is still kept in its former place, and lets it go from there if not.
    async fn look_back(&self, former: &Former, evidence: &mut Evidence, permit: &Permit) {
        let name = &self.wanted.subject.credential;
        if let Some(kept) = former.keeps(permit, &self.wanted, &self.config).await {
            self.fleet.keep(name, Some(kept));
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
            self.fleet.progressed(name, &progress);
        };
        let permitted = WithPermit { world, permit };
        let run = run(&permitted, subject, request, evidence, &STEP, &observer);
        let report = Box::pin(run).await;
        world.tell_if_held(&report).await;
        self.telemetry.tell(name, &report);
        report
    }
}

impl Driver for LiveDriver {
    async fn run(&self, request: Request, evidence: &mut Evidence, permit: &Permit) -> Report {
        if let Some(former) = self.former() {
            Box::pin(self.look_back(former, evidence, permit)).await;
        }
        Box::pin(self.work(self.in_force(), request, evidence, permit)).await
    }

    fn renewal(&self, expires_at: Timestamp) -> Option<Timestamp> {
        let policy = &self.in_force().subject.policy;
        (!policy.paused).then(|| renewal(policy, expires_at))
    }

    fn after(self, before: &Self) -> Self {
        let former = Former::between(before.in_force(), &self.wanted);
        Self { former, ..self }
    }

    fn is_alike(&self, before: &Self) -> bool {
        self.config.treats_alike(&before.config, &self.wanted.subject.credential)
    }

    fn introduce(&self) {
        let Work { credential, .. } = self.in_force();
        self.fleet.introduce(&credential.into());
        if self.former().is_none() {
            self.fleet.keep(&credential.name, None);
        }
    }
}
