//! Whether the daemon lives, and whether it is ready; if not, why, since when, and what to do.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::rotation::schedule::signed;
use crate::status::{CredentialStatus, PlannerState, Snapshot};

/// The planner naps for a minute at most; after this long its loop no longer turns.
const STALE: Duration = Duration::from_mins(5);

/// What keeps the daemon from being ready. Every word has an entry in `docs/runbook.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It has only just begun.
    Starting,
    /// Something that the start needs is not there yet.
    Waiting,
    /// It was told to stop.
    Stopping,
    /// The planner's loop does not turn.
    SchedulerStopped,
    /// MotherDuck does not accept the admin token, or there is none.
    AdminTokenRefused,
    /// MotherDuck has been out of reach for long.
    MotherduckUnreachable,
    /// A store has been out of reach for long.
    StoreUnreachable,
    /// A rotation should be complete by now.
    RotationOverdue,
}

/// One thing that keeps the daemon from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is.
    pub reason: Reason,
    /// The store or the credential that it is about.
    pub about: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What it is, for people.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Whether the daemon is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether nothing is in its way.
    pub ready: bool,
    /// What is.
    pub reasons: Vec<Problem>,
}

/// Whether the planner's loop turns, which it last did `silence` ago. A daemon that stops is let finish.
pub fn is_alive(planner: PlannerState, silence: Duration) -> bool {
    planner == PlannerState::Stopping || silence < STALE
}

/// Whether the daemon is ready, where a service may be out of reach for `unreachable_after`.
pub fn readiness(snapshot: &Snapshot, unreachable_after: Duration) -> Readiness {
    let mut reasons: Vec<_> = waiting(snapshot).or_else(|| planner(snapshot)).into_iter().collect();
    let motherduck = &snapshot.contacts.motherduck;
    if let Some(since) = motherduck.refused_since {
        reasons.push(Problem {
            reason: Reason::AdminTokenRefused,
            about: None,
            since: Some(since),
            message: "MotherDuck does not accept the admin token".to_owned(),
            hint: "put a read/write token of a user with the Admin role into the place that motherduck.admin_token \
                   names; pintail reads it again by itself"
                .to_owned(),
        });
    }
    let too_long =
        |since: &Timestamp| snapshot.at.duration_since(*since) >= signed(unreachable_after);
    if let Some(since) = motherduck.unreachable_since.filter(too_long) {
        reasons.push(Problem {
            reason: Reason::MotherduckUnreachable,
            about: None,
            since: Some(since),
            message: "MotherDuck's REST API is out of reach".to_owned(),
            hint: "look at the network between here and motherduck.api_url, and at MotherDuck's own status; every \
                   served token still works"
                .to_owned(),
        });
    }
    for (name, reachability) in &snapshot.contacts.stores {
        let Some(since) = reachability.unreachable_since.filter(too_long) else { continue };
        reasons.push(Problem {
            reason: Reason::StoreUnreachable,
            about: Some(name.clone()),
            since: Some(since),
            message: format!("store {name} cannot be used"),
            hint: "look at the store, and at pintail's right to use it: pintail check; every served token still works"
                .to_owned(),
        });
    }
    let overdue = snapshot.members.iter().filter(|one| one.is_overdue(snapshot.at));
    reasons.extend(overdue.map(overdue_rotation));
    Readiness { ready: reasons.is_empty(), reasons }
}

fn waiting(snapshot: &Snapshot) -> Option<Problem> {
    let waiting =
        snapshot.waiting.as_ref().filter(|_| snapshot.planner != PlannerState::Stopping)?;
    Some(Problem {
        reason: Reason::Waiting,
        about: None,
        since: Some(waiting.since),
        message: format!("the start waits: {}", waiting.message),
        hint: waiting.hint.clone().unwrap_or_else(|| {
            "it goes on by itself once that has passed; nothing needs to be restarted".to_owned()
        }),
    })
}

fn planner(snapshot: &Snapshot) -> Option<Problem> {
    let (reason, message, hint) = match snapshot.planner {
        PlannerState::Stopping => {
            (Reason::Stopping, "the daemon was told to stop", "the next start goes on from here")
        }
        PlannerState::Starting | PlannerState::Running
            if !is_alive(snapshot.planner, snapshot.silence) =>
        {
            (
                Reason::SchedulerStopped,
                "the planner's loop does not turn",
                "restart pintail: it goes on where it stopped; then report what the log says",
            )
        }
        PlannerState::Starting => {
            (Reason::Starting, "the daemon has only just begun", "it is ready in a moment")
        }
        PlannerState::Running => return None,
    };
    let (message, hint) = (message.to_owned(), hint.to_owned());
    Some(Problem { reason, about: None, since: None, message, hint })
}

fn overdue_rotation(one: &CredentialStatus) -> Problem {
    let condition = Some(&one.condition).filter(|condition| condition.needs_attention());
    let why = condition.and_then(|condition| condition.message.as_ref());
    let why = why.map(|message| format!(": {message}")).unwrap_or_default();
    let hint = condition.and_then(|condition| condition.hint.clone());
    Problem {
        reason: Reason::RotationOverdue,
        about: Some(one.name.to_string()),
        since: one.deadline,
        message: format!("the rotation of {} is past its deadline{why}", one.name),
        hint: hint.unwrap_or_else(|| {
            "both tokens stay valid; look at the consumers, which must be healthy before it goes on".to_owned()
        }),
    }
}
