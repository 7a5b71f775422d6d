//! What pintail must be allowed to do, and asks the API server about.

use std::fmt;

use super::client::Cluster;
use super::error::Verb;
use super::object::Place;

/// One verb on one object, or on all of a kind in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    verb: Verb,
    place: Place,
}

impl Right {
    /// To do `verb` there.
    pub(crate) fn new(verb: Verb, place: Place) -> Self {
        Self { verb, place }
    }

    /// How it is given.
    pub fn hint(&self) -> String {
        let group = match self.place.api.split('/').collect::<Vec<_>>().as_slice() {
            ["apis", group, ..] => group,
            _ => "",
        };
        let names = match &self.place.name {
            Some(name) => format!(", resourceNames: [\"{name}\"]"),
            None => String::new(),
        };
        format!(
            "add it to the Role of pintail's ServiceAccount in namespace {}: apiGroups: [\"{group}\"], resources: \
             [\"{}\"], verbs: [\"{}\"]{names}",
            self.place.namespace.as_deref().unwrap_or_default(),
            self.place.resource,
            self.verb.as_str(),
        )
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.verb.as_str(), self.place)
    }
}

impl Cluster {
    /// Those of `rights` that the API server says are missing. Where it does not say, nothing is missing: the probes
    /// remain.
    pub(crate) async fn missing(&self, rights: Vec<Right>) -> Vec<Right> {
        let mut missing = vec![];
        for right in rights {
            if matches!(self.allows(right.verb, &right.place).await, Ok(false)) {
                missing.push(right);
            }
        }
        missing
    }
}
