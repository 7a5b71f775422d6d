//! What is news to one sink: how the fleet stands, given what the sink was told before. Sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::event::News;
use super::settings::{Occasion, Sink};
use crate::names::{CredentialName, RotationId};
use crate::rotation::condition::{Condition, Reason, State};
use crate::rotation::time::Time;
use crate::status::{CredentialStatus, Origin, Snapshot};

/// Remembers what a sink was told, and finds what is new.
#[derive(Debug)]
pub struct Judge {
    wanted: BTreeSet<Occasion>,
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
    trouble: Option<(Occasion, Timestamp)>,
    expiring: Option<Timestamp>,
    compromised: Option<RotationId>,
    /// Since when it is paused by hand, if it is; `None` before that was seen.
    paused: Option<Option<Timestamp>>,
}

/// How a credential stands, as far as it is somebody's concern.
enum Concern {
    /// It is well.
    None,
    /// It is not.
    Trouble(Occasion),
    /// That will be seen when the run in hand has ended.
    Open,
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
    pub fn look(&mut self, snapshot: &Snapshot) -> Vec<News> {
        let mut news = vec![];
        for member in &snapshot.members {
            let mut memory = self.credentials.remove(&member.name).unwrap_or_default();
            news.extend(self.look_at(member, &mut memory, snapshot.at));
            self.credentials.insert(member.name.clone(), memory);
        }
        // Whoever is no longer there comes back, if at all, as somebody new.
        self.credentials
            .retain(|name, _| snapshot.members.binary_search_by(|one| one.name.cmp(name)).is_ok());
        news.extend(self.unmanaged(snapshot));
        news.extend(self.clocks(snapshot));
        news
    }

    fn look_at(&self, member: &CredentialStatus, memory: &mut Memory, now: Timestamp) -> Vec<News> {
        let mut found = vec![];
        let was_told = memory.trouble.is_some() || memory.expiring.is_some();
        match concern(&member.condition) {
            Concern::None => memory.trouble = None,
            Concern::Trouble(occasion) if self.wanted.contains(&occasion) => {
                let told = memory.trouble.filter(|(told, _)| *told == occasion).map(|(_, at)| at);
                if self.is_to_be_told(told, now) {
                    memory.trouble = Some((occasion, now));
                    found.push((occasion, told.is_some()));
                }
            }
            Concern::Trouble(_) | Concern::Open => {}
        }
        if !self.nears_expiry(member, now) {
            memory.expiring = None;
        } else if self.wanted.contains(&Occasion::Expiring)
            && self.is_to_be_told(memory.expiring, now)
        {
            found.push((Occasion::Expiring, memory.expiring.replace(now).is_some()));
        }
        if member.last_trigger == Some(Origin::Compromised)
            && memory.compromised != member.rotation_id
        {
            memory.compromised = member.rotation_id;
            if self.wanted.contains(&Occasion::Compromised) {
                found.push((Occasion::Compromised, false));
            }
        }
        if let Some(occasion) = pause_changed(&member.condition, memory)
            && self.wanted.contains(&occasion)
        {
            found.push((occasion, false));
        }
        let is_over = memory.trouble.is_none() && memory.expiring.is_none();
        if was_told && is_over && self.wanted.contains(&Occasion::Recovered) {
            found.push((Occasion::Recovered, false));
        }
        let news = |(occasion, is_repeated)| News::Credential {
            occasion,
            member: Box::new(member.clone()),
            is_repeated,
        };
        found.into_iter().map(news).collect()
    }

    /// More of them than were told are news; fewer are not, and none are forgotten.
    fn unmanaged(&mut self, snapshot: &Snapshot) -> Vec<News> {
        let mut news = vec![];
        if !self.wanted.contains(&Occasion::Unmanaged) {
            return news;
        }
        for (account, &count) in snapshot.unmanaged.iter().filter(|(_, count)| **count > 0) {
            let told = self.accounts.get(account).copied();
            let has_grown = told.is_none_or(|(before, _)| count > before);
            let at = told.map(|(_, at)| at);
            if has_grown || self.is_to_be_told(at, snapshot.at) {
                let (account, is_repeated) = (account.clone(), !has_grown);
                self.accounts.insert(account.clone(), (count, snapshot.at));
                news.push(News::Unmanaged { account, count, is_repeated });
            } else if let Some(told) = self.accounts.get_mut(account) {
                told.0 = count;
            }
        }
        // An account that cannot be listed at the moment is not one without such tokens.
        self.accounts.retain(|account, _| snapshot.unmanaged.get(account) != Some(&0));
        news
    }

    /// Clocks that disagree, once for all credentials. A `Date` that is wrong by turns is told once, too.
    fn clocks(&mut self, snapshot: &Snapshot) -> Option<News> {
        let is_wanted = self.wanted.contains(&Occasion::ClockDisagrees);
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
        Some(News::Clocks { time, is_repeated })
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
fn pause_changed(condition: &Condition, memory: &mut Memory) -> Option<Occasion> {
    if condition.state == State::Unknown {
        return None;
    }
    let since = condition.pause.as_ref().map(|pause| pause.since);
    let before = memory.paused.replace(since)?;
    match (before, since) {
        (_, Some(since)) if before != Some(since) => Some(Occasion::Paused),
        (Some(_), None) => Some(Occasion::Resumed),
        (_, _) => None,
    }
}

fn concern(condition: &Condition) -> Concern {
    match condition.state {
        State::Blocked if condition.reason == Some(Reason::PlaceChanged) => {
            Concern::Trouble(Occasion::Blocked)
        }
        State::Blocked => Concern::Trouble(Occasion::Refused),
        State::Held => Concern::Trouble(Occasion::Held),
        State::Failing => Concern::Trouble(Occasion::Failed),
        State::RolledBack => Concern::Trouble(Occasion::RolledBack),
        State::Fresh | State::Due | State::Paused => Concern::None,
        State::Rotating | State::Unknown => Concern::Open,
    }
}

#[cfg(test)]
mod tests;
