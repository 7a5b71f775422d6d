//! How one credential stands, as its secret and its account's list show it, and as a running daemon knows.

use jiff::Timestamp;
use serde::Serialize;

use super::super::inventory::Inventory;
use super::super::observe::{self, ObservedSecret};
use super::daemon::Daemon;
use crate::config::Config;
use crate::engine::subject;
use crate::names::{AccountName, CredentialName, TokenId};
use crate::record::TokenType;
use crate::rotation::condition::{
    Condition, Observed, Problem, Reason, Seen, Tokens, condition, living,
};
use crate::rotation::decide::{Decision, Observation, Refusal, Request, Subject, decide};
use crate::rotation::evidence::Evidence;
use crate::rotation::mirror::{MirrorState, foreign};
use crate::rotation::ownership::Ownership;
use crate::rotation::step_log::Step;
use crate::rotation::time::Time;
use crate::rotation::world::ListedToken;
use crate::text::{instant, relative, span};

const UNKNOWN: &str = "?";
const NONE: &str = "-";

/// A token that nobody manages.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct UnmanagedToken {
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
    #[serde(flatten)]
    pub(in crate::cli) condition: Condition,
    previous_token_ids: Vec<TokenId>,
    /// `None` if the account could not be listed.
    pub(in crate::cli) orphans: Option<Vec<TokenId>>,
    /// Tokens that live where the secret is not; of the record alone, if the account could not be listed.
    elsewhere_token_ids: Vec<TokenId>,
    /// `None` if the account could not be listed.
    pub(in crate::cli) unmanaged_tokens: Option<Vec<UnmanagedToken>>,
    /// What the gate of a rotation in progress waits for, where asking for it is no more than looking.
    pub(in crate::cli) awaits: Option<String>,
    /// What could not be seen.
    pub(in crate::cli) error: Option<String>,
    #[serde(skip)]
    now: Timestamp,
}

impl Row {
    /// What `observed` shows; `daemon` is the one that runs beside this command, if one does.
    pub(in crate::cli) fn new(
        config: &Config,
        observed: &observe::Observed<'_>,
        inventory: &Inventory,
        daemon: &Daemon,
    ) -> Self {
        let credential = observed.credential;
        let subject = subject(config, credential);
        let listed = observed.listed();
        let served = match &observed.secret {
            Ok(ObservedSecret::Managed(record)) => Some(&**record),
            Ok(
                ObservedSecret::Vacant { .. }
                | ObservedSecret::Unmanaged
                | ObservedSecret::Edited(_),
            )
            | Err(_) => None,
        };
        let tokens = tokens(&subject, observed);
        let condition = stands(&subject, observed, &tokens, daemon);
        let fault = observed.fault();
        Self {
            name: credential.name.clone(),
            username: credential.username.clone(),
            token_type: served.map_or(credential.token_type, |record| record.token_type),
            store: credential.store.clone(),
            path: credential.path.clone(),
            token_id: served.map(|record| record.token_id),
            created_at: served.map(|record| record.created_at),
            expires_at: served.and_then(|record| record.expires_at),
            age_seconds: served
                .map(|record| observed.time.now.duration_since(record.created_at).as_secs()),
            previous_token_ids: condition.predecessors.clone(),
            orphans: condition.orphans.clone(),
            elsewhere_token_ids: condition.elsewhere.clone(),
            condition: match fault.and_then(|fault| fault.hint.clone()) {
                Some(hint) => Condition { hint: Some(hint), ..condition },
                None => condition,
            },
            unmanaged_tokens: listed.map(|listed| {
                let is_stray = |token: &&ListedToken| {
                    inventory.ownership(config, &credential.username, token) == Ownership::Unmanaged
                };
                listed.iter().filter(is_stray).map(UnmanagedToken::from).collect()
            }),
            awaits: None,
            error: fault.map(|fault| fault.message.clone()),
            now: observed.time.now,
        }
    }

