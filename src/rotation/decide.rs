//! The whole policy: from what was observed to the one step to take. Reads no clock, does no I/O, holds no secret.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{GatePace, OnFailure};
use crate::names::{TokenId, TokenName};
use crate::record::{Phase, Record};
use crate::rotation::evidence::{Evidence, Tries};
use crate::rotation::schedule::{Due, due, expiring, next_due, signed};
use crate::rotation::world::ListedToken;

mod terms;
#[cfg(test)]
mod tests;

pub use self::terms::{
    Awaited, Decision, Observation, Obstacle, Reason, Refusal, Sight, Subject, Trigger,
};

/// Two lists that miss the served token are apart by at least this.
pub const SIGHTINGS_APART: Duration = Duration::from_secs(15);
/// Between two tries of a deploy hook or a verification.
pub const RETRY: Duration = Duration::from_secs(3);
/// How often a hook or a verification is tried before the deadline can end it.
pub const TRIES: u32 = 5;
/// How often a gate is polled before its deadline can end it, beyond the successes that it asks for: a restart long
/// after the deadline must not condemn healthy consumers.
pub const FAIR_POLLS: u32 = 2;
/// Between two polls of a gate that is held.
pub const HELD_POLL: Duration = Duration::from_mins(1);
/// With so many orphans alive no further token is created before they are revoked.
pub const MOST_ORPHANS: usize = 3;
/// With so many tokens alive and none served, a person is asked.
pub const MOST_STRAYS: usize = 10;

/// The step to take for `subject`, as observed.
pub fn decide(subject: &Subject, seen: &Observation<'_>) -> Decision {
    // Paused means: begin nothing. To finish is safe, and a rotation that was frozen half way would leave two tokens.
    let is_paused = subject.policy.paused && seen.trigger == Trigger::Schedule;
    let trigger = if is_paused { Trigger::Finish } else { seen.trigger };
    let seen = &Observation { trigger, ..*seen };
    match seen.sight {
        Sight::Unmanaged => Decision::Refuse(Refusal::Unmanaged),
        Sight::Edited(record) | Sight::Managed(record) if record.owner != subject.owner => {
            Decision::Refuse(Refusal::Foreign(record.owner.clone()))
        }
        Sight::Edited(_) => Decision::Refuse(Refusal::Edited),
        Sight::Managed(record) if record.username != subject.username => {
            Decision::Refuse(Refusal::OtherAccount(record.username.clone()))
        }
        Sight::Vacant => vacant(subject, seen),
        Sight::Managed(record) => managed(subject, seen, record),
    }
}

/// Nothing is served *here*. A token with our name may yet be in use: the secret may have been deleted, or the
/// credential moved to another place. It waits for the gate and the proof, as a predecessor does.
fn vacant(subject: &Subject, seen: &Observation<'_>) -> Decision {
    match seen.trigger {
        Trigger::RollBack => {
            return Decision::Refuse(Refusal::NoWayBack("nothing is served yet".to_owned()));
        }
        Trigger::Finish => {
            let next_due = (!subject.policy.paused).then_some(seen.now);
            return Decision::Rest { next_due };
        }
        Trigger::Schedule | Trigger::Forced | Trigger::Compromised | Trigger::CompromisedBegun => {}
    }
    let Some(listing) = seen.listing else { return Decision::List };
    let (orphans, strays): (Vec<_>, Vec<_>) = orphans(subject, listing, None, seen.evidence)
        .into_iter()
        .partition(|id| seen.evidence.fenced.contains(id));
    if strays.len() >= MOST_STRAYS {
        Decision::Refuse(Refusal::Strays(strays.len()))
    } else if orphans.len() >= MOST_ORPHANS {
        Decision::Touch { orphans }
    } else {
        Decision::Replace { reason: Reason::First, previous: strays, orphans }
    }
}

