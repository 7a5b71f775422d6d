//! What the servers of the simulated world say of the time, and what each pintail has heard of it.

use jiff::SignedDuration;

use super::ground::Ground;
use crate::names::TokenId;
use crate::rotation::schedule::signed;
use crate::rotation::time::Time;

/// The `Date` of MotherDuck's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Date {
    /// There is none.
    None,
    /// It is off by so many minutes.
    Off(i64),
    /// Every other answer's is.
    Flapping(i64),
}

/// The clocks, by how far they are off.
pub(super) struct Clocks {
    pub(super) motherduck: Date,
    /// The store's, if it has one.
    pub(super) store: Option<SignedDuration>,
    /// How far each pintail's own is off.
    pub(super) hosts: Vec<SignedDuration>,
    /// MotherDuck's minus its own, as each pintail heard last; and the store's.
    pub(super) heard: Vec<(Option<SignedDuration>, Option<SignedDuration>)>,
    answers: u32,
}

impl Clocks {
    pub(super) fn right(actors: usize) -> Self {
        Self {
            motherduck: Date::None,
            store: None,
            hosts: vec![SignedDuration::ZERO; actors],
            heard: vec![(None, None); actors],
            answers: 0,
        }
    }

    /// MotherDuck answers one of the pintails.
    pub(super) fn hear_motherduck(&mut self, actor: usize) {
        self.answers += 1;
        let off = match self.motherduck {
            Date::None => None,
            Date::Off(minutes) => Some(minutes),
            Date::Flapping(minutes) => {
                Some(if self.answers.is_multiple_of(2) { minutes } else { 0 })
            }
        };
        if let Some(off) = off {
            self.heard[actor].0 = Some(SignedDuration::from_mins(off) - self.hosts[actor]);
        }
    }

    /// The store answers one of them.
    pub(super) fn hear_store(&mut self, actor: usize) {
        if let Some(off) = self.store {
            self.heard[actor].1 = Some(off - self.hosts[actor]);
        }
    }

    pub(super) fn time(&self, actor: usize, now: jiff::Timestamp) -> Time {
        let (motherduck, store) = self.heard[actor];
        Time::judge(now + self.hosts[actor], motherduck, store)
    }
}

impl Ground {
    /// A person takes away the record in which a renewal is remembered: the next one may come at once.
    pub(super) fn forget_renewals(&mut self) {
        self.renewed_at = None;
    }

    /// Another token is served. Those that were made because of an expiry come one after the other; what is served again
    /// may be as old as it seems.
    pub(super) fn note_renewal(&mut self, id: TokenId, is_served_again: bool) {
        if is_served_again {
            self.renewed_at = None;
        }
        if !self.renewals.contains(&self.tokens[&id].name) || self.renewed.contains(&id) {
            return;
        }
        let pace = (signed(self.life) / 4).min(SignedDuration::from_hours(1));
        let is_early = |at| self.now.duration_since(at) < pace;
        if self.renewed_at.is_some_and(is_early) {
            self.violate("tokens were replaced because of their end, one right after the other");
        }
        self.renewed.insert(id);
        self.renewed_at = Some(self.now);
    }
}
