//! The whole policy: from what was observed to the one step to take. Reads no clock, does no I/O, holds no secret.
//!
//! A secret is in one of a few phases, and a phase is a list of rules. The first rule that has something to say decides:
//! the lists are the specification.

mod request;
mod rules;
mod stages;
mod terms;
#[cfg(test)]
mod tests;
mod tokens;
mod vacant;

pub use self::request::{Begin, Request};
use self::rules::{
    forget_what_left, hold_what_is_not_checked, list, next_stage, prove_or_replace_what_is_missing,
    prove_what_is_new, refuse_to_roll_back, refuse_what_is_anothers, replace_as_asked,
    replace_what_expires, replace_what_is_scheduled, replace_what_others_know,
    replace_what_wears_out, rest, revoke_orphans, revoke_predecessors, roll_back_as_asked, seal,
};
pub use self::stages::{FAIR_POLLS, HELD_POLL, RETRY, TRIES};
pub use self::terms::{
    Awaited, Decision, MirrorPlace, Observation, Obstacle, Reason, Refusal, Sight, Subject, Vacancy,
};
pub use self::tokens::{MOST_ORPHANS, MOST_STRAYS, Unrecorded, unrecorded};
use crate::record::Record;

type Rule = fn(&Case<'_>, &Record) -> Option<Decision>;

/// One rule, and whether the mirrors are first brought to what the store serves.
enum When {
    AtOnce(Rule),
    Mirrored(Rule),
}
use When::{AtOnce, Mirrored};

/// Published, and what it replaced still lives.
const UNFINISHED: &[When] = &[
    AtOnce(refuse_what_is_anothers),
    AtOnce(replace_what_others_know),
    AtOnce(roll_back_as_asked),
    AtOnce(replace_what_wears_out), // neither a long hold nor a revocation that fails may let the served token die
    AtOnce(next_stage),             // mirrors, deploy hook, gate, verification, mirrors again
    AtOnce(seal),
];

/// Nothing is under way.
const SETTLED: &[When] = &[
    AtOnce(refuse_what_is_anothers),
    AtOnce(replace_what_others_know),
    AtOnce(refuse_to_roll_back),
    AtOnce(replace_what_wears_out),
    AtOnce(list), // all that follows rests on it
    Mirrored(revoke_predecessors),
    AtOnce(replace_what_expires), // no mirror is waited for
    AtOnce(hold_what_is_not_checked),
    Mirrored(replace_what_is_scheduled),
    Mirrored(prove_what_is_new),
    Mirrored(replace_as_asked),
    AtOnce(prove_or_replace_what_is_missing),
    Mirrored(revoke_orphans),
    Mirrored(forget_what_left),
    Mirrored(rest),
];

/// What every rule may look at.
struct Case<'a> {
    subject: &'a Subject,
    seen: &'a Observation<'a>,
    request: Request,
}

/// The step to take for `subject`, as observed.
pub fn decide(subject: &Subject, seen: &Observation<'_>) -> Decision {
    let case = Case { subject, seen, request: seen.request.unless(subject.policy.paused) };
    match seen.sight {
        Sight::Unmanaged => Decision::Refuse(Refusal::Unmanaged),
        Sight::Edited(record) | Sight::Managed(record) if record.owner != subject.owner => {
            Decision::Refuse(Refusal::Foreign(record.owner.clone()))
        }
        Sight::Edited(_) => Decision::Refuse(Refusal::Edited),
        Sight::Managed(record) if record.username.folded() != subject.username.folded() => {
            Decision::Refuse(Refusal::OtherAccount(record.username.clone()))
        }
        Sight::Vacant(vacancy) => case.fill(vacancy),
        Sight::Managed(record) if record.is_unfinished() => case.first(UNFINISHED, record),
        Sight::Managed(record) => case.first(SETTLED, record),
    }
}

impl Case<'_> {
    fn first(&self, rules: &[When], record: &Record) -> Decision {
        let are_behind = !self.subject.mirrors.is_empty() && !self.seen.mirrored;
        let says = |when: &When| match when {
            AtOnce(rule) => rule(self, record),
            Mirrored(rule) => {
                rule(self, record).map(|step| if are_behind { Decision::Mirror } else { step })
            }
        };
        rules.iter().find_map(says).unwrap_or(Decision::Rest { next_due: None, elsewhere: vec![] })
    }
}
