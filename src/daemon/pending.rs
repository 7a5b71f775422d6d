//! The planner takes over another configuration: at once where nothing is in progress, else when that has ended.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::driver::Driver;
use super::notice::Notice;
use super::permit::Slots;
use super::planner::{Plan, Planner, Rules};
use crate::names::CredentialName;
use crate::rotation::evidence::Evidence;
use crate::rotation::schedule::later;

/// What a configuration asks of the planner.
pub(super) struct Pending<D> {
    pub(super) rules: Rules,
    /// All credentials.
    pub(super) drivers: Vec<(CredentialName, D)>,
    /// Told when it was taken over.
    pub(super) taken: oneshot::Sender<Changes>,
}

/// What another configuration changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
}

/// What the latest configuration has in mind for a credential that is being worked on. That run keeps its old world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PendingChange {
    /// Nothing new.
    Stays,
    /// It is treated otherwise from the next run on: what this one proves does not count.
    Changes,
    /// This run is its last.
    Leaves,
}

impl<D: Driver> Planner<D> {
    pub(super) fn take_over(&mut self, lineup: Pending<D>, now: Timestamp) {
        let Pending { rules, drivers, taken } = lineup;
        let mut changes = Changes::default();
        let mut gone: BTreeSet<_> = self.credentials.keys().cloned().collect();
        let mut afresh = BTreeSet::new();
        for (name, driver) in drivers {
            if !gone.remove(&name) {
                changes.added += 1;
                driver.introduce();
                self.add(name, driver);
                continue;
            }
            let is_running = self.is_running(&name);
            let Some(plan) = self.credentials.get_mut(&name) else { continue };
            let stays = plan.renew(driver, is_running);
            if !stays {
                changes.changed += 1;
                if !is_running {
                    afresh.insert(name);
                }
            }
        }
        changes.removed = gone.len();
        for name in gone {
            if self.is_running(&name) {
                if let Some(plan) = self.credentials.get_mut(&name) {
                    plan.fate = PendingChange::Leaves;
                }
                tracing::info!(credential = %name, "credential removed after the run in hand");
            } else if let Some(plan) = self.credentials.remove(&name) {
                self.queue.remove(&name);
                self.leave(&name, &plan);
            }
        }
        self.take_rules(rules);
        let latest = later(now, rules.sweep);
        let plans = &self.credentials;
        self.queue.reorder(|name, look| {
            let at = if afresh.contains(name) { Timestamp::MIN } else { look.at.min(latest) };
            plans.get(name).map_or(look, |plan| plan.look(at))
        });
        // Nobody waits for it any more where the daemon stops.
        let _ = taken.send(changes);
    }

    fn take_rules(&mut self, rules: Rules) {
        if rules.concurrency != self.rules.concurrency {
            // Those at work keep the places that they have, until they have done.
            self.slots = Slots::new(rules.concurrency, self.wake.clone(), self.shutdown.clone());
        }
        self.list_clock.follow(rules.requests_per_second);
        self.rules = rules;
    }

    fn is_running(&self, name: &CredentialName) -> bool {
        // Whatever is not being worked on waits in the queue.
        self.at_work.contains(name)
    }

    /// A credential is no longer looked at. Its tokens stay as they are.
    pub(super) fn leave(&self, name: &CredentialName, plan: &Plan<D>) {
        let Plan { told, expires_at, .. } = plan;
        self.fleet.forget(name);
        if told.as_ref().is_some_and(Notice::is_of_a_hold) {
            let hint = "both of its tokens stay valid: configure it again to have the rotation completed, or revoke \
                        the one that nobody uses with `pintail token revoke`";
            tracing::warn!(credential = %name, hint, "credential removed with its rotation unfinished");
        } else if let Some(expires_at) = expires_at {
            let hint = "nobody renews its token any more. A credential that was only given another name keeps its \
                        secret where its `path` names the former one";
            tracing::warn!(credential = %name, expires_at = %expires_at, hint, "credential removed");
        } else {
            tracing::info!(credential = %name, "credential removed");
        }
    }
}

impl<D: Driver> Plan<D> {
    /// Takes over a driver. Returns whether it treats the credential as the one before did.
    fn renew(&mut self, driver: D, is_running: bool) -> bool {
        let is_alike = driver.is_alike(&self.driver);
        self.driver = driver.after(&self.driver).into();
        if is_running {
            // The run in hand may be of an older world than the one that was compared with.
            let stays = is_alike && self.fate == PendingChange::Stays;
            if !stays {
                self.fate = PendingChange::Changes;
            }
            return stays;
        }
        if !is_alike {
            self.begin_afresh();
        }
        is_alike
    }

    /// Forgets what was proved, and what failed, under other settings.
    pub(super) fn begin_afresh(&mut self) {
        self.fate = PendingChange::Stays;
        self.evidence = Evidence::default();
        self.failures = 0;
        self.expires_at = None;
        self.is_urgent = false;
        (self.list_at, self.due_at) = (None, None);
        self.driver.introduce();
    }
}
