//! The promises, in terms of what happened in the world: what consumers could read, what is alive, what was proved.

use serde_json::Value;

use super::ground::{Applied, Consumers, Ground, USER_KEY};
use super::store::{Answer, Request};
use crate::names::TokenId;
use crate::record::Phase;

impl Ground {
    pub(super) fn write(&mut self, request: Request) -> Answer {
        let before = (self.store.version(), self.served_id());
        let served_theirs = self.serves_theirs();
        let answer = self.store.apply(request);
        if !self.store.note_current(&before.0) {
            self.violate("a version was made current twice");
        }
        let id = self.served_id();
        if id != before.1 {
            self.verified = false;
            self.gated = false;
            self.seen.iter_mut().for_each(|seen| seen.healthy = 0);
            if let Some(id) = id {
                self.served.insert(id);
                self.superseded.remove(&id);
            }
        }
        if let Some(stored) = self.served()
            && stored.object.get(USER_KEY) != Some(&Value::from("precious"))
        {
            self.violate("the user's own key was lost");
        }
        if before.0 != self.store.version()
            && self.served().is_some_and(|stored| {
                stored.record.phase == Phase::Retiring && before.1 != id
                    || (stored.text != Self::text_of(stored.record.token_id)
                        && !(self.is_adopted_wrongly && before.1 == id))
            })
        {
            self.violate("a record was published with another token");
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
        if self.served_id() == Some(id) {
            self.violate("the served token was revoked (promise 1)");
        }
        if self.mirrored_id() == Some(id) {
            self.violate("the token that a mirror serves was revoked (promise 1)");
        }
        if self.served.contains(&id) && !self.superseded.contains(&id) {
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
        if works && self.served_id() == Some(id) && self.seen[actor].read.as_deref() == Some(text) {
            self.verified = true;
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
            self.gated = true;
            self.supersede();
        }
        healthy
    }

    /// Where what is served is proved, what was served before it is needed no more.
    fn supersede(&mut self) {
        if self.verified
            && (self.gated || self.compromised)
            && let Some(id) = self.served_id()
        {
            self.superseded = self.served.clone();
            self.superseded.remove(&id);
        }
    }

    pub(super) fn check(&mut self) {
        if let Some(id) = self.served_id()
            && !self.alive(id)
            && !self.excused.contains(&id)
        {
            self.violate("the served token is dead (promise 1)");
        }
        if let Some(id) = self.mirrored_id()
            && !self.alive(id)
            && !self.excused.contains(&id)
        {
            self.violate("the token that a mirror serves is dead (promise 1)");
        }
        self.most_alive = self.most_alive.max(self.alive_managed().len());
    }

    pub(super) fn violate(&mut self, what: &str) {
        self.tell(|| format!("  !!! {what}"));
        self.violations.push(what.to_owned());
    }
}
