//! The rules of the two lists, a few lines each.

use std::time::Duration;

use super::Case;
use super::request::Begin;
use super::stages::{self, RETRY, TRIES, later};
use super::terms::{Awaited, Decision, Obstacle, Reason, Refusal};
use super::tokens::{MOST_ORPHANS, MOST_STRAYS};
use crate::record::{Phase, Record};
use crate::rotation::schedule::{Due, due, expiring, next_due, signed};

/// Two lists that miss the served token are apart by at least this.
pub(super) const SIGHTINGS_APART: Duration = Duration::from_secs(15);

/// Known to others, and asked for now; or rolled back behind our back, so that it is served again.
pub(super) fn replace_what_others_know(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let is_meant = case.request.begin == Begin::Rotation || record.is_rolled_back();
    (case.request.is_compromised && is_meant).then(|| case.replace(record, Reason::Compromised))
}

pub(super) fn roll_back_as_asked(case: &Case<'_>, record: &Record) -> Option<Decision> {
    (case.request.begin == Begin::RollBack).then(|| {
        let refuse = |why: &str| Decision::Refuse(Refusal::NoWayBack(why.to_owned()));
        match (&case.seen.evidence.proofs().no_way_back, record.previous_token_ids.first()) {
            _ if record.is_rolled_back() => refuse("it is served again already"),
            (Some(why), _) => refuse(why),
            (None, Some(id)) => Decision::RollBack(*id),
            (None, None) => refuse("the served token replaced none"),
        }
    })
}

pub(super) fn refuse_to_roll_back(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let why = if record.previous_token_ids.is_empty() {
        "the served token replaced none"
    } else {
        "it is marked as retiring, or revoked"
    };
    (case.request.begin == Begin::RollBack)
        .then(|| Decision::Refuse(Refusal::NoWayBack(why.to_owned())))
}

/// The served token nears its expiry while its predecessors are not settled. One that seems near its end soon after it
/// was made says that a clock is wrong; to replace it again and again would only pile tokens up.
pub(super) fn replace_what_wears_out(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let at = expiring(&case.subject.policy, record, case.seen.now)?;
    let planned = at.duration_since(record.created_at) - signed(case.subject.policy.renew_before);
    let age = case.seen.now.duration_since(record.published_at);
    let is_old = record.is_rolled_back() || age.is_negative() || age >= planned / 2;
    let is_meant = !case.request.only_finishes() && !record.previous_token_ids.is_empty();
    (is_meant && is_old).then(|| case.replace(record, Reason::Due(Due::Expiring(at))))
}

/// What is held must not be held on a token that is gone.
pub(super) fn next_stage(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let step = case.on_road(stages::WHOLE, record)?;
    let lost = match step {
        Decision::Hold { .. } => replace_what_is_lost(case, record),
        _ => None,
    };
    Some(lost.unwrap_or(step))
}

pub(super) fn seal(case: &Case<'_>, record: &Record) -> Option<Decision> {
    Some(Decision::Seal { orphans: case.orphans(Some(record)) })
}

pub(super) fn list(case: &Case<'_>, _: &Record) -> Option<Decision> {
    case.seen.listing.is_none().then_some(Decision::List)
}

pub(super) fn revoke_predecessors(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let left = case.living_predecessors(record);
    (!left.is_empty()).then_some(Decision::Revoke(left))
}

fn due_now(case: &Case<'_>, record: &Record) -> Option<Due> {
    let begins = case.request.begin == Begin::WhatIsDue;
    due(&case.subject.policy, record, case.seen.now).filter(|_| begins)
}

pub(super) fn replace_what_expires(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let due = due_now(case, record).filter(|due| matches!(due, Due::Expiring(_)))?;
    Some(case.replace(record, Reason::Due(due)))
}

pub(super) fn replace_what_is_scheduled(case: &Case<'_>, record: &Record) -> Option<Decision> {
    Some(case.replace(record, Reason::Due(due_now(case, record)?)))
}

