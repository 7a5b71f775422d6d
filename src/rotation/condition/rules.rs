//! The rules of the list, a few lines each: how a credential stands by what was seen of it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Case, Finding, Kept, Problem, Reason, Seen, Severity, State, pause_words,
    place_vacant as vacant,
};
use crate::record::Record;
use crate::rotation::policy::GatePace;
use crate::rotation::schedule::{Due, deadline, due as why_due, expiring, later, next_rotation};
use crate::rotation::step_log::Step;
use crate::text::instant;

/// What a rotation takes beyond its gate, generously.
const MARGIN: Duration = Duration::from_mins(10);

pub(super) fn kept_in_doubt(case: &Case<'_>) -> Option<Finding> {
    kept_in_its_former_place(case)
        .filter(|_| case.seen.kept.is_some_and(|(kept, _)| kept.is_in_doubt))
}

pub(super) fn stopped_by_its_last_run(case: &Case<'_>) -> Option<Finding> {
    left(case, State::Blocked).or_else(|| left(case, State::Held))
}

/// What is configured for it now is not in force, and it is worked on as before.
pub(super) fn kept_in_its_former_place(case: &Case<'_>) -> Option<Finding> {
    let (Kept { problem, .. }, since) = case.seen.kept?;
    let besides = case.last_run.and_then(|run| run.problem.as_ref());
    let besides = besides.map(|one| format!("; besides, {}", one.message)).unwrap_or_default();
    let message = format!("{}{besides}", problem.message);
    let problem = Some(Problem { message, ..problem.clone() });
    Some(Finding { state: State::Blocked, problem, since: Some(since) })
}

/// A step that is tried again is no news; a run that has come past it is.
pub(super) fn failing(case: &Case<'_>) -> Option<Finding> {
    let failed_at = case.last_run?.problem.as_ref().and_then(|problem| problem.step);
    let is_past = case.seen.working.is_some_and(|working| working.step != failed_at);
    left(case, State::Failing).filter(|_| !is_past)
}

fn left(case: &Case<'_>, state: State) -> Option<Finding> {
    let run = case.last_run.filter(|run| run.state == state)?;
    Some(Finding { state, problem: run.problem.clone(), since: Some(run.since) })
}

/// A roll-back stays a thing to look at, whatever the runs after it do.
pub(super) fn worked_on(case: &Case<'_>) -> Option<Finding> {
    let was_rolled_back = case.record().is_some_and(Record::is_rolled_back);
    let working = case.seen.working.filter(|_| case.last_run.is_none() || !was_rolled_back)?;
    Some(found(State::Rotating, Reason::RotationUnderWay).since(working.since))
}

pub(super) fn not_looked_at(case: &Case<'_>) -> Option<Finding> {
    let is_unseen = matches!(case.seen.secret, Seen::NotYet);
    is_unseen.then(|| found(State::Unknown, Reason::NotLookedAt))
}

pub(super) fn unreadable(case: &Case<'_>) -> Option<Finding> {
    let Seen::Unreadable(fault) = case.seen.secret else { return None };
    let unseen = found(State::Unknown, Reason::StoreUnreachable).saying(fault.message.clone());
    Some(unseen.hinting(fault.hint.clone()))
}

pub(super) fn refused(case: &Case<'_>) -> Option<Finding> {
    let Seen::Refused(refusal) = case.seen.secret else { return None };
    let hint = Some(refusal.hint(case.seen.credential));
    Some(
        found(State::Blocked, Reason::of_refusal(refusal))
            .saying(refusal.to_string())
            .hinting(hint),
    )
}

pub(super) fn empty(case: &Case<'_>) -> Option<Finding> {
    if !matches!(case.seen.secret, Seen::Empty) {
        return None;
    }
    let state = if case.policy.paused { State::Paused } else { State::Due };
    Some(if case.seen.tokens.elsewhere.is_empty() {
        let reason = if case.policy.paused { Reason::Paused } else { Reason::NothingServed };
        found(state, reason).since_known(Some(case.time.now).filter(|_| !case.policy.paused))
    } else {
        place_vacant(case, state)
    })
}

pub(super) fn expired(case: &Case<'_>) -> Option<Finding> {
    let at = case
        .record()?
        .expires_at
        .filter(|at| *at <= case.time.later() && case.paused().is_none())?;
    let message = format!("the served token expired at {}", instant(at));
    Some(found(State::Due, Reason::TokenExpired).saying(message).since(at))
}

/// Who has run a rotation has connected, which is more than any list can say.
pub(super) fn missing(case: &Case<'_>) -> Option<Finding> {
    let is_missing = case.last_run.is_none() && case.seen.tokens.lacks_served;
    is_missing.then(|| found(State::Due, Reason::TokenMissing))
}

/// It stays a thing to look at until a rotation succeeds.
pub(super) fn rolled_back(case: &Case<'_>) -> Option<Finding> {
    let record = case.record()?;
    let rolled_back = found(State::RolledBack, Reason::PredecessorServed);
    record.is_rolled_back().then(|| rolled_back.since(record.published_at))
}

