//! What is news to one sink: how the fleet stands, given what the sink was told before. Sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::event::Notification;
use super::settings::{EventKind, Sink};
use crate::names::{CredentialName, RotationId};
use crate::rotation::condition::{Condition, Reason, State};
use crate::rotation::time::Time;
use crate::status::{CredentialStatus, Origin, Snapshot};

/// Remembers what a sink was told, and finds what is new.
#[derive(Debug)]
pub struct Judge {
    wanted: BTreeSet<EventKind>,
    repeat_after: SignedDuration,
    expiry_within: Option<SignedDuration>,
    credentials: BTreeMap<CredentialName, Memory>,
    /// By account, how many unmanaged tokens there were, and when that was told.
    accounts: BTreeMap<String, (usize, Timestamp)>,
    /// When it was told that clocks disagree.
    clocks: Option<Instant>,
}

/// What was told of a credential, and has not passed.
#[derive(Debug, Default)]
struct Memory {
    problem: Option<(EventKind, Timestamp)>,
    expiring: Option<Timestamp>,
    compromised: Option<RotationId>,
    pause: PauseMemory,
}

/// Whether it was paused by hand when it was last seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PauseMemory {
    #[default]
    NotSeen,
    NotPaused,
    PausedSince(Timestamp),
}

/// How a credential stands, as far as it is somebody's concern.
enum Assessment {
    /// It is well.
    Well,
    /// It is not.
    Unwell(EventKind),
    /// That will be seen when the run in hand has ended.
    Undecided,
}

impl Judge {
    /// One that was told nothing.
    pub fn new(settings: &Sink) -> Self {
        let signed = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        Self {
            wanted: settings.events.clone(),
            repeat_after: signed(settings.repeat_after),
            expiry_within: settings.expiry_within.map(signed),
            credentials: BTreeMap::new(),
            accounts: BTreeMap::new(),
            clocks: None,
        }
    }

    /// What is to be told now. It counts as told.
    pub fn observe(&mut self, snapshot: &Snapshot) -> Vec<Notification> {
        let mut notifications = vec![];
        for member in &snapshot.members {
            let mut memory = self.credentials.remove(&member.name).unwrap_or_default();
            notifications.extend(self.observe_one(member, &mut memory, snapshot.at));
            self.credentials.insert(member.name.clone(), memory);
        }
        // Whoever is no longer there comes back, if at all, as somebody new.
        self.credentials
            .retain(|name, _| snapshot.members.binary_search_by(|one| one.name.cmp(name)).is_ok());
        notifications.extend(self.unmanaged(snapshot));
        notifications.extend(self.clocks(snapshot));
        notifications
    }

