//! How a credential stands: one answer, from which the status command, the page, the metrics, the notifications, the
//! log and the service manager are told. Pure: the clock is passed in.

mod pause;
mod reason;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::pause::{PauseShown, pause_words};
pub use self::reason::{Reason, Severity};
pub use self::state::State;
pub use self::tokens::{Tokens, living};
use crate::fault::Fault;
use crate::names::{CredentialName, TokenId};
use crate::record::Record;
use crate::rotation::decide::Refusal;
use crate::rotation::pause::{Paused, paused};
use crate::rotation::policy::Policy;
use crate::rotation::schedule::{NextRotation, next_rotation};
use crate::rotation::step_log::Step;
use crate::rotation::time::Time;
use crate::text::instant;

/// What was seen of a credential's secret.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// It was not looked at yet.
    NotYet,
    /// It cannot be read.
    Unreadable(&'a Fault),
    /// It holds no token.
    Empty,
    /// Its token is not to be touched.
    Refused(&'a Refusal),
    /// It holds a token of ours.
    Serves(&'a Record),
}

/// What is in a credential's way, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// At which step, if at one.
    pub step: Option<Step>,
    /// In one word.
    pub reason: Reason,
    /// What happened.
    pub message: String,
    /// What to do, where more can be said than for any credential.
    pub hint: Option<String>,
}

/// Why a credential is kept in its former place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What is in the way of the change.
    pub problem: Problem,
    /// Whether nobody can tell what the change would do, so that it is kept to be safe.
    pub is_in_doubt: bool,
}

/// A run in hand that has begun a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Working {
    /// The latest step.
    pub step: Option<Step>,
    /// When it took its first; for an unfinished rotation, when its token was published.
    pub since: Timestamp,
}

/// Everything that was seen of a credential.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Which one.
    pub credential: &'a CredentialName,
    /// Its secret.
    pub secret: Seen<'a>,
    /// Its living tokens.
    pub tokens: &'a Tokens,
    /// What is wrong with a mirror, and whether the next run mends it.
    pub mirror: Option<&'a Problem>,
    /// The run in hand.
    pub working: Option<Working>,
    /// Why it is kept in its former place, and since when.
    pub kept: Option<(&'a Kept, Timestamp)>,
}

/// How the last run left a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// `fresh`, `rolled_back`, `held`, `failing` or `blocked`.
    pub state: State,
    /// What was in its way.
    pub problem: Option<Problem>,
    /// Since when runs have left it so.
    pub since: Timestamp,
    /// When it is looked at again.
    pub next_look: Option<Timestamp>,
}

/// How a credential stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// In one word.
    pub state: State,
    /// Why, in one word; of what is fresh there is nothing to say.
    pub reason: Option<Reason>,
    /// How much that matters.
    pub severity: Severity,
    /// The step in hand, or the one that is not passed.
    pub step: Option<Step>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Why, in a sentence.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// When it is rotated next; in the past if it is due.
    pub next_rotation: Option<Timestamp>,
    /// Whether that is when its window opens: the schedule asked for it before.
    pub waits_for_window: bool,
    /// When it is looked at again, where that is known.
    pub next_look: Option<Timestamp>,
    /// The pause that a person set by hand, while it is in force.
    pub pause: Option<PauseShown>,
    /// The replaced tokens that live.
    #[serde(skip)]
    pub predecessors: Vec<TokenId>,
    /// The tokens with its name that were never served; `None` where the account was not listed.
    #[serde(skip)]
    pub orphans: Option<Vec<TokenId>>,
    /// The tokens that live where its secret is not.
    #[serde(skip)]
    pub elsewhere: Vec<TokenId>,
}

impl Condition {
    /// Whether somebody should look at it.
    pub fn needs_attention(&self) -> bool {
        self.state.is_problem() || self.severity != Severity::Normal
    }

    /// What pintail does next, in words.
    pub fn next(&self) -> String {
        let outlook = self.state.outlook();
        match (self.state, self.next_look, self.next_rotation) {
            (State::Fresh, _, Some(at)) => {
                format!("the next rotation is due at {}", instant(at))
            }
            (State::Fresh, _, None) => "no further rotation is scheduled".to_owned(),
            (State::Paused, _, Some(at)) => {
                format!("{outlook}; else its next rotation is due at {}", instant(at))
            }
            (State::Paused | State::Due | State::Unknown | State::Rotating, _, _)
            | (_, None, _) => outlook.to_owned(),
            (State::Blocked | State::Held | State::Failing | State::RolledBack, Some(at), _) => {
                format!("{outlook}; pintail looks again at {}", instant(at))
            }
        }
    }
}

