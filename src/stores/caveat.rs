//! What a store's own settings do to a secret that pintail keeps there, told by `pintail check`.

use std::time::Duration;

/// Something that a rotation does not fail of, and that takes away what it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveat {
    /// What it is.
    pub message: String,
    /// What a person can do about it.
    pub hint: String,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a caveat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A way out is missing, or will be.
    Warning,
    /// Consumers will find nothing.
    Error,
}

/// How many versions a secret needs for the way back, and how long one must stay.
pub(super) struct Limits {
    /// How many versions the store keeps.
    pub(super) versions: u64,
    /// How long it keeps one; for ever if `None`.
    pub(super) lifetime: Option<Duration>,
}

impl Limits {
    /// What follows from them for a secret whose versions are written `every` so often, and who set the one and the
    /// other.
    pub(super) fn caveats(
        &self,
        every: Duration,
        versions_set: &str,
        lifetime_set: &str,
    ) -> Vec<Caveat> {
        let mut caveats = Vec::new();
        if self.versions < 2 {
            caveats.push(Caveat {
                message: format!(
                    "{versions_set} keeps one version: what a rotation replaces cannot be served again"
                ),
                hint: "let it keep two versions at least, better ten".to_owned(),
                severity: Severity::Warning,
            });
        }
        if let Some(lifetime) = self.lifetime.filter(|lifetime| *lifetime < every) {
            let (lifetime, every) =
                (humantime::format_duration(lifetime), humantime::format_duration(every));
            caveats.push(Caveat {
                message: format!(
                    "{lifetime_set} deletes a version after {lifetime}, and a rotation may be {every} away: consumers would find \
                     nothing"
                ),
                hint: "let it keep versions for longer than the time between two rotations, or for ever"
                    .to_owned(),
                severity: Severity::Error,
            });
        }
        caveats
    }
}
