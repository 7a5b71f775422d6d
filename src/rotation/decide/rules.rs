//! The rules of the two lists, a few lines each.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Case;
use super::request::Begin;
use super::stages::{self, HELD_POLL, RETRY, TRIES};
use super::terms::{Decision, Reason, Refusal, Stage, WaitingFor};
use super::tokens::{MOST_ORPHANS, MOST_PREDECESSORS};
use crate::record::{Phase, Record};
use crate::rotation::schedule::{
    Due, due, expiring, in_doubt, later, life, next_due, signed, youth,
};
use crate::rotation::time::{BELIEVED, Time};

/// Two lists that miss the served token are apart by at least this.
pub(super) const SIGHTINGS_APART: Duration = Duration::from_secs(15);

/// How long the word of an endpoint counts that the served token is another account's. Then it is asked again: it may
/// have erred. Each time somebody's Duckling wakes.
pub(super) const ASKED_AGAIN: Duration = Duration::from_hours(6);
/// In so many rotations running a revoked token went on connecting, and the endpoint is taken for one that checks none.
pub(super) const UNCONFIRMED: u8 = 2;
/// Between two tries whether the last one that was revoked is refused by now.
pub(super) const CONFIRMED_AGAIN: Duration = Duration::from_hours(1);

/// Somebody else's token in the place of ours: nothing is published over it, and nothing revoked.
pub(super) fn refuse_what_is_anothers(case: &Case<'_>, _: &Record) -> Option<Decision> {
    let proofs = case.seen.evidence.proofs();
    let (named, (_, said_at)) = (proofs.is_anothers()?, proofs.whose.as_ref()?);
    let is_fresh =
        *said_at <= case.seen.time.now && case.seen.time.now < later(*said_at, ASKED_AGAIN);
    let account = case.subject.username.clone();
    Some(if is_fresh {
        Decision::Refuse(Refusal::WrongAccount { account, named: named.clone() })
    } else {
        Decision::Verify
    })
}

/// Known to others, and asked for now; or rolled back behind our back, so that it is served again.
pub(super) fn replace_what_others_know(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let is_meant = case.request.begin == Begin::Rotation || record.is_rolled_back();
    (case.request.is_compromised && is_meant).then(|| case.replace(record, Reason::Compromised))
}

