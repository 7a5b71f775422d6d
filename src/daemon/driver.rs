//! How the planner has a credential worked on: the seam at which its tests stand in for the rotation.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::slot::{InSlot, Slot};
use crate::audit;
use crate::config::{Config, Credential};
use crate::fleet::Fleet;
use crate::live::{Live, Outside, subject};
use crate::names::CredentialName;
use crate::rotation::decide::{Request, Subject};
use crate::rotation::drive::{Persistence, Report, drive};
use crate::rotation::evidence::Evidence;
use crate::rotation::reminder::Reminder;
use crate::rotation::world::World;
use crate::telemetry::Telemetry;

/// A step that fails once may be a hiccup; what fails longer is left to the back-off between two runs.
const PERSISTENCE: Persistence = Persistence { failures: 2, pause: Duration::from_secs(1) };

/// One credential, as the planner sees it.
pub(super) trait Driver: Send + Sync + 'static {
    /// Works on it until it is at rest, held or failing, or the daemon stops. Never called twice at once.
    fn drive(&self, evidence: &mut Evidence, slot: &Slot) -> impl Future<Output = Report> + Send;

    /// Whether it treats the credential as `before` did, so that what was proved then still counts.
    fn is_alike(&self, before: &Self) -> bool;

    /// Tells whoever shows the credential how it is configured.
    fn introduce(&self);
}

/// A configured credential in the real world.
pub(super) struct LiveDriver {
    pub(super) world: Live,
    pub(super) subject: Subject,
    pub(super) fleet: Arc<Fleet>,
    pub(super) telemetry: Telemetry,
    pub(super) reminder: Reminder,
    pub(super) config: Arc<Config>,
}

/// A driver for each credential of the outside's configuration.
pub(super) fn drivers(
    outside: &Outside,
    fleet: &Arc<Fleet>,
    stop: &CancellationToken,
) -> Vec<(CredentialName, LiveDriver)> {
    let config = &outside.config;
    let driver = |(name, credential): (&CredentialName, &Credential)| {
        let world = outside.acting_world(name, stop.clone())?;
        let world = world.because(audit::Trigger::Schedule.into());
        let subject = subject(config, credential);
        let (fleet, config) = (fleet.clone(), config.clone());
        let telemetry = outside.telemetry.clone();
        Some((
            name.clone(),
            LiveDriver { world, subject, fleet, telemetry, reminder: Reminder::default(), config },
        ))
    };
    config.credentials.iter().filter_map(driver).collect()
}

impl Driver for LiveDriver {
    async fn drive(&self, evidence: &mut Evidence, slot: &Slot) -> Report {
        let world = InSlot { world: &self.world, slot };
        let name = &self.subject.credential;
        let watcher = |progress| self.fleet.progressed(name, &progress);
        let run = drive(&world, &self.subject, Request::SCHEDULE, evidence, PERSISTENCE, &watcher);
        let report = Box::pin(run).await;
        self.reminder.after(&self.subject, &report, self.world.now());
        self.telemetry.tell(name, &report);
        report
    }

    fn is_alike(&self, before: &Self) -> bool {
        self.config.treats_alike(&before.config, &self.subject.credential)
    }

    fn introduce(&self) {
        if let Some(credential) = self.config.credentials.get(&self.subject.credential) {
            self.fleet.introduce(credential);
        }
    }
}
