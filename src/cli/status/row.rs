//! How one credential stands.

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use super::super::inventory::Inventory;
use super::super::look::{Found, Look};
use super::super::table::{instant, relative, span};
use crate::config::{Config, Credential};
use crate::fault::{Fault, FaultKind};
use crate::live::subject;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::record::{Phase, Record, TokenType};
use crate::rotation::condition::place_vacant;
use crate::rotation::decide::{
    Decision, Observation, Refusal, Request, Subject, decide, unrecorded,
};
use crate::rotation::evidence::Evidence;
use crate::rotation::kinship::Kinship;
use crate::rotation::mirror::{MirrorSight, foreign};
use crate::rotation::schedule::{Due, due, neglected, next_due, renewal, signed, waiting};
use crate::rotation::world::ListedToken;

const UNKNOWN: &str = "?";
const NONE: &str = "-";

/// How one credential stands, as seen from outside: a status knows nothing of the proofs of a running daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum State {
    /// At rest, and not due.
    Fresh,
    /// To be rotated now.
    Due,
    /// At rest, and nothing is begun until a person asks.
    Paused,
    /// Nothing is served yet.
    Absent,
    /// A rotation is under way.
    InProgress,
    /// A rotation is under way, and the time that its gate had is over.
    Overdue,
    /// Tokens live that its secret does not serve, and consumers may use them: a person must say.
    Held,
    /// The predecessor is served again, and its successor lives.
    RolledBack,
    /// Predecessors are being revoked.
    Retiring,
    /// The served token has expired.
    Expired,
    /// The served token is not listed.
    Missing,
    /// A token that pintail did not put there.
    Unmanaged,
    /// Not the token that the record describes.
    Edited,
    /// Another deployment's.
    Foreign,
    /// A token of another account than the configured one.
    OtherAccount,
    /// The store cannot be read.
    Unreadable,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Due => "due",
            Self::Paused => "paused",
            Self::Absent => "absent",
            Self::InProgress => "in progress",
            Self::Overdue => "overdue",
            Self::Held => "held",
            Self::RolledBack => "rolled back",
            Self::Retiring => "retiring",
            Self::Expired => "expired",
            Self::Missing => "missing",
            Self::Unmanaged => "unmanaged",
            Self::Edited => "edited",
            Self::Foreign => "foreign",
            Self::OtherAccount => "other account",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A token that nobody manages.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Stray {
    pub(in crate::cli) id: TokenId,
    pub(in crate::cli) name: Option<String>,
    pub(in crate::cli) created_at: Timestamp,
    pub(in crate::cli) expires_at: Option<Timestamp>,
}

