//! The promises, in terms of what happened in the world: what consumers could read, what is alive, what was proved.

use super::ground::{Applied, Consumers, Ground, Place, USER_KEY};
use super::run::mark;
use super::store::{Answer, Content, Request};
use crate::names::{TokenId, TokenName};
use crate::record::Phase;
use crate::rotation::run::{Outcome, Report};

impl Ground {
    pub(super) fn write(&mut self, request: Request) -> Answer {
        let before = (self.store().version(), self.served_id());
        let served_theirs = self.serves_theirs();
        let paused = self.served().filter(|stored| stored.content == Content::Managed);
        let paused = paused.map(|stored| stored.record.pause.clone());
        let answer = self.store_mut().apply(request);
        if !self.store_mut().note_current(&before.0) {
            self.violate("a version was made current twice");
        }
        let id = self.served_id();
        if id != before.1 {
            let place = &mut self.places[self.here];
            place.verified = false;
            place.gated = false;
            if let Some(id) = id {
                let is_served_again = !place.served.insert(id);
                place.superseded.remove(&id);
                self.note_renewal(id, is_served_again);
            }
            self.seen.iter_mut().for_each(|seen| seen.healthy = 0);
        }
        if let Some(stored) = self.served()
            && stored.object.get(USER_KEY) != Some("\"precious\"")
        {
            self.violate("the user's own key was lost");
        }
        if before.0 != self.store().version()
            && self.served().is_some_and(|stored| {
                stored.record.phase == Phase::Retiring && before.1 != id && !before.0.is_absent()
                    || (stored.text != Self::text_of(stored.record.token_id)
                        && !(self.is_adopted_wrongly && before.1 == id))
            })
        {
            self.violate("a record was published with another token");
        }
        if before.0 != self.store().version()
            && let (Some(pause), Some(now)) = (paused, self.served().map(|it| it.record.clone()))
        {
            if now.pause != pause {
                self.violate("a write lost a pause, or made one, that a person had not");
            }
            // To go back is to finish.
            let began =
                before.1 != id && self.by_itself.contains(&now.token_name) && !now.is_rolled_back();
            if began && pause.is_some_and(|pause| self.lasts(&pause)) {
                self.violate("a rotation began by itself while the record said paused");
            }
        }
        // Who replaces a leaked token does not wait for an endpoint that does not answer.
        if served_theirs && before.1 != id && !self.compromised {
            self.violate("something was published over another account's token");
        }
        answer
    }

    pub(super) fn revoke(&mut self, id: TokenId) -> Applied {
        let Some(token) = self.tokens.get(&id).cloned() else { return Applied::AlreadyGone };
        if token.revoked_at.is_some() {
            return Applied::AlreadyGone;
        }
        let is_let_go = self.given_up || self.compromised;
        if self.served_id() == Some(id) {
            self.violate("the served token was revoked (promise 1)");
        }
        if self.served_at(1 - self.here) == Some(id) && !is_let_go {
            self.violate("the token that another place serves was revoked (promise 1)");
        }
        if self.in_use.contains(&id) && !is_let_go {
            self.violate(
                "a token that consumers may use was revoked since its place is empty (promise 1)",
            );
        }
        if self.mirrored_id() == Some(id) {
            self.violate("the token that a mirror serves was revoked (promise 1)");
        }
        let is_needed =
            |place: &Place| place.served.contains(&id) && !place.superseded.contains(&id);
        let (mine, other) = (&self.places[self.here], &self.places[1 - self.here]);
        if is_needed(mine) || is_needed(other) && !is_let_go {
            self.violate(
                "a token that was served was revoked before a successor was proved (promise 2)",
            );
        }
        if !token.ours {
            self.violate("a token that pintail did not create was revoked (promise 3)");
        }
        if self.protected.contains(&id) {
            self.violate("a token was revoked after the secret was edited by hand");
        }
        if let Some(token) = self.tokens.get_mut(&id) {
            token.revoked_at = Some(self.now);
        }
        Applied::Revoked
    }

    /// A fresh connection of `actor`'s. It counts as a verification if the actor had read that token from the store.
    pub(super) fn connect(&mut self, actor: usize, text: &str) -> bool {
        let Some(id) = self.token_with(text) else { return false };
        let works = self.connects(id);
        if works && self.seen[actor].read.as_deref() == Some(text) {
            self.seen[actor].connected.insert(id);
        }
        if works && self.served_id() == Some(id) && self.seen[actor].read.as_deref() == Some(text) {
            self.places[self.here].verified = true;
            self.supersede();
        }
        works
    }

