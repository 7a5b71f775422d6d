//! The whole policy: from what was observed to the one step to take. Reads no clock, does no I/O, holds no secret.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{GatePace, OnFailure, Policy};
use crate::names::{AccountName, CredentialName, Owner, TokenId, TokenName};
use crate::record::{Phase, Record, TokenType};
use crate::rotation::evidence::{Evidence, Tries};
use crate::rotation::schedule::{Due, due, expiring, next_due, signed};
use crate::rotation::world::ListedToken;

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

/// Who is asking, and by which rules.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The deployment.
    pub owner: Owner,
    /// The credential.
    pub credential: CredentialName,
    /// The account that its tokens belong to.
    pub username: AccountName,
    /// What new tokens may do.
    pub token_type: TokenType,
    /// The rules.
    pub policy: Policy,
    /// Whether there is a deploy hook.
    pub has_deploy_hook: bool,
}

/// What was asked for, beyond the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// Nothing: the schedule decides.
    #[default]
    Schedule,
    /// Finish what is unfinished; begin nothing.
    Finish,
    /// A rotation now.
    Forced,
    /// A rotation now, and no gate: the served token is known to others.
    Compromised,
    /// No gate, and the rotation was begun: the new token is to replace the old ones at once.
    CompromisedBegun,
    /// The predecessor again.
    RollBack,
}

impl Trigger {
    fn skips_gate(self) -> bool {
        match self {
            Self::Compromised | Self::CompromisedBegun => true,
            Self::Schedule | Self::Finish | Self::Forced | Self::RollBack => false,
        }
    }
}

/// What was seen in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight<'a> {
    /// No token.
    Vacant,
    /// A token that pintail did not put there.
    Unmanaged,
    /// A token that is not the one that our record describes.
    Edited(&'a Record),
    /// A token and its record.
    Managed(&'a Record),
}

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The wall clock.
    pub now: Timestamp,
    /// What was seen in the store.
    pub sight: Sight<'a>,
    /// The account's tokens, if they were listed after the store was read.
    pub listing: Option<&'a [ListedToken]>,
    /// What this process proved before.
    pub evidence: &'a Evidence,
    /// What was asked for.
    pub trigger: Trigger,
}

/// Why a replacement is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is served yet.
    First,
    /// The schedule or the expiry says so.
    Due(Due),
    /// A person asked for it.
    Forced,
    /// The served token is known to others.
    Compromised,
    /// The served token is not listed and does not connect.
    Lost,
}

/// Why nothing is done until a person acts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else's token.
    #[error("the secret holds a token that pintail did not put there")]
    Unmanaged,
    /// Another token was put beside our record.
    #[error(
        "the token in the secret is not the one that its record describes: it was edited by hand"
    )]
    Edited,
    /// Another deployment's.
    #[error("the secret is managed by another pintail: owner {0}")]
    Foreign(Owner),
    /// Another account's.
    #[error("the secret serves a token of account {0}, which is not the configured one")]
    OtherAccount(AccountName),
    /// A roll-back was asked for and there is nothing to go back to.
    #[error("there is no predecessor to serve again: {0}")]
    NoWayBack(String),
}

impl Refusal {
    /// What a person can do about it.
    pub fn hint(&self, credential: &CredentialName) -> String {
        match self {
            Self::Unmanaged | Self::Edited => format!(
                "to manage the token that is there: pintail adopt {credential} --token-id UUID (its ID is in: pintail status)"
            ),
            Self::Foreign(owner) => format!(
                "if {owner} no longer runs: pintail adopt {credential} --token-id UUID --take-over; else choose another path"
            ),
            Self::OtherAccount(account) => {
                format!("set username = \"{account}\" again, or give the credential another path")
            }
            Self::NoWayBack(_) => format!("for a fresh token: pintail rotate-now {credential}"),
        }
    }
}

/// What keeps a rotation from going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The deploy hook fails.
    Deploy,
    /// The consumers are not healthy.
    Gate,
    /// The served token does not connect.
    Verify,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The next try of a step, or the end of a waiting gate.
    Step(Obstacle),
    /// A second list, to see whether the served token is missing there too.
    SecondSighting,
}