fn managed(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let unresolved = record.is_unfinished();
    match seen.trigger {
        Trigger::Compromised => return replace(subject, seen, record, Reason::Compromised),
        // Rolled back behind our back: what is served again is the token that others know.
        Trigger::CompromisedBegun if record.is_rolled_back() => {
            return replace(subject, seen, record, Reason::Compromised);
        }
        Trigger::RollBack if !unresolved || record.is_rolled_back() => {
            return Decision::Refuse(Refusal::NoWayBack(way_back_is_shut(record)));
        }
        Trigger::RollBack => return roll_back(seen, record),
        Trigger::Schedule | Trigger::Finish | Trigger::Forced | Trigger::CompromisedBegun => {}
    }
    // Neither a long hold nor a revocation that fails may let the served token die: the record then lists all that
    // still live.
    if seen.trigger != Trigger::Finish
        && let Some(at) = wears_out(subject, seen, record)
    {
        return replace(subject, seen, record, Reason::Due(Due::Expiring(at)));
    }
    if !unresolved {
        return resolved(subject, seen, record);
    }
    let step = advance(subject, seen, record);
    // What is held must not be held on a token that is gone.
    if matches!(step, Decision::Hold { .. }) && seen.trigger == Trigger::Schedule {
        return lost(subject, seen, record).unwrap_or(step);
    }
    step
}

fn way_back_is_shut(record: &Record) -> String {
    if record.is_rolled_back() && record.phase == Phase::Published {
        "it is served again already".to_owned()
    } else if record.previous_token_ids.is_empty() {
        "the served token replaced none".to_owned()
    } else {
        "it is marked as retiring, or revoked".to_owned()
    }
}