/// How one credential stands.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Row {
    pub(in crate::cli) name: CredentialName,
    pub(in crate::cli) username: AccountName,
    token_type: TokenType,
    store: String,
    path: String,
    pub(in crate::cli) token_id: Option<TokenId>,
    created_at: Option<Timestamp>,
    pub(in crate::cli) expires_at: Option<Timestamp>,
    age_seconds: Option<i64>,
    next_rotation: Option<Timestamp>,
    /// Whether that is when its window opens: the schedule asked for it before.
    waits_for_window: bool,
    pub(in crate::cli) state: State,
    previous_token_ids: Vec<TokenId>,
    /// `None` if the account could not be listed.
    pub(in crate::cli) orphans: Option<Vec<TokenId>>,
    /// Tokens that live where the secret is not; of the record alone, if the account could not be listed.
    elsewhere_token_ids: Vec<TokenId>,
    /// `None` if the account could not be listed.
    pub(in crate::cli) unmanaged_tokens: Option<Vec<Stray>>,
    /// What could not be seen.
    pub(in crate::cli) error: Option<String>,
    /// Why nothing is done until a person acts.
    pub(in crate::cli) problem: Option<String>,
    pub(in crate::cli) hint: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl Row {
    pub(in crate::cli) fn new(config: &Config, look: &Look<'_>, inventory: &Inventory) -> Self {
        let credential = look.credential;
        let subject = subject(config, credential);
        let listed = look.listed();
        let record = look.found.as_ref().ok().and_then(Found::record);
        let served = match &look.found {
            Ok(Found::Managed(record)) => Some(&**record),
            Ok(Found::Vacant { .. } | Found::Unmanaged | Found::Edited(_)) | Err(_) => None,
        };
        let refusal = look.found.as_ref().ok().and_then(|found| refusal(&subject, found, look.now));
        let ours = record.filter(|record| record.owner == subject.owner);
        let fault = look.fault();
        let policy = &credential.policy;
        let served_well = served.filter(|_| refusal.is_none());
        let elsewhere = elsewhere(&subject, look, ours);
        let vacant = (!elsewhere.is_empty()).then(|| place_vacant(&elsewhere, &credential.name));
        let neglected = served_well.and_then(|record| neglected(policy, record, look.now));
        let mirror = unmirrored(look);
        let next_rotation = match (&look.found, &refusal) {
            (Ok(Found::Vacant { .. }), _) => (!policy.paused).then_some(look.now),
            (Ok(_), _) => served_well.and_then(|record| next(credential, record, look.now)),
            (Err(_), _) => None,
        };
        let opens = served_well.and_then(|record| waiting(policy, record, look.now));
        Self {
            name: credential.name.clone(),
            username: credential.username.clone(),
            token_type: served.map_or(credential.token_type, |record| record.token_type),
            store: credential.store.clone(),
            path: credential.path.clone(),
            token_id: served.map(|record| record.token_id),
            created_at: served.map(|record| record.created_at),
            expires_at: served.and_then(|record| record.expires_at),
            age_seconds: served.map(|record| look.now.duration_since(record.created_at).as_secs()),
            next_rotation,
            waits_for_window: opens.is_some_and(|run| Some(run.start) == next_rotation),
            state: state(&subject, look, listed, refusal.as_ref(), &elsewhere),
            previous_token_ids: served
                .map(|record| living(record, listed).collect())
                .unwrap_or_default(),
            orphans: listed.map(|listed| {
                unrecorded(&subject, listed, ours, &Evidence::default(), look.now).orphans
            }),
            elsewhere_token_ids: elsewhere.clone(),
            unmanaged_tokens: listed.map(|listed| {
                let is_stray = |token: &&ListedToken| {
                    inventory.kinship(config, &credential.username, token) == Kinship::Unmanaged
                };
                listed.iter().filter(is_stray).map(Stray::from).collect()
            }),
            error: fault.map(|fault| fault.message.clone()),
            problem: refusal
                .as_ref()
                .map(ToString::to_string)
                .or_else(|| {
                    let expiry = instant(neglected?);
                    Some(format!(
                        "it is paused, and its token is not replaced before it expires at {expiry}"
                    ))
                })
                .or_else(|| mirror.as_ref().map(|mirror| mirror.message.clone()))
                .or_else(|| vacant.as_ref().map(|(message, _)| message.clone())),
            hint: match (fault, neglected, refusal) {
                (Some(fault), _, _) => fault.hint.clone(),
                (None, Some(_), _) => Some(format!(
                    "set `paused = false`, or: pintail rotate-now {}",
                    credential.name
                )),
                (None, None, Some(refusal)) => Some(refusal.hint(&credential.name)),
                (None, None, None) => match mirror {
                    Some(mirror) => mirror.hint,
                    None => vacant.map(|(_, hint)| hint),
                },
            },
            now: look.now,
        }
    }

    /// The row of the table.
    pub(in crate::cli) fn cells(&self) -> Vec<String> {
        let none = || NONE.to_owned();
        let count = |count: Option<usize>| {
            count.map_or_else(|| UNKNOWN.to_owned(), |count| count.to_string())
        };
        vec![
            self.name.to_string(),
            self.username.to_string(),
            self.token_type.as_str().to_owned(),
            self.store.clone(),
            self.token_id.map_or_else(none, |id| id.to_string()),
            self.created_at.map_or_else(none, |at| span(self.now.duration_since(at))),
            match (self.token_id, self.expires_at) {
                (_, Some(at)) => relative(at, self.now),
                (Some(_), None) => "never".to_owned(),
                (None, None) => none(),
            },
            match self.next_rotation {
                Some(at) if at <= self.now => "now".to_owned(),
                Some(at) if self.waits_for_window => {
                    format!("{}, in its window", relative(at, self.now))
                }
                Some(at) => relative(at, self.now),
                None => none(),
            },
            self.state.as_str().to_owned(),
            match self.previous_token_ids.as_slice() {
                [] => none(),
                [one] => one.to_string(),
                [one, others @ ..] => format!("{one} +{}", others.len()),
            },
            count(self.orphans.as_ref().map(Vec::len)),
            count(self.unmanaged_tokens.as_ref().map(Vec::len)),
        ]
    }
}

