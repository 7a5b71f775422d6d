//! Whether a credential is paused: by its configuration, by hand in its record, or both; and until when.

use std::time::Duration;

use jiff::Timestamp;

use super::decide::{Refusal, Subject};
use super::policy::Policy;
use super::schedule::later;
use super::time::Time;
use super::world::{PublishError, PublishRequest, Purpose, Site, World};
use crate::fault::Fault;
use crate::names::CredentialName;
use crate::record::{Pause, Record, SecretContent};
use crate::secret::Token;

/// A clock that is behind a publication by more is not to be believed.
const UNSURE: Duration = Duration::from_hours(1);

/// That nothing is begun for a credential unless a person asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused<'a> {
    /// Whether its configuration says so.
    pub by_configuration: bool,
    /// What its record says, if that is in force.
    pub by_hand: Option<&'a Pause>,
}

impl Paused<'_> {
    /// When that ends by itself.
    pub fn until(self) -> Option<Timestamp> {
        self.by_hand.filter(|_| !self.by_configuration).and_then(|pause| pause.until)
    }
}

/// Whether nothing is begun by itself for what `record` tells of, and by whose word.
pub fn paused<'a>(
    policy: &Policy,
    record: Option<&'a Record>,
    time: impl Into<Time>,
) -> Option<Paused<'a>> {
    let time = time.into();
    let by_hand = record.and_then(|record| record.pause.as_deref());
    let by_hand = by_hand.filter(|pause| is_in_force(pause, time));
    let paused = Paused { by_configuration: policy.paused, by_hand };
    (paused.by_configuration || paused.by_hand.is_some()).then_some(paused)
}

/// Whether the pause has not ended by itself.
///
/// A person said until when, so the last clock counts that comes to it: by one that is ahead the pause would end too
/// soon. A clock that is behind the pause's own beginning was set back since, or never set, and says nothing of its end.
pub fn is_in_force(pause: &Pause, time: Time) -> bool {
    let Some(until) = pause.until else { return true };
    let knowing = time.clocks().filter(|now| pause.since <= *now).min();
    knowing.unwrap_or(time.later()) < until
}

/// How often a pause is written again because somebody else wrote the secret meanwhile.
const CONTESTS: u32 = 6;
/// Before it is: a rotation writes a few times within seconds.
const CONTEST_PAUSE: Duration = Duration::from_millis(700);

/// What became of a pause that was to be set or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The record says so now.
    Written {
        /// As it was written.
        record: Box<Record>,
        /// What it said before.
        before: Option<Box<Pause>>,
    },
    /// The record said so before: there was nothing to end.
    Already(Box<Record>),
}

/// Why a pause was not set or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PauseError {
    /// There is no record yet to keep it in.
    #[error("nothing is served yet, so there is no record that could keep a pause")]
    Vacant,
    /// What stands there is not to be touched; nothing is begun for it anyway.
    #[error(transparent)]
    Refused(Refusal),
    /// This machine's clock cannot be right, so that nobody knows when the pause would end.
    #[error(
        "it is {now} by this machine's clock, and the served token was published at {published_at}"
    )]
    ClockBehind {
        /// By the clock that is gone by.
        now: Timestamp,
        /// As the record has it.
        published_at: Timestamp,
    },
    /// Others wrote the secret each time.
    #[error("others write the secret again and again")]
    Contested,
    /// The store failed, and nothing was written.
    #[error(transparent)]
    Failed(Fault),
    /// The store failed, and whether it was written is not known.
    #[error(transparent)]
    Unknown(Fault),
}

impl PauseError {
    /// What a person can do about it.
    pub fn hint(&self, credential: &CredentialName) -> Option<String> {
        match self {
            Self::Vacant => Some(
                "set `paused = true` in its configuration: then no first token is made".to_owned(),
            ),
            Self::Refused(refusal) => Some(refusal.hint(credential)),
            Self::ClockBehind { .. } => {
                Some("set this machine's clock, or leave out --until".to_owned())
            }
            Self::Contested => Some("nothing was changed; run it again".to_owned()),
            Self::Failed(fault) => fault.hint.clone(),
            Self::Unknown(_) => {
                Some(format!("it may have been written all the same: pintail status {credential}"))
            }
        }
    }
}

