//! The simulated credential as the admin token of the very pintails that rotate it: without a living one there is no
//! way back in.

use std::sync::{Arc, Mutex};

use super::actor::{Actor, Part, Sent};
use super::bugs::Bug;
use super::ground::{Ground, Message};
use crate::fault::Fault as WorldFault;
use crate::names::TokenId;

/// What a person made before there was a record; it dies when the history is over.
const ROOT: &str = "root";

/// The admin token that a process goes by, as it last read it.
pub(super) type Badge = Arc<Mutex<Option<String>>>;

impl Ground {
    fn admits(&self, badge: &str) -> bool {
        match self.token_with(badge) {
            Some(id) => self.connects(id),
            None => badge == ROOT && self.served_id().is_none_or(|_| self.now <= self.started),
        }
    }
}

impl Actor {
    /// Whether MotherDuck says no to who asks.
    pub(super) fn is_turned_away(&self, part: Part) -> bool {
        let is_rest = matches!(part, Part::Rest | Part::Revocations);
        let badge = self.badge.as_ref().filter(|_| is_rest);
        badge.is_some_and(|badge| {
            badge.lock().unwrap().as_ref().is_some_and(|text| !self.shared().ground.admits(text))
        })
    }

    /// Reads the admin token where it is kept, as the shipping client does: at first, when it was refused, and before
    /// one of its predecessors is revoked.
    async fn read_badge(&self) -> Result<(), WorldFault> {
        let Some(badge) = &self.badge else { return Ok(()) };
        let text = self.ask(Part::Store, "reads the admin token", |ground| {
            ground.served().map_or_else(|| ROOT.to_owned(), |stored| stored.text.clone())
        });
        let text = text.await?;
        *badge.lock().unwrap() = Some(text);
        Ok(())
    }

    async fn have_badge(&self) -> Result<(), WorldFault> {
        let has_none = self.badge.as_ref().is_some_and(|badge| badge.lock().unwrap().is_none());
        if has_none { self.read_badge().await } else { Ok(()) }
    }

    /// Asks MotherDuck; once more where another admin token is to be had by now.
    pub(super) async fn ask_as_admin<T>(
        &self,
        what: &str,
        look: impl Fn(&mut Ground) -> T,
    ) -> Result<T, WorldFault> {
        self.have_badge().await?;
        let answer = self.ask(Part::Rest, what, &look).await;
        if answer.is_ok() || !self.is_turned_away(Part::Rest) {
            return answer;
        }
        self.read_badge().await?;
        self.ask(Part::Rest, what, look).await
    }

    /// The same for what changes something: a refusal for who asks tells that it was not done.
    pub(super) async fn send_as_admin(&self, part: Part, what: &str, message: Message) -> Sent {
        if let Err(fault) = self.have_badge().await {
            return Sent::Refused(fault.kind);
        }
        let sent = self.send(part, what, message.clone()).await;
        if !matches!(sent, Sent::Refused(_)) || !self.is_turned_away(part) {
            return sent;
        }
        if let Err(fault) = self.read_badge().await {
            return Sent::Refused(fault.kind);
        }
        self.send(part, what, message).await
    }

    /// Goes on with what is served, before `id` is revoked.
    pub(super) async fn take_over_badge(&self, id: TokenId) -> Result<(), WorldFault> {
        let Some(badge) = &self.badge else { return Ok(()) };
        if self.bug != Some(Bug::KeepsItsAdminToken) {
            self.read_badge().await?;
        }
        if badge.lock().unwrap().as_deref() == Some(&Ground::text_of(id)) {
            self.shared().ground.violate("a pintail revokes the admin token that it goes by");
        }
        Ok(())
    }
}