/// The expiry of a served token whose predecessors are not settled, if it is near. A token that seems near its end
/// soon after it was made says that a clock is wrong; to replace it again and again would only pile tokens up.
fn wears_out(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Option<Timestamp> {
    let at = expiring(&subject.policy, record, seen.now)?;
    let planned =
        at.duration_since(record.created_at).saturating_sub(signed(subject.policy.renew_before));
    let age = seen.now.duration_since(record.published_at);
    let is_old = record.is_rolled_back() || age.is_negative() || age >= planned / 2;
    (is_old && !record.previous_token_ids.is_empty()).then_some(at)
}

/// A rotation between its publication and its seal: the gate, the proof, the seal.
fn advance(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let proofs = seen.evidence.proofs();
    let pace = subject.policy.gate;
    let deadline = later(record.published_at, pace.longest());
    // A publication far in the future was made before the clock was set back: its deadline would be far off as well.
    let overdue = deadline <= seen.now || later(seen.now, pace.longest()) < record.published_at;
    let step = |tries: &Tries, obstacle, act| {
        if tries.count >= TRIES && seen.trigger.skips_gate() {
            held(seen, obstacle, tries, act)
        } else if tries.count >= TRIES && overdue {
            stuck(subject, seen, record, obstacle, tries, act)
        } else {
            paced(seen, obstacle, tries, RETRY, act)
        }
    };
    if has_mirrors(subject) && !proofs.mirror.succeeded() {
        return step(&proofs.mirror, Obstacle::Mirror, Decision::Mirror);
    }
    // Known to others: clients that could not be told to reload are no reason to let the old token live.
    let deployed =
        proofs.deploy.succeeded() || (seen.trigger.skips_gate() && proofs.deploy.count > 0);
    if subject.has_deploy_hook && !deployed {
        return step(&proofs.deploy, Obstacle::Deploy, Decision::Deploy);
    }
    if !seen.trigger.skips_gate() {
        match pace {
            GatePace::Wait(_) if seen.now < deadline => {
                return Decision::Wait { until: deadline, awaited: Awaited::Step(Obstacle::Gate) };
            }
            GatePace::Open | GatePace::Wait(_) => {}
            GatePace::Polled { interval, successes, .. } => {
                let gate = &proofs.gate;
                if gate.streak < successes {
                    let fair = gate.count >= successes + FAIR_POLLS && gate.streak == 0;
                    return if fair && overdue {
                        stuck(subject, seen, record, Obstacle::Gate, gate, Decision::PollGate)
                    } else {
                        paced(seen, Obstacle::Gate, gate, interval, Decision::PollGate)
                    };
                }
            }
        }
    }
    if !proofs.verify.succeeded() {
        return step(&proofs.verify, Obstacle::Verify, Decision::Verify);
    }
    // Hours may have passed at the gate.
    if has_mirrors(subject) && !seen.mirrored {
        return step(&proofs.mirror, Obstacle::Mirror, Decision::Mirror);
    }
    let orphans = seen
        .listing
        .map(|listing| orphans(subject, listing, Some(record), seen.evidence))
        .unwrap_or_default();
    Decision::Seal { orphans }
}

/// When the next try is allowed, if not now. A try that lies in the future was made before the clock was set back.
fn not_before(seen: &Observation<'_>, tries: &Tries, pace: Duration) -> Option<Timestamp> {
    let last = tries.last.filter(|last| *last <= seen.now)?;
    Some(later(last, pace)).filter(|until| seen.now < *until)
}

/// The next try of a step, at its pace.
fn paced(
    seen: &Observation<'_>,
    obstacle: Obstacle,
    tries: &Tries,
    pace: Duration,
    act: Decision,
) -> Decision {
    match not_before(seen, tries, pace) {
        Some(until) => Decision::Wait { until, awaited: Awaited::Step(obstacle) },
        None => act,
    }
}

/// A step whose deadline has passed. A rotation that began over another unfinished one is not rolled back: back and
/// forth between a token that nears its expiry and replacements that nobody is healthy with, tokens would pile up.
fn stuck(
    subject: &Subject,
    seen: &Observation<'_>,
    record: &Record,
    obstacle: Obstacle,
    tries: &Tries,
    act: Decision,
) -> Decision {
    let may_roll_back = subject.policy.on_failure == OnFailure::RollBack
        && !record.is_rolled_back()
        && record.previous_token_ids.len() == 1
        && seen.evidence.proofs().no_way_back.is_none();
    if may_roll_back { roll_back(seen, record) } else { held(seen, obstacle, tries, act) }
}

fn held(seen: &Observation<'_>, obstacle: Obstacle, tries: &Tries, act: Decision) -> Decision {
    match not_before(seen, tries, HELD_POLL) {
        Some(until) => Decision::Hold { obstacle, until },
        None => act,
    }
}

fn roll_back(seen: &Observation<'_>, record: &Record) -> Decision {
    if let Some(why) = &seen.evidence.proofs().no_way_back {
        return Decision::Refuse(Refusal::NoWayBack(why.clone()));
    }
    match record.previous_token_ids.first() {
        Some(&id) => Decision::RollBack(id),
        None => Decision::Refuse(Refusal::NoWayBack("the served token replaced none".to_owned())),
    }
}

/// No rotation is under way: finish revoking, begin what is due, notice a loss, clean up. Before anything is revoked or
/// begun the mirrors are brought to what the store serves; only an expiry that is near does not wait for them.
fn resolved(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let Some(listing) = seen.listing else { return Decision::List };
    let once_mirrored = |decision| {
        if has_mirrors(subject) && !seen.mirrored { Decision::Mirror } else { decision }
    };
    let leftover: Vec<_> = living_predecessors(record, listing, seen.evidence).collect();
    if !leftover.is_empty() {
        return once_mirrored(Decision::Revoke(leftover));
    }
    if seen.trigger == Trigger::Schedule
        && let Some(due) = due(&subject.policy, record, seen.now)
    {
        let begin = replace(subject, seen, record, Reason::Due(due));
        return match due {
            Due::Expiring(_) => begin,
            Due::Scheduled(_) => once_mirrored(begin),
        };
    }
    if seen.evidence.unproved == Some(record.token_id)
        && let Some(decision) = prove_first(subject, seen)
    {
        return once_mirrored(decision);
    }
    match seen.trigger {
        Trigger::Forced => {
            return once_mirrored(replace(subject, seen, record, Reason::Forced));
        }
        Trigger::Schedule => {
            if let Some(decision) = lost(subject, seen, record) {
                return decision;
            }
        }
        Trigger::Finish | Trigger::Compromised | Trigger::CompromisedBegun | Trigger::RollBack => {}
    }
    let orphans = orphans(subject, listing, Some(record), seen.evidence);
    once_mirrored(if orphans.iter().any(|id| is_ripe(subject, seen, listing, *id)) {
        Decision::Touch { orphans }
    } else {
        Decision::Rest { next_due: next_due(&subject.policy, record, seen.now) }
    })
}

fn has_mirrors(subject: &Subject) -> bool {
    !subject.mirrors.is_empty()
}

/// Whether an orphan is worth a write of its own: its publisher has had time enough, or is fenced off already. One
/// that has expired is not.
fn is_ripe(
    subject: &Subject,
    seen: &Observation<'_>,
    listing: &[ListedToken],
    id: TokenId,
) -> bool {
    seen.evidence.fenced.contains(&id)
        || listing.iter().any(|token| {
            token.id == id
                && later(token.created_at, subject.policy.orphan_grace) <= seen.now
                && token.expires_at.is_none_or(|at| seen.now < at)
        })
}

/// A token without predecessors that this process has just published: there is nothing to revoke and so nothing that
/// must wait for the gate, but the clients are told and the token is proved as it is read.
fn prove_first(subject: &Subject, seen: &Observation<'_>) -> Option<Decision> {
    let proofs = seen.evidence.proofs();
    let step = |tries: &Tries, obstacle, act| {
        if tries.count >= TRIES {
            held(seen, obstacle, tries, act)
        } else {
            paced(seen, obstacle, tries, RETRY, act)
        }
    };
    if subject.has_deploy_hook && !proofs.deploy.succeeded() {
        return Some(step(&proofs.deploy, Obstacle::Deploy, Decision::Deploy));
    }
    (!proofs.verify.succeeded()).then(|| step(&proofs.verify, Obstacle::Verify, Decision::Verify))
}

/// A served token that is not listed. Absence is no proof: a second list and a refused connection are asked for.
fn lost(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Option<Decision> {
    let Some(listing) = seen.listing else { return Some(Decision::List) };
    let proofs = seen.evidence.proofs();
    let verify = &proofs.verify;
    // A success counts from when it was first missed on: it connects, which is more than any list can say.
    if is_listed(listing, record.token_id) || verify.succeeded() {
        return None;
    }
    let missed = seen.evidence.missed_since.unwrap_or(seen.now);
    let second = later(missed, SIGHTINGS_APART);
    if missed <= seen.now && seen.now < second {
        return Some(Decision::Wait { until: second, awaited: Awaited::SecondSighting });
    }
    if verify.count < TRIES {
        Some(paced(seen, Obstacle::Verify, verify, RETRY, Decision::Verify))
    } else if proofs.refused {
        Some(replace(subject, seen, record, Reason::Lost))
    } else {
        Some(held(seen, Obstacle::Verify, verify, Decision::Verify))
    }
}

fn replace(subject: &Subject, seen: &Observation<'_>, record: &Record, reason: Reason) -> Decision {
    let Some(listing) = seen.listing else { return Decision::List };
    let orphans = orphans(subject, listing, Some(record), seen.evidence);
    if orphans.len() >= MOST_ORPHANS {
        return Decision::Touch { orphans };
    }
    let mut previous = vec![record.token_id];
    match record.phase {
        // Not yet proved superfluous: they are kept whatever the list says, which may lag or lack them.
        Phase::Published => previous.extend(&record.previous_token_ids),
        Phase::Retiring => previous.extend(living_predecessors(record, listing, seen.evidence)),
    }
    Decision::Replace { reason, previous, orphans }
}

fn is_listed(listing: &[ListedToken], id: TokenId) -> bool {
    listing.iter().any(|token| token.id == id)
}

/// The predecessors that are not known to be gone. A list that lacks the served token may lack others too.
fn living_predecessors<'a>(
    record: &'a Record,
    listing: &'a [ListedToken],
    evidence: &'a Evidence,
) -> impl Iterator<Item = TokenId> + 'a {
    let is_telling = is_listed(listing, record.token_id);
    record
        .previous_token_ids
        .iter()
        .copied()
        .filter(move |id| !is_telling || is_listed(listing, *id))
        .filter(|id| !evidence.gone.contains(id))
}

/// The listed tokens with our name that `record` neither serves nor lists as predecessors.
pub fn orphans(
    subject: &Subject,
    listing: &[ListedToken],
    record: Option<&Record>,
    evidence: &Evidence,
) -> Vec<TokenId> {
    let recorded = |id: TokenId| {
        record
            .is_some_and(|record| record.token_id == id || record.previous_token_ids.contains(&id))
    };
    listing
        .iter()
        .filter(|token| {
            token
                .name
                .as_deref()
                .is_some_and(|name| TokenName::is_ours(name, &subject.owner, &subject.credential))
        })
        .map(|token| token.id)
        .filter(|id| !recorded(*id) && !evidence.gone.contains(id))
        .collect()
}

fn later(instant: Timestamp, duration: Duration) -> Timestamp {
    instant.saturating_add(signed(duration)).unwrap_or(Timestamp::MAX)
}