/// Writes `pause` into the record of `subject`'s secret, or ends the one that is there. Nothing else is changed, and the
/// secret must be as it was read: whoever writes meanwhile, a rotation say, is read again.
pub async fn settle<W: World>(
    world: &W,
    subject: &Subject,
    pause: Option<&Pause>,
) -> Result<Settled, PauseError> {
    let mut unknown = None;
    let mut before = None;
    for contest in 0..CONTESTS {
        if contest > 0 {
            if world.stopping() {
                break;
            }
            world.nap(CONTEST_PAUSE).await;
        }
        let reading = match world.read(Site::Store).await {
            Ok(reading) => reading,
            // Nothing can be said of the write whose answer was lost.
            Err(fault) => {
                return Err(unknown.map_or(PauseError::Failed(fault), PauseError::Unknown));
            }
        };
        let (record, token) = ours(subject, &reading.content)?;
        if record.pause.as_deref() == pause {
            let record = Box::new(record.clone());
            // It was written after all.
            let is_own = unknown.is_some();
            return Ok(if is_own {
                Settled::Written { record, before }
            } else {
                Settled::Already(record)
            });
        }
        let now = world.now();
        if pause.is_some_and(|pause| pause.until.is_some())
            && later(now, UNSURE) < record.published_at
        {
            return Err(PauseError::ClockBehind { now, published_at: record.published_at });
        }
        let changed = Record { pause: pause.cloned().map(Box::new), ..record.clone() };
        before.clone_from(&record.pause);
        let purpose = if pause.is_some() { Purpose::Pause } else { Purpose::Resume };
        let write = PublishRequest::to_store(purpose, &reading, &changed, token);
        match world.publish(write).await {
            Ok(()) => return Ok(Settled::Written { record: Box::new(changed), before }),
            Err(PublishError::Conflict) => {}
            Err(PublishError::Refused(fault)) => return Err(PauseError::Failed(fault)),
            Err(PublishError::Unknown(fault)) => unknown = Some(fault),
        }
    }
    Err(unknown.map_or(PauseError::Contested, PauseError::Unknown))
}

/// The record, where it is this deployment's and describes the token beside it. Of others the reason is told: nothing is
/// begun for them.
fn ours<'r>(
    subject: &Subject,
    content: &'r SecretContent,
) -> Result<(&'r Record, &'r Token), PauseError> {
    let refused = |refusal| Err(PauseError::Refused(refusal));
    match content {
        SecretContent::Vacant => Err(PauseError::Vacant),
        SecretContent::Unmanaged { .. } => refused(Refusal::Unmanaged),
        SecretContent::Edited { record, .. } | SecretContent::Managed { record, .. }
            if record.owner != subject.owner =>
        {
            refused(Refusal::Foreign(record.owner.clone()))
        }
        SecretContent::Edited { .. } => refused(Refusal::Edited),
        SecretContent::Managed { record, .. }
            if record.username.canonical() != subject.username.canonical() =>
        {
            refused(Refusal::OtherAccount(record.username.clone()))
        }
        SecretContent::Managed { record, token } => Ok((record, token)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn pause(until: Option<i64>) -> Pause {
        Pause { since: at(0), until: until.map(at), by: None, reason: None, unknown: Map::new() }
    }

    #[test]
    fn a_pause_ends_when_its_time_has_come_and_without_one_never() {
        let hour = pause(Some(60));
        assert!(is_in_force(&hour, at(0).into()) && is_in_force(&hour, at(59).into()));
        assert!(!is_in_force(&hour, at(60).into()));
        assert!(is_in_force(&pause(None), Timestamp::MAX.into()));
    }

    #[test]
    fn a_clock_that_is_ahead_ends_no_pause_and_one_that_was_set_back_keeps_none() {
        let hour = pause(Some(60));
        let in_force =
            |now, other| is_in_force(&hour, Time { now: at(now), other: Some(at(other)) });
        assert!(in_force(9_999, 30), "this machine's is ahead");
        assert!(in_force(30, 9_999), "MotherDuck's is");
        assert!(!in_force(61, -9_999), "one that was never set knows nothing of it");
        assert!(!in_force(-9_999, 61), "be it this machine's");
        assert!(in_force(-1, -9_999), "where both are behind its beginning it has just begun");
    }
}