/// What a rule makes of what was seen.
struct Finding {
    state: State,
    problem: Option<Problem>,
    since: Option<Timestamp>,
}

/// What every rule may look at.
struct Case<'a> {
    policy: &'a Policy,
    seen: &'a Observed<'a>,
    last_run: Option<&'a LastRun>,
    time: Time,
}

/// A rule: it says how the credential stands, or leaves it to the next one.
type Rule = fn(&Case<'_>) -> Option<Finding>;

/// The first rule that has something to say decides. What a run came to weighs more than what the secret looks like from
/// outside: it has asked the consumers, and connected.
const RULES: &[Rule] = &[
    rules::kept_in_doubt,
    rules::stopped_by_its_last_run,
    rules::kept_in_its_former_place,
    rules::failing,
    rules::worked_on,
    rules::not_looked_at,
    rules::unreadable,
    rules::refused,
    rules::empty,
    rules::expired,
    rules::missing,
    rules::rolled_back,
    rules::unfinished,
    rules::retiring,
    rules::in_use_elsewhere,
    rules::behind_in_a_mirror,
    rules::due,
    rules::paused,
    rules::fresh,
];

/// How the credential stands that `observed` tells of, by `policy`; `last_run` is how the last run left it, as far as
/// anybody who asks knows.
pub fn condition(
    policy: &Policy,
    observed: &Observed<'_>,
    last_run: Option<&LastRun>,
    time: impl Into<Time>,
) -> Condition {
    let case = Case { policy, seen: observed, last_run, time: time.into() };
    let found = RULES.iter().find_map(|rule| rule(&case));
    case.told(found.unwrap_or(Finding { state: State::Fresh, problem: None, since: None }))
}

impl Case<'_> {
    fn told(&self, found: Finding) -> Condition {
        let Finding { state, problem, since } = found;
        let credential = self.seen.credential;
        let reason = problem.as_ref().map(|problem| problem.reason);
        let severity = match (reason, state) {
            (Some(_), State::Blocked) => Severity::Critical,
            (Some(reason), _) => reason.severity(),
            (None, _) => Severity::Normal,
        };
        let working = self.seen.working.and_then(|working| working.step);
        let next = match self.seen.secret {
            Seen::Serves(record) => next_rotation(self.policy, record, self.time),
            Seen::Empty if !self.policy.paused => {
                Some(NextRotation { at: self.time.now, waits_for_window: false })
            }
            Seen::Empty | Seen::NotYet | Seen::Unreadable(_) | Seen::Refused(_) => None,
        };
        let tokens = self.seen.tokens;
        Condition {
            state,
            reason,
            severity,
            step: working.or(problem.as_ref().and_then(|problem| problem.step)),
            since,
            message: problem.as_ref().map(|problem| problem.message.clone()),
            hint: problem
                .and_then(|problem| problem.hint)
                .or_else(|| Some(reason?.hint(credential))),
            next_rotation: next.map(|next| next.at),
            waits_for_window: next.is_some_and(|next| next.waits_for_window),
            next_look: self.last_run.and_then(|run| run.next_look),
            pause: self.paused().and_then(|paused| paused.by_hand).map(PauseShown::from),
            predecessors: tokens.predecessors.clone(),
            orphans: tokens.orphans.clone(),
            elsewhere: tokens.elsewhere.clone(),
        }
    }

    fn paused(&self) -> Option<Paused<'_>> {
        paused(self.policy, self.record(), self.time)
    }

    fn record(&self) -> Option<&Record> {
        match self.seen.secret {
            Seen::Serves(record) => Some(record),
            Seen::NotYet | Seen::Unreadable(_) | Seen::Empty | Seen::Refused(_) => None,
        }
    }
}

/// What is said of a credential whose record names `elsewhere`, or whose place is empty while they live; and what to do.
pub fn place_vacant(elsewhere: &[TokenId], credential: &CredentialName) -> (String, String) {
    let tokens = elsewhere.iter().map(TokenId::to_string).collect::<Vec<_>>().join(", ");
    (
        format!(
            "tokens of this credential live that its secret does not serve, and consumers may use them: {tokens}; was the secret moved, deleted or restored?"
        ),
        Reason::PlaceVacant.hint(credential),
    )
}
