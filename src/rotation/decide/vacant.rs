//! A place without a token, while tokens of its credential may live.

use super::Case;
use super::request::Begin;
use super::terms::{Decision, Reason, Refusal, Vacancy};
use super::tokens::{MOST_ORPHANS, MOST_STRAYS, place_of};
use crate::names::TokenId;
use crate::rotation::world::ListedToken;

/// The listed tokens with our name, by what becomes of them once the place is filled.
#[derive(Default)]
struct Sorted {
    /// Nobody can serve them any more: they are revoked.
    orphans: Vec<TokenId>,
    /// They wait for the gate and the proof, as predecessors do.
    previous: Vec<TokenId>,
    /// They may be in use where pintail does not look. No gate could tell: consumers are healthy *because* they live.
    elsewhere: Vec<TokenId>,
}

impl Case<'_> {
    /// Nothing is served *here*. The secret may be new; or it was deleted, or lost, or the configuration was changed
    /// while consumers go on with what they read before. A vacant place is not a lost place: it is filled, so that who
    /// reads there gets a token that works, and what may be in use elsewhere stays alive until a person says otherwise.
    pub(super) fn fill(&self, vacancy: Vacancy<'_>) -> Decision {
        match self.request.begin {
            Begin::RollBack => {
                return Decision::Refuse(Refusal::NoWayBack("nothing is served yet".to_owned()));
            }
            // Also in compromise mode: a run that published, and reads nothing back, would go on for ever.
            Begin::Nothing => {
                let next_due = (!self.subject.policy.paused).then_some(self.seen.time.now);
                return Decision::Rest { next_due, elsewhere: vec![] };
            }
            Begin::WhatIsDue | Begin::Rotation => {}
        }
        if self.seen.listing.is_none() {
            return Decision::List;
        }
        let Sorted { orphans, previous, elsewhere } = self.found(vacancy);
        let strays = previous.len() + elsewhere.len();
        if strays >= MOST_STRAYS && !self.request.takes_all() {
            Decision::Refuse(Refusal::Strays(strays))
        } else if orphans.len() >= MOST_ORPHANS {
            Decision::Fence { orphans }
        } else {
            let reason = if elsewhere.is_empty() { Reason::First } else { Reason::Vacant };
            Decision::Replace { reason, previous, orphans, elsewhere }
        }
    }

    fn found(&self, vacancy: Vacancy<'_>) -> Sorted {
        let mut found = Sorted::default();
        for token in self.ours() {
            let of_kind = if self.seen.evidence.fenced.contains(&token.id) {
                &mut found.orphans
            } else if self.request.takes_all()
                || self.is_in_a_mirror(token, vacancy)
                || self.is_left_by_a_crash(token, vacancy)
            {
                &mut found.previous
            } else {
                &mut found.elsewhere
            };
            of_kind.push(token.id);
        }
        found
    }

    /// A mirror serves it, and the place that it was made for is among those that get the new token: all who read it
    /// are brought along.
    fn is_in_a_mirror(&self, token: &ListedToken, vacancy: Vacancy<'_>) -> bool {
        let is_known = place_of(token).is_none_or(|place| {
            place == self.subject.place || self.subject.mirrors.iter().any(|it| it.place == place)
        });
        vacancy.in_mirrors.contains(&token.id) && is_known
    }

    /// Made a moment ago for this very place, where nothing was ever written.
    fn is_left_by_a_crash(&self, token: &ListedToken, vacancy: Vacancy<'_>) -> bool {
        let is_for_here = place_of(token).is_none_or(|place| place == self.subject.place);
        vacancy.is_untouched && is_for_here && self.is_young(token)
    }
}