    /// Why it stands as it does, since when, what comes next and what to do: what a person should know.
    pub(in crate::cli) fn note(&self) -> Option<String> {
        // Who paused it, until when and why, is said too: nobody should have to guess.
        let is_told = |it: &&Condition| it.needs_attention() || it.pause.is_some();
        let condition = Some(&self.condition).filter(is_told)?;
        let (reason, message) = condition.reason.zip(condition.message.as_ref())?;
        let since = condition.since.map(|since| format!(" since {}", instant(since)));
        let step = condition.step.map(|step| format!("{}: ", step.as_str()));
        Some(format!(
            "{}: {}{}: {}{}: {message}",
            self.name,
            condition.state.label(),
            since.unwrap_or_default(),
            step.unwrap_or_default(),
            reason.as_str()
        ))
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
            match self.condition.next_rotation {
                Some(at) if at <= self.now => "now".to_owned(),
                Some(at) if self.condition.waits_for_window => {
                    format!("{}, in its window", relative(at, self.now))
                }
                Some(at) => relative(at, self.now),
                None => none(),
            },
            self.condition.state.label().to_owned(),
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

impl From<&ListedToken> for UnmanagedToken {
    fn from(token: &ListedToken) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}

/// The tokens that live. Where somebody else's token, or nobody's, stands in the secret, nothing lives elsewhere that
/// anybody knows of.
fn tokens(subject: &Subject, observed: &observe::Observed<'_>) -> Tokens {
    let record = observed.secret.as_ref().ok().and_then(ObservedSecret::record);
    let ours = record.filter(|record| record.owner == subject.owner);
    let tokens = living(subject, ours, observed.listed(), &Evidence::default(), observed.time);
    match &observed.secret {
        Ok(ObservedSecret::Vacant { .. }) => tokens,
        Ok(_) if ours.is_some() => tokens,
        Ok(_) | Err(_) => Tokens { elsewhere: vec![], elsewhere_expires_at: None, ..tokens },
    }
}

/// How it stands: by the same judgement as the daemon's, to which a running daemon gives what its last run came to.
fn stands(
    subject: &Subject,
    observed: &observe::Observed<'_>,
    tokens: &Tokens,
    daemon: &Daemon,
) -> Condition {
    let refusal =
        observed.secret.as_ref().ok().and_then(|found| refusal(subject, found, observed.time));
    let secret = match (&observed.secret, &refusal) {
        (Err(fault), _) => Seen::Unreadable(fault),
        (Ok(_), Some(refusal)) => Seen::Refused(refusal),
        (Ok(ObservedSecret::Managed(record)), None) => Seen::Serves(record),
        (
            Ok(
                ObservedSecret::Vacant { .. }
                | ObservedSecret::Unmanaged
                | ObservedSecret::Edited(_),
            ),
            None,
        ) => Seen::Empty,
    };
    let last_run = match secret {
        Seen::Serves(record) => daemon.last_run(observed.credential, Some(record)),
        Seen::Empty => daemon.last_run(observed.credential, None),
        Seen::NotYet | Seen::Unreadable(_) | Seen::Refused(_) => None,
    };
    let mirror = unmirrored(observed);
    let seen = Observed {
        credential: &observed.credential.name,
        secret,
        tokens,
        mirror: mirror.as_ref(),
        working: None,
        kept: None,
    };
    condition(&subject.policy, &seen, last_run.as_ref(), observed.time)
}

/// A mirror that does not serve what the store serves, one that waits for a person before all.
fn unmirrored(observed: &observe::Observed<'_>) -> Option<Problem> {
    if let Some(mirror) = observed.mirror_with(MirrorState::Foreign) {
        let fault = foreign(&mirror.place());
        let (reason, message) = (Reason::MirrorEdited, fault.message);
        return Some(Problem { step: Some(Step::Mirror), reason, message, hint: fault.hint });
    }
    observed.mirror_with(MirrorState::Behind).map(|mirror| Problem {
        step: Some(Step::Mirror),
        reason: Reason::MirrorBehind,
        message: format!("mirror {} does not serve the token", mirror.place()),
        hint: Some(format!(
            "a daemon writes it within `daemon.sweep`; at once: pintail rotate-now --due {}",
            observed.credential.name
        )),
    })
}

/// What the reconciler refuses to touch, by its own word.
fn refusal(subject: &Subject, found: &ObservedSecret, time: Time) -> Option<Refusal> {
    let seen = Observation {
        time,
        secret: found.state(&[]),
        listing: None,
        mirrored: true,
        is_unproved: false,
        evidence: &Evidence::default(),
        request: Request::FINISH,
    };
    if let Decision::Refuse(refusal) = decide(subject, &seen).step { Some(refusal) } else { None }
}