pub(super) fn prove_a_first_token(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let is_unproved = case.seen.evidence.unproved == Some(record.token_id);
    is_unproved.then(|| case.on_road(stages::FIRST_TOKEN, record)).flatten()
}

pub(super) fn replace_as_asked(case: &Case<'_>, record: &Record) -> Option<Decision> {
    (case.request.begin == Begin::Rotation).then(|| case.replace(record, Reason::Forced))
}

/// Absence is no proof: a second list and a refused connection are asked for.
pub(super) fn replace_what_is_lost(case: &Case<'_>, record: &Record) -> Option<Decision> {
    if case.request.begin != Begin::WhatIsDue {
        return None;
    }
    if case.seen.listing.is_none() {
        return Some(Decision::List);
    }
    let proofs = case.seen.evidence.proofs();
    let verify = &proofs.verify;
    // A success counts from when it was first missed on: it connects, which is more than any list can say.
    if case.is_listed(record.token_id) || verify.succeeded() {
        return None;
    }
    let missed = case.seen.evidence.missed_since.unwrap_or(case.seen.now);
    let second = later(missed, SIGHTINGS_APART);
    Some(if missed <= case.seen.now && case.seen.now < second {
        Decision::Wait { until: second, awaited: Awaited::SecondSighting }
    } else if verify.count < TRIES {
        case.paced(Obstacle::Verify, verify, RETRY, Decision::Verify)
    } else if proofs.refused {
        case.replace(record, Reason::Lost)
    } else {
        case.held(Obstacle::Verify, verify, Decision::Verify)
    })
}

pub(super) fn revoke_orphans(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let orphans = case.orphans(Some(record));
    orphans.iter().any(|id| case.is_ripe(*id)).then_some(Decision::Touch { orphans })
}

pub(super) fn rest(case: &Case<'_>, record: &Record) -> Option<Decision> {
    Some(Decision::Rest { next_due: next_due(&case.subject.policy, record, case.seen.now) })
}

impl Case<'_> {
    /// Nothing is served *here*. A token with our name may yet be in use: the secret may have been deleted, or the
    /// credential moved to another place. It waits for the gate and the proof, as a predecessor does.
    pub(super) fn vacant(&self) -> Decision {
        match self.request.begin {
            Begin::RollBack => {
                return Decision::Refuse(Refusal::NoWayBack("nothing is served yet".to_owned()));
            }
            Begin::Nothing if !self.request.is_compromised => {
                return Decision::Rest {
                    next_due: (!self.subject.policy.paused).then_some(self.seen.now),
                };
            }
            Begin::Nothing | Begin::WhatIsDue | Begin::Rotation => {}
        }
        if self.seen.listing.is_none() {
            return Decision::List;
        }
        let is_fenced = |id: &_| self.seen.evidence.fenced.contains(id);
        let (orphans, strays): (Vec<_>, Vec<_>) =
            self.orphans(None).into_iter().partition(is_fenced);
        if strays.len() >= MOST_STRAYS {
            Decision::Refuse(Refusal::Strays(strays.len()))
        } else if orphans.len() >= MOST_ORPHANS {
            Decision::Touch { orphans }
        } else {
            Decision::Replace { reason: Reason::First, previous: strays, orphans }
        }
    }

    pub(super) fn replace(&self, record: &Record, reason: Reason) -> Decision {
        if self.seen.listing.is_none() {
            return Decision::List;
        }
        let orphans = self.orphans(Some(record));
        if orphans.len() >= MOST_ORPHANS {
            return Decision::Touch { orphans };
        }
        let mut previous = vec![record.token_id];
        match record.phase {
            // Not yet proved superfluous: they are kept whatever the list says, which may lag or lack them.
            Phase::Published => previous.extend(&record.previous_token_ids),
            Phase::Retiring => previous.extend(self.living_predecessors(record)),
        }
        Decision::Replace { reason, previous, orphans }
    }
}
