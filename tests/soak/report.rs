//! How large a soak is, and what it came to.

use std::fmt::{Display, Formatter};
use std::time::Duration;

/// How large a soak is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// It ends with so many rotations.
    pub rotations: usize,
    /// With fewer than these it has shown nothing.
    pub least: usize,
    /// It ends after that time, whatever came of it.
    pub time: Duration,
    /// So many credentials are rotated side by side.
    pub credentials: usize,
    /// What decides over everything that is drawn.
    pub seed: u64,
}

impl Size {
    /// The size that `PINTAIL_SOAK_ROTATIONS` and `PINTAIL_SOAK_SEED` ask for; without them, a small one.
    pub fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} must be a number")))
        };
        let seed = number("PINTAIL_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
        match number("PINTAIL_SOAK_ROTATIONS") {
            None => Self {
                rotations: 40,
                least: 1,
                time: Duration::from_secs(12),
                credentials: 6,
                seed,
            },
            Some(rotations) => Self {
                rotations: usize::try_from(rotations).unwrap(),
                least: usize::try_from(rotations).unwrap(),
                time: Duration::from_secs(60 + 3 * rotations),
                credentials: 12,
                seed,
            },
        }
    }
}

/// What a soak came to.
#[derive(Debug)]
pub struct Report {
    pub rotations: usize,
    pub kills: u32,
    /// Before and after how many points of a rotation it was killed, and how many there are.
    pub points: (usize, usize),
    /// Lost, late, refused and nonsensical answers.
    pub faults: u64,
    /// Times that the store was ended, stood still, was full or read-only, or that MotherDuck stood still or was ended.
    pub outages: u32,
    pub connections: u64,
    pub outdated: u64,
    pub failed: usize,
    pub left_behind: usize,
    pub most_live: usize,
    pub elapsed: Duration,
    pub seed: u64,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} rotations, {} kills (at {} of {} points), {} faults, {} outages; consumers: {} connections, \
             {} failed, {} had to read again; at most {} tokens alive, {} left behind; {:.1} s, seed {}",
            self.rotations,
            self.kills,
            self.points.0,
            self.points.1,
            self.faults,
            self.outages,
            self.connections,
            self.failed,
            self.outdated,
            self.most_live,
            self.left_behind,
            self.elapsed.as_secs_f64(),
            self.seed,
        )
    }
}