    fn observe_one(
        &self,
        member: &CredentialStatus,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Vec<Notification> {
        let mut found = vec![];
        let was_told = memory.problem.is_some() || memory.expiring.is_some();
        match assess(&member.condition) {
            Assessment::Well => memory.problem = None,
            Assessment::Unwell(kind) if self.wanted.contains(&kind) => {
                let told = memory.problem.filter(|(told, _)| *told == kind).map(|(_, at)| at);
                if self.is_to_be_told(told, now) {
                    memory.problem = Some((kind, now));
                    found.push((kind, told.is_some()));
                }
            }
            Assessment::Unwell(_) | Assessment::Undecided => {}
        }
        if !self.nears_expiry(member, now) {
            memory.expiring = None;
        } else if self.wanted.contains(&EventKind::Expiring)
            && self.is_to_be_told(memory.expiring, now)
        {
            found.push((EventKind::Expiring, memory.expiring.replace(now).is_some()));
        }
        if member.last_trigger == Some(Origin::Compromised)
            && memory.compromised != member.rotation_id
        {
            memory.compromised = member.rotation_id;
            if self.wanted.contains(&EventKind::Compromised) {
                found.push((EventKind::Compromised, false));
            }
        }
        if let Some(kind) = pause_changed(&member.condition, memory)
            && self.wanted.contains(&kind)
        {
            found.push((kind, false));
        }
        let is_over = memory.problem.is_none() && memory.expiring.is_none();
        if was_told && is_over && self.wanted.contains(&EventKind::Recovered) {
            found.push((EventKind::Recovered, false));
        }
        let notifications = |(kind, is_repeated)| Notification::Credential {
            kind,
            member: Box::new(member.clone()),
            is_repeated,
        };
        found.into_iter().map(notifications).collect()
    }

    /// More of them than were told are news; fewer are not, and none are forgotten.
    fn unmanaged(&mut self, snapshot: &Snapshot) -> Vec<Notification> {
        let mut notifications = vec![];
        if !self.wanted.contains(&EventKind::Unmanaged) {
            return notifications;
        }
        for (account, &count) in snapshot.unmanaged.iter().filter(|(_, count)| **count > 0) {
            let told = self.accounts.get(account).copied();
            let has_grown = told.is_none_or(|(before, _)| count > before);
            let at = told.map(|(_, at)| at);
            if has_grown || self.is_to_be_told(at, snapshot.at) {
                let (account, is_repeated) = (account.clone(), !has_grown);
                self.accounts.insert(account.clone(), (count, snapshot.at));
                notifications.push(Notification::Unmanaged { account, count, is_repeated });
            } else if let Some(told) = self.accounts.get_mut(account) {
                told.0 = count;
            }
        }
        // An account that cannot be listed at the moment is not one without such tokens.
        self.accounts.retain(|account, _| snapshot.unmanaged.get(account) != Some(&0));
        notifications
    }

    /// Clocks that disagree, once for all credentials. A `Date` that is wrong by turns is told once, too.
    fn clocks(&mut self, snapshot: &Snapshot) -> Option<Notification> {
        let is_wanted = self.wanted.contains(&EventKind::ClockDisagrees);
        if !is_wanted || !snapshot.contacts.time.is_some_and(Time::is_disputed) {
            return None;
        }
        let time = snapshot.contacts.time?;
        // Counted by neither of them.
        let is_repeated = self.clocks.is_some();
        let lasts = |at: Instant| {
            SignedDuration::try_from(at.elapsed()).is_ok_and(|it| it >= self.repeat_after)
        };
        if is_repeated && !self.clocks.is_some_and(lasts) {
            return None;
        }
        self.clocks = Some(Instant::now());
        Some(Notification::Clocks { time, is_repeated })
    }

    /// Whether what lasts is to be told, having been told at `told`.
    fn is_to_be_told(&self, told: Option<Timestamp>, now: Timestamp) -> bool {
        told.is_none_or(|at| now.duration_since(at) >= self.repeat_after)
    }

    fn nears_expiry(&self, member: &CredentialStatus, now: Timestamp) -> bool {
        match self.expiry_within {
            Some(span) => member.left(now).is_some_and(|left| left < span),
            None => member.nears_expiry(now),
        }
    }
}

/// Whether somebody paused it, or let it go on. How it stood when it was first seen is no news.
fn pause_changed(condition: &Condition, memory: &mut Memory) -> Option<EventKind> {
    if condition.state == State::Unknown {
        return None;
    }
    let pause = condition.pause.as_ref();
    let now = pause.map_or(PauseMemory::NotPaused, |pause| PauseMemory::PausedSince(pause.since));
    let before = std::mem::replace(&mut memory.pause, now);
    match (before, now) {
        (PauseMemory::NotSeen, _) => None,
        (_, PauseMemory::PausedSince(_)) if before != now => Some(EventKind::Paused),
        (PauseMemory::PausedSince(_), PauseMemory::NotPaused) => Some(EventKind::Resumed),
        (_, _) => None,
    }
}

fn assess(condition: &Condition) -> Assessment {
    match condition.state {
        State::Blocked if condition.reason == Some(Reason::PlaceChanged) => {
            Assessment::Unwell(EventKind::Blocked)
        }
        State::Blocked => Assessment::Unwell(EventKind::Refused),
        State::Held => Assessment::Unwell(EventKind::Held),
        State::Failing => Assessment::Unwell(EventKind::Failed),
        State::RolledBack => Assessment::Unwell(EventKind::RolledBack),
        State::Fresh | State::Due | State::Paused => Assessment::Well,
        State::Rotating | State::Unknown => Assessment::Undecided,
    }
}

#[cfg(test)]
mod tests;