/// The one step to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// List the account's tokens: what follows rests on them.
    List,
    /// Nothing, until a person acts.
    Refuse(Refusal),
    /// Create, prove and publish a replacement; then revoke the orphans, whose publishers that write fenced off.
    Replace {
        /// Why.
        reason: Reason,
        /// What the new record lists as predecessors.
        previous: Vec<TokenId>,
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
    },
    /// Call the deploy hook.
    Deploy,
    /// Ask whether the consumers are healthy.
    PollGate,
    /// Connect with the token as it was read.
    Verify,
    /// Mark the predecessors as retiring, then revoke them, then see the old token refused.
    Seal {
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
    },
    /// Revoke predecessors that were marked before.
    Revoke(Vec<TokenId>),
    /// Serve this predecessor again.
    RollBack(TokenId),
    /// Write the record unchanged, to fence off the orphans' publishers; then revoke the orphans.
    Touch {
        /// What was listed with our name and is in no record.
        orphans: Vec<TokenId>,
    },
    /// Wait.
    Wait {
        /// Until then.
        until: Timestamp,
        /// For this.
        awaited: Awaited,
    },
    /// Leave both tokens valid and tell a person; look again at `until`.
    Hold {
        /// What is in the way.
        obstacle: Obstacle,
        /// When to look again.
        until: Timestamp,
    },
    /// Nothing: at rest.
    Rest {
        /// When the credential is due next.
        next_due: Option<Timestamp>,
    },
}

