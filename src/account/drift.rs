//! What differs between the declared Ducklings and those that are there; pure.

use std::fmt;

use serde::Serialize;

use super::settings::{DeclaredDucklings, DeclaredPool};
use crate::motherduck::{Change, ChangeError, Cooldown, Ducklings, FlockSize, PoolChange, Size};

/// The values in the order of [`Ducklings::values`], as the configuration names them.
const NAMES: [&str; 5] = [
    "read_write size",
    "read_write cooldown",
    "read_scaling size",
    "read_scaling cooldown",
    "read_scaling flock_size",
];

/// Ducklings that are not as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Each value that differs.
    pub differences: Vec<Difference>,
    /// What is there, with what is declared; all of it is written.
    pub(super) wanted: Ducklings,
}

/// One value that is not as declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The value, as the configuration names it.
    pub value: &'static str,
    /// What is there.
    pub from: String,
    /// What is declared, or follows from it.
    pub to: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A terminal must not obey what a service answers.
        let sanitise = |text: &str| text.replace(char::is_control, "\u{fffd}");
        write!(f, "{} from {} to {}", self.value, sanitise(&self.from), sanitise(&self.to))
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.differences.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

/// What is declared, as the client asks for it.
pub(super) fn change_of(declared: &DeclaredDucklings) -> Change {
    let pool = |pool: &DeclaredPool| PoolChange {
        size: pool.size.as_deref().map(Size::named),
        cooldown: pool.cooldown_seconds.map(Cooldown::Seconds),
    };
    Change {
        read_write: pool(&declared.read_write),
        read_scaling: pool(&declared.read_scaling),
        flock_size: declared.flock_size.map(FlockSize),
    }
}

/// What must be written so that `found` is as declared, if anything.
pub(super) fn drift(declared: &Change, found: &Ducklings) -> Result<Option<Drift>, ChangeError> {
    let wanted = declared.apply(found)?;
    if wanted == *found {
        return Ok(None);
    }
    let values = NAMES.into_iter().zip(found.values()).zip(wanted.values());
    let differences = values
        .filter(|((_, from), to)| from != to)
        .map(|((value, from), to)| Difference { value, from, to })
        .collect();
    Ok(Some(Drift { differences, wanted }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> Ducklings {
        serde_json::from_value(json!({
            "read_write": {"instance_size": "jumbo", "cooldown_seconds": 300},
            "read_scaling": {"instance_size": "pulse", "flock_size": 4, "new": 1},
            "later": true,
        }))
        .unwrap()
    }

    fn declared(size: &str, flock_size: u64) -> Change {
        let read_write = DeclaredPool { size: Some(size.to_owned()), cooldown_seconds: None };
        change_of(&DeclaredDucklings {
            read_write,
            flock_size: Some(flock_size),
            ..DeclaredDucklings::default()
        })
    }

    #[test]
    fn what_is_not_declared_never_drifts() {
        assert_eq!(drift(&Change::default(), &found()), Ok(None));
        assert_eq!(drift(&declared("jumbo", 4), &found()), Ok(None));
    }

    #[test]
    fn a_drift_names_each_value_before_and_after_and_keeps_what_it_does_not_know() {
        let drift = drift(&declared("tera", 8), &found()).unwrap().unwrap();
        assert_eq!(
            drift.to_string(),
            "read_write size from jumbo to tera, read_scaling flock_size from 4 to 8"
        );
        let mut wanted = found();
        wanted.read_write.instance_size = "tera".to_owned();
        wanted.read_scaling.flock_size = Some(8);
        assert_eq!(drift.wanted, wanted);
    }

    #[test]
    fn a_cooldown_that_goes_with_its_size_is_part_of_the_drift() {
        let drift = drift(&declared("pulse", 4), &found()).unwrap().unwrap();
        assert_eq!(
            drift.to_string(),
            "read_write size from jumbo to pulse, read_write cooldown from 300 s to none"
        );
    }
}