/// The way back ends where the predecessor is served again and connects. The gate goes on in later runs.
pub(super) fn roll_back_as_asked(case: &Case<'_>, record: &Record) -> Option<Decision> {
    if case.request.begin != Begin::RollBack {
        return None;
    }
    if record.is_rolled_back() {
        let back = Decision::Rest { next_due: None, elsewhere: vec![] };
        return Some(case.on_road(stages::BACK, record).unwrap_or(back));
    }
    let refuse = |why: &str| Decision::Refuse(Refusal::NoWayBack(why.to_owned()));
    Some(match (&case.seen.evidence.proofs().no_way_back, record.previous_token_ids.first()) {
        (Some(why), _) => refuse(why),
        (None, Some(id)) => Decision::RollBack(*id),
        (None, None) => refuse("the served token replaced none"),
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
/// was made says that a clock is wrong; to replace it again and again would only pile tokens up. So that is done once,
/// whatever is wrong, and after that only where it is old by a clock that can be believed.
pub(super) fn replace_what_wears_out(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let policy = &case.subject.policy;
    let at = expiring(policy, record, case.seen.time)?;
    let is_meant = !case.request.only_finishes() && !record.previous_token_ids.is_empty();
    if !is_meant || youth(policy, record, case.seen.time).is_some() {
        return None;
    }
    let is_first = record.is_rolled_back() || record.previous_token_ids.len() < MOST_PREDECESSORS;
    (is_first || case.is_old(record)).then(|| case.replace(record, Reason::Due(Due::Expiring(at))))
}

/// What is held must not be held on a token that is gone.
pub(super) fn next_stage(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let step = case.on_road(stages::WHOLE, record)?;
    let may_begin = case.request.begin == Begin::WhatIsDue && !case.spares_list();
    let is_held = may_begin && matches!(step, Decision::Hold { .. });
    let lost = is_held.then(|| prove_or_replace_what_is_missing(case, record)).flatten();
    Some(lost.unwrap_or(step))
}

#[expect(clippy::unnecessary_wraps, reason = "a rule, as its neighbours are")]
pub(super) fn seal(case: &Case<'_>, record: &Record) -> Option<Decision> {
    Some(Decision::Seal { orphans: case.unrecorded(record).orphans })
}

/// A list tells of what an interrupted run left behind, and of a served token that somebody revoked. Who asks for none
/// has the account listed on a slower clock. What is due, or may be but for a clock, and what this process has put
/// there and not proved yet, do not wait for that.
pub(super) fn rest_between_lists(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let (policy, time) = (&case.subject.policy, case.seen.time);
    let is_due = due(policy, record, time).is_some() || in_doubt(policy, record, time).is_some();
    let is_unproved = case.seen.is_unproved || case.seen.evidence.unproved == Some(record.token_id);
    let is_asked = case.request.begin == Begin::Rotation || case.request.is_compromised;
    if !case.spares_list() || is_due || is_unproved || is_asked {
        return None;
    }
    rest(case, record)
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
    due(&case.subject.policy, record, case.seen.time).filter(|_| begins)
}

pub(super) fn replace_what_expires(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let due = due_now(case, record).filter(|due| matches!(due, Due::Expiring(_)))?;
    Some(case.replace(record, Reason::Due(due)))
}

/// An endpoint that lets revoked tokens in would let any replacement in: what is proved there is proved by nobody. An
/// expiry, a loss, a leak and a person do not wait for that to be mended.
pub(super) fn hold_what_is_not_checked(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let is_scheduled = matches!(due_now(case, record)?, Due::Scheduled(_));
    let is_checked = record.unconfirmed_revocations < UNCONFIRMED;
    if !is_scheduled || is_checked || case.subject.endpoint.is_none() {
        return None;
    }
    let tries = &case.seen.evidence.proofs().confirm;
    if tries.succeeded() {
        return None;
    }
    let Some(until) = case.not_before(tries, CONFIRMED_AGAIN) else {
        return Some(Decision::Confirm);
    };
    let stage = Stage::EndpointNotChecking;
    prove_or_replace_what_is_missing(case, record).or(Some(Decision::Hold { stage, until }))
}

pub(super) fn replace_what_is_scheduled(case: &Case<'_>, record: &Record) -> Option<Decision> {
    Some(case.replace(record, Reason::Due(due_now(case, record)?)))
}

/// A token without predecessors that this process has just published: nothing waits for the gate, but the clients are
/// told. And whatever a run takes the credit for was seen to connect, as it is read, by that run.
pub(super) fn prove_what_is_new(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let is_new = case.seen.evidence.unproved == Some(record.token_id);
    let first = is_new.then(|| case.on_road(stages::FIRST_TOKEN, record)).flatten();
    let claimed = || case.seen.is_unproved.then(|| case.on_road(stages::PROOF, record)).flatten();
    first.or_else(claimed)
}

pub(super) fn replace_as_asked(case: &Case<'_>, record: &Record) -> Option<Decision> {
    (case.request.begin == Begin::Rotation).then(|| case.replace(record, Reason::Forced))
}

/// Absence is no proof: a second list and a refused connection are asked for. Where nothing may begin, the connection
/// alone tells whether what is served works.
pub(super) fn prove_or_replace_what_is_missing(
    case: &Case<'_>,
    record: &Record,
) -> Option<Decision> {
    if case.seen.listing.is_none() {
        return Some(Decision::List);
    }
    let proofs = case.seen.evidence.proofs();
    let verify = &proofs.verify;
    // A success counts from when it was first missed on: it connects, which is more than any list can say.
    if case.is_listed(record.token_id) || verify.succeeded() {
        return None;
    }
    let may_begin = case.request.begin == Begin::WhatIsDue;
    let missed = case.seen.evidence.missed_since.unwrap_or(case.seen.time.now);
    let second = later(missed, SIGHTINGS_APART);
    Some(if may_begin && missed <= case.seen.time.now && case.seen.time.now < second {
        Decision::Wait { until: second, waiting_for: WaitingFor::SecondList }
    } else if verify.failed < TRIES {
        case.paced(Stage::Verify, verify, RETRY, Decision::Verify)
    } else if may_begin && proofs.refused {
        case.replace(record, Reason::Lost)
    } else {
        case.held(Stage::Verify, verify, Decision::Verify)
    })
}

pub(super) fn revoke_orphans(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let orphans = case.unrecorded(record).orphans;
    orphans.iter().any(|id| case.is_ripe(*id)).then_some(Decision::Fence { orphans })
}

pub(super) fn forget_what_left(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let left = case.left(record);
    (!left.is_empty()).then_some(Decision::Forget(left))
}

/// A token that was made because of an expiry and seems near its own at once, or a schedule while the clocks disagree: a person is told.
pub(super) fn hold_while_clocks_disagree(case: &Case<'_>, record: &Record) -> Option<Decision> {
    if case.request.begin != Begin::WhatIsDue {
        return None;
    }
    let left = in_doubt(&case.subject.policy, record, case.seen.time)?.max(signed(HELD_POLL));
    let until = case.seen.time.now.saturating_add(left).unwrap_or(Timestamp::MAX);
    Some(Decision::Hold { stage: Stage::Clock, until })
}

#[expect(clippy::unnecessary_wraps, reason = "a rule, as its neighbours are")]
pub(super) fn rest(case: &Case<'_>, record: &Record) -> Option<Decision> {
    let next_due = next_due(&case.subject.policy, record, case.seen.time);
    Some(Decision::Rest { next_due, elsewhere: case.living_elsewhere(record) })
}

impl Case<'_> {
    /// Whether this look does without a list. A token that was missed in the last one is looked for until it is known
    /// what became of it.
    fn spares_list(&self) -> bool {
        let is_missed = self.seen.evidence.missed_since.is_some();
        self.request.spares_lists && self.seen.listing.is_none() && !is_missed
    }

    /// Whether the served token has lived for half of the time that it was meant to, by the clock that agreed with
    /// MotherDuck's own stamp when it was made. What that clock has from the future it knows nothing of.
    fn is_old(&self, record: &Record) -> bool {
        let Time { now, other } = self.seen.time;
        let policy = &self.subject.policy;
        let began = record.rotation_id.started_at();
        let agreed = began.is_some_and(|at| at.duration_since(record.created_at).abs() <= BELIEVED);
        let clock = if agreed { now } else { other.unwrap_or(now) };
        let age = clock.duration_since(record.created_at);
        let planned = |life: SignedDuration| life.saturating_sub(signed(policy.renew_before));
        age.is_negative() || life(policy, record).is_none_or(|life| age >= planned(life) / 2)
    }

    pub(super) fn replace(&self, record: &Record, reason: Reason) -> Decision {
        if self.seen.listing.is_none() {
            return Decision::List;
        }
        let found = self.unrecorded(record);
        if found.orphans.len() >= MOST_ORPHANS {
            return Decision::Fence { orphans: found.orphans };
        }
        let mut previous = vec![record.token_id];
        match record.phase {
            // Not yet proved superfluous: they are kept whatever the list says, which may lag or lack them.
            Phase::Published => previous.extend(&record.previous_token_ids),
            Phase::Retiring => previous.extend(self.living_predecessors(record)),
        }
        let mut elsewhere = record.elsewhere_token_ids.clone();
        // Beside a served token that is listed they are another place's, whose record names them.
        if !self.is_listed(record.token_id) || self.request.takes_all() {
            elsewhere.extend(found.elsewhere);
        }
        if self.request.takes_all() {
            previous.append(&mut elsewhere);
        }
        Decision::Replace { reason, previous, orphans: found.orphans, elsewhere }
    }
}