    /// A poll of the gate by `actor`: the consumers use what is served.
    pub(super) fn poll(&mut self, actor: usize) -> bool {
        self.polls += 1;
        let healthy = self.served_id().is_some_and(|id| self.connects(id))
            && match self.consumers {
                Consumers::Healthy => true,
                Consumers::Sick => false,
                Consumers::FondOfTheOld => {
                    self.served_id().is_some_and(|id| self.tokens[&id].created_at < self.started)
                }
                Consumers::Flapping => !self.polls.is_multiple_of(3),
            };
        let seen = &mut self.seen[actor];
        seen.healthy = if healthy { seen.healthy + 1 } else { 0 };
        if seen.healthy >= self.successes {
            self.places[self.here].gated = true;
            self.supersede();
        }
        healthy
    }

    /// Where what is served is proved, what was served before it is needed no more.
    fn supersede(&mut self) {
        let is_gated = self.places[self.here].gated || self.compromised;
        if self.places[self.here].verified
            && is_gated
            && let Some(id) = self.served_id()
        {
            let place = &mut self.places[self.here];
            place.superseded = place.served.clone();
            place.superseded.remove(&id);
        }
    }

    /// Whether one managed token lives, the served one; beside it those that its record names as living elsewhere, and
    /// those that were made for another place, which answers for them.
    pub(super) fn is_at_rest(&self) -> bool {
        let Some(served) = self.served_id() else { return false };
        let named = self.served().map(|stored| stored.record.elsewhere_token_ids.clone());
        let is_named = |id: &TokenId| named.iter().flatten().any(|one| one == id);
        let is_others = |id: &TokenId| {
            let name = TokenName::parse(&self.tokens[id].name);
            name.and_then(|name| name.rotation.place()) != Some(mark(self.here))
        };
        let rest = self.alive_managed().into_iter().filter(|id| !is_named(id) && !is_others(id));
        rest.eq([served].into_iter().filter(|id| !is_others(id))) && self.alive(served)
    }

    pub(super) fn check(&mut self) {
        for place in 0..self.places.len() {
            if let Some(id) = self.served_at(place)
                && !self.alive(id)
                && !self.excused.contains(&id)
                && (place == self.configured || !self.given_up && !self.compromised)
            {
                self.violate("the served token is dead (promise 1)");
            }
        }
        if let Some(id) = self.mirrored_id()
            && !self.alive(id)
            && !self.excused.contains(&id)
        {
            self.violate("the token that a mirror serves is dead (promise 1)");
        }
        self.most_alive = self.most_alive.max(self.alive_managed().len());
    }

    /// What a run of `actor` says of itself is true.
    pub(super) fn check_report(&mut self, actor: usize, report: &Report) {
        let seen = &self.seen[actor];
        // Where a person gave the text a wrong ID, the text is what connected.
        let connected = self.is_adopted_wrongly
            || report.token_id.is_some_and(|id| seen.connected.contains(&id));
        let listed = report.token_id.is_some_and(|id| seen.listed.contains(&id));
        match report.outcome {
            Outcome::Rotated | Outcome::RolledBack if !connected => {
                self.violate("a run took the credit for a token that it did not see connect");
            }
            Outcome::NotDue if !connected && !listed => {
                self.violate(
                    "a token was said not to be due that was neither listed nor connected",
                );
            }
            Outcome::Held if report.token_id.is_none() => {
                self.violate("a credential was said to be held that serves nothing");
            }
            Outcome::Rotated
            | Outcome::RolledBack
            | Outcome::NotDue
            | Outcome::Held
            | Outcome::Failed => {}
        }
        if report.outcome == Outcome::Rotated
            && let Some(old) = report.previous_token_id
            && Some(old) != self.served_id()
            && self.alive(old)
        {
            self.violate("a rotation was said to be complete while its predecessor lives");
        }
        if report.revoked.iter().any(|id| self.alive(*id)) {
            self.violate("a token was said to be revoked while it lives");
        }
    }

    pub(super) fn violate(&mut self, what: &str) {
        self.tell(|| format!("  !!! {what}"));
        self.violations.push(what.to_owned());
    }
}
