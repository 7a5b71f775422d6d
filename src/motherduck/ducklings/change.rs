//! A change of an account's Ducklings: checked values, applied to what the service says is there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Ducklings, Pool};

/// The sizes that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// The smallest, billed by use.
    Pulse,
    /// The next.
    Standard,
    /// The next.
    Jumbo,
    /// The next.
    Mega,
    /// The largest.
    Giga,
    /// One that a later version of the service may have.
    Other(String),
}

impl Size {
    const KNOWN: [Self; 5] = [Self::Pulse, Self::Standard, Self::Jumbo, Self::Mega, Self::Giga];

    /// The size of that name, known or not.
    pub fn named(name: &str) -> Self {
        name.parse().unwrap_or_else(|_| Self::Other(name.to_owned()))
    }

    /// The size as MotherDuck spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pulse => "pulse",
            Self::Standard => "standard",
            Self::Jumbo => "jumbo",
            Self::Mega => "mega",
            Self::Giga => "giga",
            Self::Other(name) => name,
        }
    }
}

/// How many Ducklings read at scale at most: 0 to 64, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlockSize(pub u64);

/// How long a Duckling stays up after its last session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cooldown {
    /// As long as the service chooses.
    ServiceChoice,
    /// So many seconds: 60 to 86 400.
    Seconds(u64),
}

/// Why a text is no value of a Duckling, or a change cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// An unknown size.
    #[error("a Duckling's size is pulse, standard, jumbo, mega or giga")]
    Size,
    /// Not a flock size.
    #[error("a flock size is a whole number from 0 to 64")]
    FlockSize,
    /// Not a cooldown.
    #[error(
        "a cooldown is 1m to 24h in whole seconds, such as 5m, or none for MotherDuck's own choice"
    )]
    Cooldown,
    /// A cooldown for a size that has none.
    #[error("a cooldown cannot be chosen for the size pulse ({0})")]
    CooldownOfPulse(&'static str),
}

impl FromStr for Size {
    type Err = ChangeError;
    fn from_str(text: &str) -> Result<Self, ChangeError> {
        Self::KNOWN.into_iter().find(|size| size.as_str() == text).ok_or(ChangeError::Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FlockSize {
    type Err = ChangeError;
    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let size = text.parse().ok().filter(|size| (0..=64).contains(size));
        size.map(Self).ok_or(ChangeError::FlockSize)
    }
}

impl FromStr for Cooldown {
    type Err = ChangeError;
    fn from_str(text: &str) -> Result<Self, ChangeError> {
        if text == "none" {
            return Ok(Self::ServiceChoice);
        }
        let duration = humantime::parse_duration(text).map_err(|_| ChangeError::Cooldown)?;
        let whole = duration == Duration::from_secs(duration.as_secs());
        if whole && (60..=86_400).contains(&duration.as_secs()) {
            Ok(Self::Seconds(duration.as_secs()))
        } else {
            Err(ChangeError::Cooldown)
        }
    }
}

/// What is to be different; the rest stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Of the Duckling that reads and writes, which has no flock.
    pub read_write: PoolChange,
    /// Of those that read at scale.
    pub read_scaling: PoolChange,
    /// How many of those there are at most.
    pub flock_size: Option<FlockSize>,
}

/// What is to be different of one kind of Duckling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolChange {
    /// Its size. A cooldown that stands there is dropped where the new size has none.
    pub size: Option<Size>,
    /// Its cooldown.
    pub cooldown: Option<Cooldown>,
}

impl Change {
    /// Whether nothing is to be different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses what no state of the service could make right.
    pub fn check(&self) -> Result<(), ChangeError> {
        for (pool, name) in [(&self.read_write, "read_write"), (&self.read_scaling, "read_scaling")]
        {
            if let (Some(Size::Pulse), Some(Cooldown::Seconds(_))) = (&pool.size, pool.cooldown) {
                return Err(ChangeError::CooldownOfPulse(name));
            }
        }
        Ok(())
    }

    /// `before`, with the change.
    pub fn apply(&self, before: &Ducklings) -> Result<Ducklings, ChangeError> {
        let mut after = before.clone();
        self.read_write.apply(&mut after.read_write, "read_write")?;
        self.read_scaling.apply(&mut after.read_scaling, "read_scaling")?;
        if let Some(FlockSize(size)) = self.flock_size {
            after.read_scaling.flock_size = Some(size);
        }
        Ok(after)
    }
}

impl PoolChange {
    fn apply(&self, pool: &mut Pool, name: &'static str) -> Result<(), ChangeError> {
        if let Some(size) = &self.size {
            size.as_str().clone_into(&mut pool.instance_size);
        }
        let is_pulse = pool.instance_size == Size::Pulse.as_str();
        match self.cooldown {
            Some(Cooldown::Seconds(_)) if is_pulse => {
                return Err(ChangeError::CooldownOfPulse(name));
            }
            Some(Cooldown::Seconds(seconds)) => pool.cooldown_seconds = Some(seconds),
            Some(Cooldown::ServiceChoice) => pool.cooldown_seconds = None,
            // The whole body is sent, and the service refuses one that has both.
            None if is_pulse => pool.cooldown_seconds = None,
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn before() -> Ducklings {
        serde_json::from_value(json!({
            "read_write": {"instance_size": "jumbo", "cooldown_seconds": 300},
            "read_scaling": {"instance_size": "pulse", "flock_size": 4},
        }))
        .unwrap()
    }

    #[test]
    fn one_value_changes_and_the_rest_stays() {
        let change = Change { flock_size: "8".parse().ok(), ..Change::default() };
        let mut expected = before();
        expected.read_scaling.flock_size = Some(8);
        assert_eq!(change.apply(&before()).unwrap(), expected);
        assert!(!change.is_empty() && Change::default().is_empty());
    }

    #[test]
    fn a_cooldown_goes_when_its_size_becomes_pulse() {
        let read_write = PoolChange { size: Some(Size::Pulse), cooldown: None };
        let change = Change { read_write, ..Change::default() };
        assert_eq!(change.apply(&before()).unwrap().read_write.cooldown_seconds, None);
    }

    #[test]
    fn a_cooldown_for_pulse_is_refused_whether_the_size_was_asked_for_or_is_there() {
        let cooldown = Some(Cooldown::Seconds(60));
        let asked = PoolChange { size: Some(Size::Pulse), cooldown };
        let asked = Change { read_write: asked, ..Change::default() };
        assert_eq!(asked.check(), Err(ChangeError::CooldownOfPulse("read_write")));
        let there = PoolChange { size: None, cooldown };
        let there = Change { read_scaling: there, ..Change::default() };
        assert_eq!(there.check(), Ok(()));
        assert_eq!(there.apply(&before()), Err(ChangeError::CooldownOfPulse("read_scaling")));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert!("64".parse::<FlockSize>().is_ok() && "0".parse::<FlockSize>().is_ok());
        for text in ["65", "-1", "x", ""] {
            assert_eq!(text.parse::<FlockSize>(), Err(ChangeError::FlockSize), "{text}");
        }
        assert_eq!("1m".parse(), Ok(Cooldown::Seconds(60)));
        assert_eq!("1day".parse(), Ok(Cooldown::Seconds(86_400)));
        assert_eq!("none".parse(), Ok(Cooldown::ServiceChoice));
        for text in ["59s", "86401s", "60", "90500ms", ""] {
            assert_eq!(text.parse::<Cooldown>(), Err(ChangeError::Cooldown), "{text}");
        }
        assert_eq!("tiny".parse::<Size>(), Err(ChangeError::Size));
    }
}
