//! A credential whose place was changed while a token in use is served in the former one: it is kept there. Nobody can
//! tell by looking at the new place that consumers read another one.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Work;
use crate::config::{Config, Move, Place};
use crate::daemon::permit::{Permit, WithPermit};
use crate::fault::Fault;
use crate::names::Owner;
use crate::record;
use crate::rotation::condition::{Kept, Problem, Reason};
use crate::rotation::world::{Site, World};

/// The credential as it was before its place was changed.
pub(super) struct Former {
    pub(super) work: Work,
    /// The places that are no longer configured, by their numbers.
    left: Vec<(usize, Place)>,
    is_over: AtomicBool,
}

impl Former {
    /// What `before` was worked on as, if `now` leaves a place of it. What `now` lets go of is told.
    pub(super) fn between(before: &Work, now: &Work) -> Option<Self> {
        let Move { left, dropped } = Move::between(&before.places, &now.places);
        for place in dropped {
            let hint = "whoever still reads there has a token that no longer works after the next rotation: name the \
                        place as a mirror again until nobody does";
            tracing::warn!(credential = %now.subject.credential, place = %place, hint, "mirror dropped");
        }
        (!left.is_empty()).then(|| Self {
            work: before.under(now),
            left,
            is_over: AtomicBool::new(false),
        })
    }

    /// Whether it is still worked on as before.
    pub(super) fn is_in_force(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// From now on it is worked on as it is configured.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Why it is kept in its former place, if it is: a token in use is served there, or nobody can tell.
    pub(super) async fn keeps(&self, permit: &Permit, now: &Work, config: &Config) -> Option<Kept> {
        let world = WithPermit { world: &self.work.world, permit };
        for (number, place) in &self.left {
            let reading = match number.checked_sub(1) {
                None => world.read(Site::Store).await,
                Some(mirror) => world.read(Site::Mirror(mirror)).await,
            };
            let (why, is_in_doubt) = match reading {
                Ok(reading) if !serves(&reading.content, &config.owner, place) => continue,
                Ok(_) => ("a token in use is served".to_owned(), false),
                Err(Fault { message, .. }) => {
                    (format!("nobody can tell whether a token is served ({message})"), true)
                }
            };
            let configured = now.places.first().map(ToString::to_string).unwrap_or_default();
            let problem = Problem {
                step: None,
                reason: Reason::PlaceChanged,
                message: format!(
                    "it is configured to be kept as {configured}, and stays where it was: in {place} {why}"
                ),
                hint: Some(hint(place, now, config)),
            };
            return Some(Kept { problem, is_in_doubt });
        }
        None
    }
}

/// Whether a token of ours is served there.
fn serves(content: &record::SecretContent, owner: &Owner, place: &Place) -> bool {
    match content {
        record::SecretContent::Managed { record, .. }
        | record::SecretContent::Edited { record, .. } => record.owner == *owner,
        // A plain secret holds no record.
        record::SecretContent::Unmanaged { .. } => place.is_plain(),
        record::SecretContent::Vacant => false,
    }
}

fn hint(place: &Place, now: &Work, config: &Config) -> String {
    let mirror =
        format!("mirrors = [{{ store = \"{}\", path = \"{}\" }}]", place.store, place.path);
    if now.places.iter().any(|one| one.is_beside(place)) {
        return format!(
            "in one secret the token has one form: give it another path as well, with {mirror} until nobody reads the \
             former one, or take the change back"
        );
    }
    let first = if config.names(place) {
        String::new()
    } else {
        format!("keep the store {} as it was and give the other one another name; ", place.store)
    };
    format!(
        "to move it: {first}{mirror} until nobody reads the former place \
         (docs/how-to/change-the-configuration.md, \"Move a secret\"). Where both are one place under two names: \
         restart pintail"
    )
}
