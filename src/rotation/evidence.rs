//! What this process has proved so far, tied to one version of the record, and what it remembers between looks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::names::TokenId;
use crate::rotation::whose::{Calibration, Whose};
use crate::rotation::world::Version;

/// Tries of one kind of proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tries {
    /// How many there were.
    pub count: u32,
    /// How many failed in a row, up to the last one: what failed before a success is forgiven.
    pub failed: u32,
    /// How many succeeded in a row, up to the last one.
    pub streak: u32,
    /// When the last one ended.
    pub last: Option<Timestamp>,
    /// How the last failure went, if the last try failed.
    pub failure: Option<String>,
}

impl Tries {
    const NONE: Self = Self { count: 0, failed: 0, streak: 0, last: None, failure: None };

    /// Counts a try that ended at `now`.
    pub fn count(&mut self, now: Timestamp, result: Result<(), String>) {
        self.count += 1;
        self.last = Some(now);
        let is_ok = result.is_ok();
        self.streak = if is_ok { self.streak + 1 } else { 0 };
        self.failed = if is_ok { 0 } else { self.failed + 1 };
        self.failure = result.err();
    }

    /// Whether the last try succeeded.
    pub fn succeeded(&self) -> bool {
        self.streak > 0
    }
}

/// What was proved of one version of the record. Another version starts without any proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The mirrors, brought up to this version.
    pub mirror: Tries,
    /// The deploy hook.
    pub deploy: Tries,
    /// The consumers' health.
    pub gate: Tries,
    /// A connection with the token as read back from the store.
    pub verify: Tries,
    /// Whether the last such connection was refused, which is more than not coming about.
    pub refused: bool,
    /// Why the predecessor cannot be served again, if that was found out.
    pub no_way_back: Option<String>,
    /// Whether a token that was revoked is refused by now, where that was not seen in time.
    pub confirm: Tries,
    /// Whose the served token is, as it turned out last, and when.
    pub whose: Option<(Whose, Timestamp)>,
}

impl Proofs {
    const NONE: Self = Self {
        mirror: Tries::NONE,
        deploy: Tries::NONE,
        gate: Tries::NONE,
        verify: Tries::NONE,
        refused: false,
        no_way_back: None,
        confirm: Tries::NONE,
        whose: None,
    };

    /// Notes whose the served token turned out to be at `now`. That an endpoint says nothing is no news: what it said
    /// of the same version before still counts.
    pub fn note_whose(&mut self, whose: Whose, now: Timestamp) {
        let before = self.whose.take().map(|(before, _)| before);
        let kept = match (before, whose) {
            (Some(before), Whose::Unanswered) => before,
            (_, whose) => whose,
        };
        self.whose = Some((kept, now));
    }

    /// The account that the served token opens, if that is another one.
    pub fn is_anothers(&self) -> Option<&String> {
        match &self.whose {
            Some((Whose::Another(named), _)) => Some(named),
            Some((Whose::Own | Whose::Unanswered | Whose::Unclear(_), _)) | None => None,
        }
    }

    /// Whether the endpoint said that the served token is the account's.
    pub fn is_known_to_be_own(&self) -> bool {
        matches!(self.whose, Some((Whose::Own, _)))
    }
}

/// What this process knows of a credential beyond what it sees.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    version: Option<Version>,
    /// At rest there are none.
    proofs: Option<Box<Proofs>>,
    /// What tokens of a known origin showed of the endpoint.
    pub calibration: Calibration,
    /// A token that this process put there and has not proved yet.
    pub unproved: Option<TokenId>,
    /// Tokens that MotherDuck said are gone.
    pub gone: BTreeSet<TokenId>,
    /// Tokens that were never served and that nobody can serve any more: whoever meant to publish them is fenced off
    /// by a later write, or gave up. They may be revoked at any time.
    pub fenced: BTreeSet<TokenId>,
    /// When the account was last listed while the secret was at the version last looked at.
    pub listed_at: Option<Timestamp>,
    /// When the served token was first missed in the list, in a row of such lists.
    pub missed_since: Option<Timestamp>,
    /// Since when lists that show the served token lack one that lives elsewhere.
    pub missing_elsewhere: BTreeMap<TokenId, Timestamp>,
}

