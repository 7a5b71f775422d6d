//! How the planner has a credential worked on: the seam at which its tests stand in for the rotation.

use std::sync::Arc;
use std::time::Duration;

use super::slot::{InSlot, Slot};
use crate::fleet::Fleet;
use crate::live::Live;
use crate::rotation::decide::{Subject, Trigger};
use crate::rotation::drive::{Persistence, Report, drive};
use crate::rotation::evidence::Evidence;
use crate::rotation::reminder::Reminder;
use crate::rotation::world::World;

/// A step that fails once may be a hiccup; what fails longer is left to the back-off between two runs.
const PERSISTENCE: Persistence = Persistence { failures: 2, pause: Duration::from_secs(1) };

/// One credential, as the planner sees it.
pub(super) trait Driver: Send + Sync + 'static {
    /// Works on it until it is at rest, held or failing, or the daemon stops. Never called twice at once.
    fn drive(&self, evidence: &mut Evidence, slot: &Slot) -> impl Future<Output = Report> + Send;
}

/// A configured credential in the real world.
pub(super) struct LiveDriver {
    pub(super) world: Live,
    pub(super) subject: Subject,
    pub(super) fleet: Arc<Fleet>,
    pub(super) reminder: Reminder,
}

impl Driver for LiveDriver {
    async fn drive(&self, evidence: &mut Evidence, slot: &Slot) -> Report {
        let world = InSlot { world: &self.world, slot };
        let name = &self.subject.credential;
        let watcher = |progress| self.fleet.progressed(name, &progress);
        let run = drive(&world, &self.subject, Trigger::Schedule, evidence, PERSISTENCE, &watcher);
        let report = Box::pin(run).await;
        self.reminder.after(&self.subject, &report, self.world.now());
        report
    }
}
