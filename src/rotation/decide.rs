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
pub use self::stages::{FAIR_POLLS, HELD_POLL, RETRY, TRIES};
pub use self::terms::{
    Decided, Decision, MirrorPlace, Observation, Reason, Refusal, SecretState, Stage, Subject,
    TEXT_LOST, Vacancy, WaitingFor,
};
pub use self::tokens::{MOST_ORPHANS, MOST_STRAYS, Unrecorded, unrecorded};
use crate::record::Record;
use crate::rotation::pause::paused;

/// A rule: it says what to do, or leaves it to the next one.
struct Rule {
    name: &'static str,
    when: When,
    says: fn(&Case<'_>, &Record) -> Option<Decision>,
}

/// Whether the mirrors are first brought to what the store serves.
#[derive(Clone, Copy)]
enum When {
    AtOnce,
    Mirrored,
}

macro_rules! rules {
    ($($when:ident $rule:ident),* $(,)?) => {
        &[$(Rule { name: stringify!($rule), when: When::$when, says: rules::$rule }),*]
    };
}

/// Published, and what it replaced still lives.
const UNFINISHED: &[Rule] = rules![
    AtOnce refuse_what_is_anothers,
    AtOnce replace_what_others_know,
    AtOnce roll_back_as_asked,
    AtOnce replace_what_wears_out, // neither a long hold nor a revocation that fails may let the served token die
    AtOnce next_stage,             // mirrors, deploy hook, gate, verification, mirrors again
    AtOnce seal,
];

/// Nothing is under way.
const SETTLED: &[Rule] = rules![
    AtOnce refuse_what_is_anothers,
    AtOnce replace_what_others_know,
    AtOnce refuse_to_roll_back,
    AtOnce replace_what_wears_out,
    Mirrored rest_between_lists, // on the word of an earlier list
    AtOnce list,                 // all that follows rests on it
    Mirrored revoke_predecessors,
    AtOnce replace_what_expires, // no mirror is waited for
    AtOnce hold_what_is_not_checked,
    Mirrored replace_what_is_scheduled,
    Mirrored prove_what_is_new,
    Mirrored replace_as_asked,
    AtOnce prove_or_replace_what_is_missing,
    Mirrored revoke_orphans,
    Mirrored forget_what_left,
    Mirrored hold_while_clocks_disagree,
    Mirrored rest,
];

/// What every rule may look at.
struct Case<'a> {
    subject: &'a Subject,
    seen: &'a Observation<'a>,
    request: Request,
}

/// The step to take for `subject`, as observed, and which rule says so.
pub fn decide(subject: &Subject, seen: &Observation<'_>) -> Decided {
    let record = match seen.secret {
        SecretState::Managed(record) => Some(record),
        SecretState::Edited(_) | SecretState::Unmanaged | SecretState::Vacant(_) => None,
    };
    let is_paused = paused(&subject.policy, record, seen.time).is_some();
    let case = Case { subject, seen, request: seen.request.unless(is_paused) };
    let refuse = |rule, refusal| Decided { rule, step: Decision::Refuse(refusal) };
    match seen.secret {
        SecretState::Unmanaged => refuse("refuse_what_is_unmanaged", Refusal::Unmanaged),
        SecretState::Edited(record) | SecretState::Managed(record)
            if record.owner != subject.owner =>
        {
            refuse("refuse_another_owners_secret", Refusal::Foreign(record.owner.clone()))
        }
        SecretState::Edited(_) => refuse("refuse_what_was_edited", Refusal::Edited),
        SecretState::Managed(record)
            if record.username.canonical() != subject.username.canonical() =>
        {
            let account = record.username.clone();
            refuse("refuse_another_accounts_secret", Refusal::OtherAccount(account))
        }
        SecretState::Vacant(vacancy) => {
            Decided { rule: "fill_an_empty_place", step: case.fill(vacancy) }
        }
        SecretState::Managed(record) if record.is_unfinished() => case.first(UNFINISHED, record),
        SecretState::Managed(record) => case.first(SETTLED, record),
    }
}

impl Case<'_> {
    fn first(&self, rules: &[Rule], record: &Record) -> Decided {
        let are_behind = !self.subject.mirrors.is_empty() && !self.seen.mirrored;
        let says = |rule: &Rule| {
            let step = (rule.says)(self, record)?;
            let is_held_up = match rule.when {
                When::AtOnce => false,
                When::Mirrored => are_behind,
            };
            Some(Decided {
                rule: rule.name,
                step: if is_held_up { Decision::Mirror } else { step },
            })
        };
        let nothing = Decision::Rest { next_due: None, elsewhere: vec![] };
        rules.iter().find_map(says).unwrap_or(Decided { rule: "rest", step: nothing })
    }
}