impl Evidence {
    /// Forgets the proofs unless they belong to `version`.
    pub fn observe(&mut self, version: &Version) {
        if self.version.as_ref() != Some(version) {
            self.version = Some(version.clone());
            self.proofs = None;
            self.missed_since = None;
            self.listed_at = None;
        }
    }

    /// A run begins. That the served token connected is told anew by each: a run says only what it saw itself.
    pub fn begin_run(&mut self) {
        if self.proofs().verify.succeeded() {
            self.proofs_mut().verify = Tries::default();
        }
    }

    /// The served token was missed in a list at `now`. What was proved of it before it was missed no longer counts.
    pub fn missed(&mut self, now: Timestamp) {
        if self.missed_since.is_none() {
            self.missed_since = Some(now);
            let proofs = self.proofs_mut();
            proofs.verify = Tries::default();
            proofs.refused = false;
        }
    }

    /// The served token was seen in a list, or connected.
    pub fn found(&mut self) {
        self.missed_since = None;
    }

    /// The proofs for the version last looked at.
    pub fn proofs(&self) -> &Proofs {
        static NONE: Proofs = Proofs::NONE;
        self.proofs.as_deref().unwrap_or(&NONE)
    }

    /// The proofs for the version last looked at, to add to.
    pub fn proofs_mut(&mut self) -> &mut Proofs {
        self.proofs.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn no() -> Result<(), String> {
        Err("no".to_owned())
    }

    fn looking_at(name: &str) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.observe(&Version::new(name));
        evidence.proofs_mut().verify.count(at(0), Ok(()));
        evidence
    }

    #[test]
    fn a_streak_counts_successes_in_a_row_and_a_failure_ends_it() {
        let mut tries = Tries::default();
        assert!(!tries.succeeded(), "nothing was tried");
        for second in 1..=3 {
            tries.count(at(second), Ok(()));
        }
        assert_eq!((tries.count, tries.streak, tries.last), (3, 3, Some(at(3))));
        tries.count(at(4), no());
        assert_eq!(
            tries,
            Tries {
                count: 4,
                failed: 1,
                streak: 0,
                last: Some(at(4)),
                failure: Some("no".to_owned())
            }
        );
        assert!(!tries.succeeded());
        tries.count(at(5), Ok(()));
        assert_eq!(
            tries,
            Tries { count: 5, failed: 0, streak: 1, last: Some(at(5)), failure: None }
        );
    }

    #[test]
    fn proofs_belong_to_one_version_and_to_no_other() {
        let mut evidence = looking_at("1");
        evidence.missed(at(1));
        evidence.proofs_mut().verify.count(at(2), Ok(()));
        evidence.observe(&Version::new("1"));
        assert!(evidence.proofs().verify.succeeded() && evidence.missed_since == Some(at(1)));
        evidence.observe(&Version::new("2"));
        assert_eq!((evidence.proofs(), evidence.missed_since), (&Proofs::default(), None));
    }

    #[test]
    fn what_was_proved_before_a_token_was_missed_counts_for_nothing_and_what_came_after_counts() {
        let mut evidence = looking_at("1");
        evidence.proofs_mut().refused = true;
        evidence.missed(at(5));
        assert_eq!(evidence.proofs(), &Proofs::default());
        evidence.proofs_mut().verify.count(at(6), Ok(()));
        evidence.missed(at(9));
        assert!(evidence.proofs().verify.succeeded());
        assert_eq!(evidence.missed_since, Some(at(5)), "the first of a row");
        evidence.found();
        assert_eq!(evidence.missed_since, None);
    }
}