/// The step to take for `subject`, as observed.
pub fn decide(subject: &Subject, seen: &Observation<'_>) -> Decision {
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

fn vacant(subject: &Subject, seen: &Observation<'_>) -> Decision {
    match seen.trigger {
        Trigger::RollBack => {
            Decision::Refuse(Refusal::NoWayBack("nothing is served yet".to_owned()))
        }
        Trigger::Finish => Decision::Rest { next_due: Some(seen.now) },
        Trigger::Schedule | Trigger::Forced | Trigger::Compromised | Trigger::CompromisedBegun => {
            let Some(listing) = seen.listing else { return Decision::List };
            Decision::Replace {
                reason: Reason::First,
                previous: vec![],
                orphans: orphans(subject, listing, None, seen.evidence),
            }
        }
    }
}

fn managed(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let unresolved = record.phase == Phase::Published && !record.previous_token_ids.is_empty();
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
    if unresolved {
        return match expiring(&subject.policy, record, seen.now) {
            // A long hold must not let the served token die: the record then lists both predecessors.
            Some(at) if seen.trigger != Trigger::Finish => {
                replace(subject, seen, record, Reason::Due(Due::Expiring(at)))
            }
            Some(_) | None => advance(subject, seen, record),
        };
    }
    resolved(subject, seen, record)
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

/// A rotation between its publication and its seal: the gate, the proof, the seal.
fn advance(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let proofs = seen.evidence.proofs();
    let pace = subject.policy.gate;
    let deadline = later(record.published_at, pace.longest());
    let step = |tries: &Tries, obstacle, act| {
        if tries.count >= TRIES && seen.now >= deadline && !seen.trigger.skips_gate() {
            stuck(subject, seen, record, obstacle, tries, act)
        } else if tries.count >= TRIES && seen.trigger.skips_gate() {
            held(seen, obstacle, tries, act)
        } else {
            paced(seen, obstacle, tries, RETRY, act)
        }
    };
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
                    return if fair && seen.now >= deadline {
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
    let orphans = seen
        .listing
        .map(|listing| orphans(subject, listing, Some(record), seen.evidence))
        .unwrap_or_default();
    Decision::Seal { orphans }
}

/// The next try of a step, at its pace.
fn paced(
    seen: &Observation<'_>,
    obstacle: Obstacle,
    tries: &Tries,
    pace: Duration,
    act: Decision,
) -> Decision {
    match tries.last.map(|last| later(last, pace)) {
        Some(until) if seen.now < until => {
            Decision::Wait { until, awaited: Awaited::Step(obstacle) }
        }
        Some(_) | None => act,
    }
}

/// A step whose deadline has passed.
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
        && seen.evidence.proofs().no_way_back.is_none();
    if may_roll_back { roll_back(seen, record) } else { held(seen, obstacle, tries, act) }
}

fn held(seen: &Observation<'_>, obstacle: Obstacle, tries: &Tries, act: Decision) -> Decision {
    match tries.last.map(|last| later(last, HELD_POLL)) {
        Some(until) if seen.now < until => Decision::Hold { obstacle, until },
        Some(_) | None => act,
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

/// No rotation is under way: finish revoking, notice a loss, begin what is due, clean up.
fn resolved(subject: &Subject, seen: &Observation<'_>, record: &Record) -> Decision {
    let Some(listing) = seen.listing else { return Decision::List };
    let leftover: Vec<_> = living_predecessors(record, listing, seen.evidence).collect();
    if !leftover.is_empty() {
        return Decision::Revoke(leftover);
    }
    if seen.evidence.unproved == Some(record.token_id)
        && let Some(decision) = prove_first(subject, seen)
    {
        return decision;
    }
    match seen.trigger {
        Trigger::Forced => return replace(subject, seen, record, Reason::Forced),
        Trigger::Schedule => {
            if let Some(decision) = lost(subject, seen, record, listing) {
                return decision;
            }
            if let Some(due) = due(&subject.policy, record, seen.now) {
                return replace(subject, seen, record, Reason::Due(due));
            }
        }
        Trigger::Finish | Trigger::Compromised | Trigger::CompromisedBegun | Trigger::RollBack => {}
    }
    let aged: Vec<_> = orphans(subject, listing, Some(record), seen.evidence);
    let grace = |id: &TokenId| {
        listing.iter().any(|token| {
            token.id == *id && later(token.created_at, subject.policy.orphan_grace) <= seen.now
        })
    };
    if aged.iter().any(grace) {
        return Decision::Touch { orphans: aged };
    }
    Decision::Rest { next_due: next_due(&subject.policy, record, seen.now) }
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
fn lost(
    subject: &Subject,
    seen: &Observation<'_>,
    record: &Record,
    listing: &[ListedToken],
) -> Option<Decision> {
    if listing.iter().any(|token| token.id == record.token_id) {
        return None;
    }
    let second = later(seen.evidence.missed_since.unwrap_or(seen.now), SIGHTINGS_APART);
    if seen.now < second {
        return Some(Decision::Wait { until: second, awaited: Awaited::SecondSighting });
    }
    let proofs = seen.evidence.proofs();
    let verify = &proofs.verify;
    if verify.succeeded() {
        None
    } else if verify.count >= TRIES && proofs.refused {
        Some(replace(subject, seen, record, Reason::Lost))
    } else {
        Some(paced(seen, Obstacle::Verify, verify, RETRY, Decision::Verify))
    }
}

fn replace(subject: &Subject, seen: &Observation<'_>, record: &Record, reason: Reason) -> Decision {
    let Some(listing) = seen.listing else { return Decision::List };
    let mut previous = vec![record.token_id];
    match record.phase {
        // Not yet proved superfluous: they are kept whatever the list says, which may lag or lack them.
        Phase::Published => previous.extend(&record.previous_token_ids),
        Phase::Retiring => previous.extend(living_predecessors(record, listing, seen.evidence)),
    }
    Decision::Replace {
        reason,
        previous,
        orphans: orphans(subject, listing, Some(record), seen.evidence),
    }
}

fn living_predecessors<'a>(
    record: &'a Record,
    listing: &'a [ListedToken],
    evidence: &'a Evidence,
) -> impl Iterator<Item = TokenId> + 'a {
    record
        .previous_token_ids
        .iter()
        .copied()
        .filter(|id| listing.iter().any(|token| token.id == *id) && !evidence.gone.contains(id))
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