impl From<&ListedToken> for Stray {
    fn from(token: &ListedToken) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

/// The tokens that the record names as living elsewhere and that do; where there is no record, all that may.
fn elsewhere(subject: &Subject, look: &Look<'_>, record: Option<&Record>) -> Vec<TokenId> {
    let listed = look.listed();
    match record {
        Some(record) => {
            let lives = |id: &TokenId| {
                let mut found = listed.into_iter().flatten().filter(|token| token.id == *id);
                let is_alive =
                    |token: &ListedToken| token.expires_at.is_none_or(|at| look.now < at);
                listed.is_none() || found.any(is_alive)
            };
            record.elsewhere_token_ids.iter().copied().filter(lives).collect()
        }
        None if matches!(look.found, Ok(Found::Vacant { .. })) => {
            let listed = listed.unwrap_or_default();
            unrecorded(subject, listed, None, &Evidence::default(), look.now).elsewhere
        }
        None => vec![],
    }
}

/// The predecessors that may still live: all of them, if the account could not be listed or has not sealed yet.
fn living<'a>(
    record: &'a Record,
    listed: Option<&'a [ListedToken]>,
) -> impl Iterator<Item = TokenId> + 'a {
    let is_gone = move |id: &TokenId| {
        record.phase == Phase::Retiring
            && listed.is_some_and(|listed| listed.iter().all(|token| token.id != *id))
    };
    record.previous_token_ids.iter().copied().filter(move |id| !is_gone(id))
}

/// A mirror that does not serve what the store serves, one that waits for a person before all.
fn unmirrored(look: &Look<'_>) -> Option<Fault> {
    if let Some(mirror) = look.mirror_with(MirrorSight::Foreign) {
        return Some(foreign(&mirror.place()));
    }
    look.mirror_with(MirrorSight::Behind).map(|mirror| Fault {
        kind: FaultKind::Transient,
        message: format!("mirror {} does not serve the token", mirror.place()),
        hint: Some(format!(
            "a daemon writes it within `daemon.sweep`; at once: pintail rotate-now --due {}",
            look.credential.name
        )),
    })
}

/// What the reconciler refuses to touch, by its own word.
fn refusal(subject: &Subject, found: &Found, now: Timestamp) -> Option<Refusal> {
    let seen = Observation {
        now,
        sight: found.sight(&[]),
        listing: None,
        mirrored: true,
        is_unproved: false,
        evidence: &Evidence::default(),
        request: Request::FINISH,
    };
    if let Decision::Refuse(refusal) = decide(subject, &seen).step { Some(refusal) } else { None }
}

fn state(
    subject: &Subject,
    look: &Look<'_>,
    listed: Option<&[ListedToken]>,
    refusal: Option<&Refusal>,
    elsewhere: &[TokenId],
) -> State {
    let record = match (&look.found, refusal) {
        (Err(_), _) => return State::Unreadable,
        (Ok(_), Some(Refusal::Unmanaged)) => return State::Unmanaged,
        (Ok(_), Some(Refusal::Edited)) => return State::Edited,
        (Ok(_), Some(Refusal::Foreign(_))) => return State::Foreign,
        (Ok(_), Some(Refusal::OtherAccount(_))) => return State::OtherAccount,
        // Whose a token is only a connection tells, and none is made here.
        (
            Ok(Found::Managed(record)),
            Some(Refusal::NoWayBack(_) | Refusal::Strays(_) | Refusal::WrongAccount { .. }) | None,
        ) => record,
        (Ok(Found::Vacant { .. } | Found::Unmanaged | Found::Edited(_)), _) => {
            return State::Absent;
        }
    };
    let is_listed = |id: TokenId| listed.is_none_or(|all| all.iter().any(|token| token.id == id));
    if record.expires_at.is_some_and(|at| at <= look.now) {
        State::Expired
    } else if !is_listed(record.token_id) {
        State::Missing
    } else if living(record, listed).next().is_some() {
        let time = signed(subject.policy.gate.longest());
        let deadline = record.published_at.saturating_add(time).unwrap_or(Timestamp::MAX);
        match record.phase {
            Phase::Retiring => State::Retiring,
            Phase::Published if record.is_rolled_back() => State::RolledBack,
            Phase::Published if deadline < look.now => State::Overdue,
            Phase::Published => State::InProgress,
        }
    } else if !elsewhere.is_empty() {
        State::Held
    } else if due(&subject.policy, record, look.now).is_some() {
        State::Due
    } else if subject.policy.paused {
        State::Paused
    } else {
        State::Fresh
    }
}

/// When it is rotated next; in the past if it is due.
fn next(credential: &Credential, record: &Record, now: Timestamp) -> Option<Timestamp> {
    match due(&credential.policy, record, now) {
        Some(Due::Scheduled(at)) => Some(at),
        Some(Due::Expiring(at)) => Some(renewal(&credential.policy, at)),
        None => next_due(&credential.policy, record, now),
    }
}