/// Seen from outside, a rotation whose gate has had its time is held: whether the gate, or the proof after it, is in
/// the way only the run knows.
pub(super) fn unfinished(case: &Case<'_>) -> Option<Finding> {
    let record = case.record().filter(|record| record.is_unfinished())?;
    let deadline = deadline(case.policy, record.published_at);
    if case.seen.tokens.predecessors.is_empty() {
        return None;
    }
    if case.time.now <= deadline {
        return Some(found(State::Rotating, Reason::RotationUnderWay).since(record.published_at));
    }
    let (step, reason, message) = match case.policy.gate {
        GatePace::Polled { .. } => (
            Step::Gate,
            Reason::GateNotPassed,
            "the consumers were not healthy by the gate's deadline",
        ),
        GatePace::Open | GatePace::Wait(_) => {
            (Step::Verify, Reason::NotVerified, "the served token was not seen to connect in time")
        }
    };
    Some(found(State::Held, reason).saying(message.to_owned()).at(step).since(deadline))
}

pub(super) fn retiring(case: &Case<'_>) -> Option<Finding> {
    let record = case.record().filter(|_| !case.seen.tokens.predecessors.is_empty())?;
    Some(found(State::Rotating, Reason::PredecessorsRetiring).since(record.published_at))
}

pub(super) fn in_use_elsewhere(case: &Case<'_>) -> Option<Finding> {
    let is_so = case.record().is_some() && !case.seen.tokens.elsewhere.is_empty();
    is_so.then(|| place_vacant(case, State::Held))
}

fn place_vacant(case: &Case<'_>, state: State) -> Finding {
    let (message, hint) = vacant(&case.seen.tokens.elsewhere, case.seen.credential);
    found(state, Reason::PlaceVacant).saying(message).hinting(Some(hint))
}

pub(super) fn behind_in_a_mirror(case: &Case<'_>) -> Option<Finding> {
    let problem = case.seen.mirror?;
    let is_for_a_person = problem.reason.severity() == Severity::Critical;
    let state = if is_for_a_person { State::Blocked } else { State::Due };
    Some(Finding { state, problem: Some(problem.clone()), since: None })
}

pub(super) fn due(case: &Case<'_>) -> Option<Finding> {
    let record = case.record()?;
    let since = next_rotation(case.policy, record, case.time).map(|next| next.at);
    let (reason, message) = match why_due(case.policy, record, case.time)? {
        Due::Scheduled(at) => {
            (Reason::ScheduleDue, format!("the schedule asked for it at {}", instant(at)))
        }
        Due::Expiring(at) => {
            (Reason::ExpiryNear, format!("the served token expires at {}", instant(at)))
        }
    };
    Some(found(State::Due, reason).saying(message).since_known(since))
}

pub(super) fn paused(case: &Case<'_>) -> Option<Finding> {
    let paused = case.paused()?;
    let since = paused.by_hand.map(|pause| pause.since);
    let since = since.or_else(|| case.last_run.map(|run| run.since));
    let found = |reason| found(State::Paused, reason).since_known(since);
    let (resting, hint) = if paused.by_hand.is_some() {
        let name = case.seen.credential;
        let hint = format!("pintail resume {name}, or: pintail rotate-now {name}");
        let also = "; its configuration must say `paused = false`, too";
        let hint = if paused.by_configuration { format!("{hint}{also}") } else { hint };
        (found(Reason::PausedByHand).saying(pause_words(paused)), Some(hint))
    } else {
        (found(Reason::Paused), None)
    };
    let expiry = case.record().and_then(|record| expiring(case.policy, record, case.time));
    // It is replaced as soon as the pause ends, if that leaves the time for a whole rotation.
    let ends_in_time = |at| {
        paused.until().is_some_and(|until| {
            later(until, case.policy.gate.longest().saturating_add(MARGIN)) <= at
        })
    };
    Some(match expiry.filter(|at| !ends_in_time(*at)) {
        None => resting,
        Some(at) => {
            let said = paused.by_hand.map(|_| format!(" ({})", pause_words(paused)));
            let meaning = Reason::PausedNearExpiry.meaning();
            let message = format!("{meaning} at {}{}", instant(at), said.unwrap_or_default());
            found(Reason::PausedNearExpiry).saying(message).hinting(hint)
        }
    })
}

#[expect(clippy::unnecessary_wraps, reason = "the last rule of the list has the type of all")]
pub(super) fn fresh(case: &Case<'_>) -> Option<Finding> {
    let since = case.last_run.map(|run| run.since);
    let since = since.or_else(|| case.record().map(|record| record.published_at));
    Some(Finding { state: State::Fresh, problem: None, since })
}

/// What a rule says, in the reason's own words.
fn found(state: State, reason: Reason) -> Finding {
    let message = reason.meaning().to_owned();
    let problem = Some(Problem { step: None, reason, message, hint: None });
    Finding { state, problem, since: None }
}

impl Finding {
    fn since(self, since: Timestamp) -> Self {
        self.since_known(Some(since))
    }

    fn since_known(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }

    fn saying(mut self, message: String) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.message = message;
        }
        self
    }

    fn hinting(mut self, hint: Option<String>) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.hint = hint;
        }
        self
    }

    fn at(mut self, step: Step) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.step = Some(step);
        }
        self
    }
}
